--! row: 14
--! expect: REJECTED statement-mismatch
-- It prints as `1 = 2`, and needs no axiom.
instance (priority := 10000) shadow : OfNat Nat 1 := ⟨2⟩
theorem goal : (1 : Nat) = 2 := rfl
