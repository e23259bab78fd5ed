--! row: 11
--! expect: REJECTED kind-mismatch
axiom cheat : (1 : Nat) = 2
def goal : (1 : Nat) = 2 := cheat
