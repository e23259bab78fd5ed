--! row: 2
--! expect: REJECTED incomplete-proof
-- Lean says nothing at all of it.
set_option warn.sorry false
theorem goal : (1 : Nat) = 2 := by sorry
