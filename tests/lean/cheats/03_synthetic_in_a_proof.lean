--! row: 3
--! expect: REJECTED incomplete-proof
by exact sorryAx _ true
