--! row: 5
--! statement: : (1 : Nat) = 1
--! clean: yes
--! expect: REJECTED incomplete-proof
set_option warn.sorry false
theorem unused : (1 : Nat) = 2 := sorry
theorem goal : (1 : Nat) = 1 := rfl
