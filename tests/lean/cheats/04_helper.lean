--! row: 4
--! expect: REJECTED incomplete-proof
set_option warn.sorry false in
theorem helper : (1 : Nat) = 2 := sorry
theorem goal : (1 : Nat) = 2 := helper
