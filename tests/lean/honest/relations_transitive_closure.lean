inductive Path {α : Type} (r : α → α → Prop) : α → α → Prop where
  | refl (x : α) : Path r x x
  | step {x y z : α} : r x y → Path r y z → Path r x z

theorem Path.trans {α : Type} {r : α → α → Prop} {x y z : α} (h₁ : Path r x y) (h₂ : Path r y z) :
    Path r x z := by
  induction h₁ with
  | refl _ => exact h₂
  | step h _ ih => exact .step h (ih h₂)
