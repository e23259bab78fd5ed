--! row: 29
--! expect: REJECTED disallowed-axiom
axiom Std.TrustMe.sound : (1 : Nat) = 2
theorem goal : (1 : Nat) = 2 := Std.TrustMe.sound
