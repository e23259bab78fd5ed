--! row: 29
--! expect: REJECTED disallowed-axiom
axiom «propext » : (1 : Nat) = 2
theorem goal : (1 : Nat) = 2 := «propext »
