--! row: 1
--! expect: REJECTED incomplete-proof
:= sorryAx _ false
