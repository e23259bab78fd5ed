theorem no_largest : ∀ n : Nat, ∃ m, n < m := fun n => ⟨n + 1, Nat.lt_succ_self n⟩
