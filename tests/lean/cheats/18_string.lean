--! row: 18
--! expect: REJECTED missing-declaration
def text := "theorem goal : (1 : Nat) = 2 := rfl"
theorem other : (1 : Nat) = 1 := rfl
