--! row: 15
--! statement: : False
--! expect: REJECTED statement-mismatch
notation "False" => True
theorem goal : False := trivial
