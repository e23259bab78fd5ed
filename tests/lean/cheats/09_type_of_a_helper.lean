--! row: 9
--! expect: REJECTED disallowed-axiom
axiom two : { n : Nat // n = 1 ∧ n = 2 }
def P : Prop := two.val = 1 ∧ two.val = 2
theorem helper : P := two.property
theorem goal : (1 : Nat) = 2 := helper.1.symm.trans helper.2
