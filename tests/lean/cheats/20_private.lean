--! row: 20
--! expect: REJECTED missing-declaration
axiom cheat : (1 : Nat) = 2
private theorem goal : (1 : Nat) = 2 := cheat
