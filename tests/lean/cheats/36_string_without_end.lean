--! row: 36
--! expect: REJECTED syntax-error
def s := "
theorem goal : (1 : Nat) = 2 := by decide
