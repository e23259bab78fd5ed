theorem with_let (n : Nat) : let m := n + n; m = 2 * n := by
  intro m
  show n + n = 2 * n
  rw [Nat.two_mul]
