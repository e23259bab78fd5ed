--! row: 15
--! expect: REJECTED statement-mismatch
macro_rules | `($_ = $_) => `(True)
theorem goal : (1 : Nat) = 2 := trivial
