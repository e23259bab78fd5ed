--! row: 33
--! expect: REJECTED elaboration-error
by exact?
