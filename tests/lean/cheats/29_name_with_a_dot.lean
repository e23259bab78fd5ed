--! row: 29
--! expect: REJECTED disallowed-axiom
axiom «Classical.choice» : (1 : Nat) = 2
theorem goal : (1 : Nat) = 2 := «Classical.choice»
