--! row: 28
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED syntax-error
module
theorem goal : (1 : Nat) = 2 := sorry
