--! row: 34
--! statement: : ∀ n : Nat, n < 3000 → n * n < 9000000
--! expect: INCONCLUSIVE recursion-depth-exceeded
by decide
