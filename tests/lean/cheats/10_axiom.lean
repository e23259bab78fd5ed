--! row: 10
--! expect: REJECTED kind-mismatch
axiom goal : (1 : Nat) = 2
