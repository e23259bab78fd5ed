--! row: 18
--! expect: REJECTED missing-declaration
/-- theorem goal : (1 : Nat) = 2 := rfl -/
theorem other : (1 : Nat) = 1 := rfl
