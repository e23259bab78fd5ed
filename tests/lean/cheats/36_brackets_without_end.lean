--! row: 36
--! expect: REJECTED syntax-error
:= ((((((((((rfl
