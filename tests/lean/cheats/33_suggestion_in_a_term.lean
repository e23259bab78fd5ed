--! row: 33
--! expect: REJECTED incomplete-proof
theorem helper : (1 : Nat) = 2 := by apply?
theorem goal : (1 : Nat) = 2 := helper
