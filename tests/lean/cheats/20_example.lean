--! row: 20
--! expect: REJECTED missing-declaration
axiom cheat : (1 : Nat) = 2
example : (1 : Nat) = 2 := cheat
