def LeftInverse {α β : Type} (g : β → α) (f : α → β) : Prop := ∀ x, g (f x) = x

theorem injective_of_left_inverse {α β : Type} {f : α → β} {g : β → α} (h : LeftInverse g f)
    (x y : α) (e : f x = f y) : x = y := by
  rw [← h x, e, h y]
