theorem cancel (a b c : Nat) (h : a + c = b + c) : a = b := by
  induction c with
  | zero => exact h
  | succ c ih => exact ih (Nat.succ_inj.1 h)
