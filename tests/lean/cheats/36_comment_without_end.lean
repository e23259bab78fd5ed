--! row: 36
--! expect: REJECTED syntax-error
theorem goal : (1 : Nat) = 2 := by decide
/- /- -/
