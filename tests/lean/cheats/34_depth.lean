--! row: 34
--! preamble: def f (n : Nat) : Nat := n
--! statement: (a b : Nat) (h : ∀ n, f n = f (n + 1)) : f a = f b
--! expect: INCONCLUSIVE recursion-depth-exceeded
by
  simp only [h]
