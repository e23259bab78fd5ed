--! row: 5
--! statement: : (1 : Nat) = 1
--! clean: yes
--! expect: REJECTED incomplete-proof
-- Accepted, with a warning, where a clean file is not asked for.
theorem unused : (1 : Nat) = 2 := sorry
theorem goal : (1 : Nat) = 1 := rfl
