--! row: 24
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED elaboration-error
def h : Nat := 1
def k : Nat := 2
attribute [local simp, implemented_by h] k
theorem goal : (1 : Nat) = 2 := by decide
