--! row: 7
--! expect: REJECTED disallowed-axiom
axiom cheat : False
theorem goal : (1 : Nat) = 2 := cheat.elim
