--! row: 6
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED elaboration-error
set_option warn.sorry false
set_option debug.terminalTacticsAsSorry true
theorem goal : (1 : Nat) = 2 := by decide
