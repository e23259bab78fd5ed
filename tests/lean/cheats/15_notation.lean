--! row: 15
--! expect: REJECTED elaboration-error
local infix:50 " = " => fun (_ _ : Nat) => True
theorem goal : (1 : Nat) = 2 := trivial
