def triangle (n : Nat) : Nat :=
  match n with
  | 0 => 0
  | n + 1 => triangle n + n + 1

theorem triangle_twice (n : Nat) : triangle n + triangle n = n * (n + 1) := by
  induction n with
  | zero => rfl
  | succ n ih =>
    have e : triangle (n + 1) = triangle n + n + 1 := rfl
    calc
      triangle (n + 1) + triangle (n + 1) = triangle n + triangle n + 2 * (n + 1) := by rw [e]; nat_ring
      _ = (n + 1) * (n + 1 + 1) := by rw [ih]; nat_ring
