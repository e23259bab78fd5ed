--! row: 20
--! expect: REJECTED elaboration-error
theorem goal : (1 : Nat) = 2 := goal
