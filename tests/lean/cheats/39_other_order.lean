--! row: 39
--! statement: (a b : Nat) (h : a < b) : ¬ b < a
--! expect: REJECTED statement-mismatch
theorem goal (b a : Nat) (h : a < b) : ¬ b < a := Nat.not_lt_of_ge (Nat.le_of_lt h)
