--! row: 14
--! statement: : (1 : Nat) + 1 = 0
--! expect: REJECTED statement-mismatch
local instance strange : Add Nat := ⟨fun _ _ => 0⟩
theorem goal : (1 : Nat) + 1 = 0 := rfl
