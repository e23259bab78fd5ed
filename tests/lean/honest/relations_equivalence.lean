structure IsEquivalence {α : Type} (r : α → α → Prop) : Prop where
  refl : ∀ x, r x x
  symm : ∀ x y, r x y → r y x
  trans : ∀ x y z, r x y → r y z → r x z

theorem kernel_is_equivalence {α β : Type} (f : α → β) : IsEquivalence (fun x y => f x = f y) where
  refl _ := rfl
  symm _ _ h := h.symm
  trans _ _ _ h₁ h₂ := h₁.trans h₂
