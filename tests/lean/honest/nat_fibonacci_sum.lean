def fib : Nat → Nat
  | 0 => 0
  | 1 => 1
  | n + 2 => fib n + fib (n + 1)

def total : Nat → Nat
  | 0 => 0
  | n + 1 => total n + fib n

theorem total_fib (n : Nat) : total n + 1 = fib (n + 1) := by
  induction n with
  | zero => rfl
  | succ n ih =>
    show total n + fib n + 1 = fib n + fib (n + 1)
    rw [← ih]
    nat_ring
