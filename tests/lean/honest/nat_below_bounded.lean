theorem small : ∀ n : Nat, n < 20 → n * n < 400 := by decide
