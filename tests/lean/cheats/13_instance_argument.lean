--! row: 13
--! expect: REJECTED statement-mismatch
class Cheat : Prop where
  out : False
theorem goal [Cheat] : (1 : Nat) = 2 := Cheat.out.elim
