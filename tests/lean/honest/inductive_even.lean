inductive Even : Nat → Prop where
  | zero : Even 0
  | step {n : Nat} : Even n → Even (n + 2)

theorem even_add {m n : Nat} (hm : Even m) (hn : Even n) : Even (n + m) := by
  induction hm with
  | zero => exact hn
  | step _ ih => exact .step ih
