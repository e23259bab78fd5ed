inductive Even : Nat → Prop where
  | zero : Even 0
  | step {n : Nat} : Even n → Even (n + 2)

theorem one_not_even : ¬Even 1 := by
  intro h
  cases h
