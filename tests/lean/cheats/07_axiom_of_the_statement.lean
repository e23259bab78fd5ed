--! row: 7
--! expect: REJECTED disallowed-axiom
axiom cheat : (1 : Nat) = 2
theorem goal : (1 : Nat) = 2 := by rw [cheat]
