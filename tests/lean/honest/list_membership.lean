theorem mem_twice (n : Nat) (xs : List Nat) (h : n ∈ xs ++ xs) : n ∈ xs := by
  rw [List.mem_append] at h
  cases h with
  | inl h => exact h
  | inr h => exact h
