--! row: 23
--! statement: : 10 < 20
--! expect: REJECTED syntax-error
-- lean4-core has nothing that it could compile to.
by native_decide
