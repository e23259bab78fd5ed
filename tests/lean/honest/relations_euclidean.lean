theorem euclidean {α : Type} (r : α → α → Prop) (refl : ∀ x, r x x)
    (euc : ∀ x y z, r x y → r x z → r y z) : ∀ x y, r x y → r y x := by
  intro x y h
  exact euc x y x h (refl x)
