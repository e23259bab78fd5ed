--! row: 11
--! expect: REJECTED statement-mismatch
axiom cheat : (1 : Nat) = 2
instance goal : Subsingleton ((1 : Nat) = 2) := ⟨fun _ _ => rfl⟩
