--! row: 9
--! expect: REJECTED disallowed-axiom
axiom cheat : (1 : Nat) = 2
macro "close" : tactic => `(tactic| exact cheat)
theorem goal : (1 : Nat) = 2 := by close
