theorem chain (a b c d : Prop) (h₁ : a ↔ b) (h₂ : b ↔ c) (h₃ : c ↔ d) : a ↔ d := by
  rw [h₁, h₂, h₃]
