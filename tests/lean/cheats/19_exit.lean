--! row: 19
--! expect: REJECTED missing-declaration
-- Lean ends with a mere warning.
theorem other : (1 : Nat) = 1 := rfl
#exit
theorem goal : (1 : Nat) = 2 := rfl
