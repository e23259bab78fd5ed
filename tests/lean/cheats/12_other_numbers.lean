--! row: 12
--! expect: REJECTED statement-mismatch
theorem goal : (1 : Nat) = 1 := rfl
