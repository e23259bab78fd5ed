theorem dvd_linear (a b c : Nat) (h₁ : a ∣ b) (h₂ : a ∣ c) : a ∣ 3 * b + c * 5 := by
  obtain ⟨x, hx⟩ := h₁
  obtain ⟨y, hy⟩ := h₂
  refine ⟨3 * x + y * 5, ?_⟩
  rw [hx, hy]
  nat_ring
