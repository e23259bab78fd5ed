theorem unique_zero : ∃ z : Nat, (∀ n, z + n = n) ∧ ∀ y : Nat, (∀ n, y + n = n) → y = z := by
  refine ⟨0, fun n => Nat.zero_add n, ?_⟩
  intro y hy
  have h := hy 0
  simpa using h
