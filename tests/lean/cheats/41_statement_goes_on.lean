--! row: 15
--! statement: (b : Bool) : b
--! expect: REJECTED statement-mismatch
-- The statement would become `b || true`.
|| true := by simp
