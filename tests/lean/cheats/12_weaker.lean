--! row: 12
--! expect: REJECTED statement-mismatch
theorem goal : True := trivial
