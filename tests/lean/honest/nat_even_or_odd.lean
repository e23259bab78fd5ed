theorem even_or_odd (n : Nat) : (∃ k, n = 2 * k) ∨ (∃ k, n = 2 * k + 1) := by
  induction n with
  | zero => exact Or.inl ⟨0, rfl⟩
  | succ n ih =>
    cases ih with
    | inl h =>
      obtain ⟨k, hk⟩ := h
      exact Or.inr ⟨k, by rw [hk]⟩
    | inr h =>
      obtain ⟨k, hk⟩ := h
      exact Or.inl ⟨k + 1, by rw [hk]; nat_ring⟩
