--! row: 9
--! expect: REJECTED disallowed-axiom
class Cheat where
  out : (1 : Nat) = 2
axiom cheat : (1 : Nat) = 2
instance : Cheat := ⟨cheat⟩
theorem goal : (1 : Nat) = 2 := Cheat.out
