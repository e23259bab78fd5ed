--! row: 10
--! expect: REJECTED kind-mismatch
axiom cheat : (1 : Nat) = 2
opaque goal : (1 : Nat) = 2 := cheat
