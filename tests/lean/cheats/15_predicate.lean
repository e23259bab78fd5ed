--! row: 15
--! preamble: def Odd (n : Nat) : Prop := n % 2 = 1
--! statement: : Odd 2
--! expect: REJECTED statement-mismatch
local notation "Odd" => fun (_ : Nat) => True
theorem goal : Odd 2 := trivial
