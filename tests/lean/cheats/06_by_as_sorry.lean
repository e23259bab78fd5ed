--! row: 6
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED incomplete-proof
set_option warn.sorry false
set_option debug.byAsSorry true
theorem goal : (1 : Nat) = 2 := by decide
