--! row: 24
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED elaboration-error
def h : Nat := 1
@[implemented_by h] def k : Nat := 2
theorem goal : (1 : Nat) = 2 := by decide
