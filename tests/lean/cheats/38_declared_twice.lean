--! row: 38
--! statement: : (1 : Nat) = 1
--! expect: REJECTED elaboration-error
theorem goal : (1 : Nat) = 1 := rfl
theorem goal : (1 : Nat) = 1 := rfl
