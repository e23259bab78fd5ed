--! row: 3
--! expect: REJECTED incomplete-proof
-- Not even the word is there.
set_option warn.sorry false
theorem goal : (1 : Nat) = 2 := by exact sorryAx _ true
