--! row: 11
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED elaboration-error
unsafe def loop : (1 : Nat) = 2 := loop
theorem goal : (1 : Nat) = 2 := loop
