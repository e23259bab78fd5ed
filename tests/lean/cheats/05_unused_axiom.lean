--! row: 5
--! statement: : (1 : Nat) = 1
--! clean: yes
--! expect: REJECTED disallowed-axiom
axiom unused : False
theorem goal : (1 : Nat) = 1 := rfl
