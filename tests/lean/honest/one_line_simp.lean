theorem add_zero_twice (n : Nat) : n + 0 + 0 = n := by simp
