def odds : Nat → Nat
  | 0 => 0
  | n + 1 => odds n + (2 * n + 1)

theorem odds_square (n : Nat) : odds n = n * n := by
  induction n with
  | zero => rfl
  | succ n ih =>
    simp only [odds, ih]
    nat_ring
