--! row: 11
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED kind-mismatch
unsafe def goal : (1 : Nat) = 2 := goal
