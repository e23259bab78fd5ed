--! row: 1
--! expect: REJECTED incomplete-proof
by sorry
