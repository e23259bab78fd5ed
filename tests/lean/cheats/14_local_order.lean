--! row: 14
--! statement: : (2 : Nat) < 1
--! expect: REJECTED statement-mismatch
local instance strange : LT Nat := ⟨fun _ _ => True⟩
theorem goal : (2 : Nat) < 1 := trivial
