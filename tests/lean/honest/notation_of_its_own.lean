def Divides (a b : Nat) : Prop := ∃ k, b = a * k
infix:50 " divides " => Divides

theorem divides_trans (a b c : Nat) (h₁ : a divides b) (h₂ : b divides c) : a divides c := by
  obtain ⟨x, hx⟩ := h₁
  obtain ⟨y, hy⟩ := h₂
  exact ⟨x * y, by rw [hy, hx, Nat.mul_assoc]⟩
