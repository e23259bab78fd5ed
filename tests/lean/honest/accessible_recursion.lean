theorem well_founded_lt (p : Nat → Prop) (h : ∀ n, (∀ m, m < n → p m) → p n) (n : Nat) : p n :=
  Nat.lt_wf.induction n h
