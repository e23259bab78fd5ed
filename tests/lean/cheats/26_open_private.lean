--! row: 26
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED syntax-error
open private mk from Init.Base
theorem goal : (1 : Nat) = 2 := by decide
