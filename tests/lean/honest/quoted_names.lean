theorem «a name with spaces» (n : Nat) : n * 1 = n := by
  exact Nat.mul_one n
