def Xor (p q : Prop) : Prop := (p ∧ ¬q) ∨ (q ∧ ¬p)

theorem xor_comm (p q : Prop) : Xor p q ↔ Xor q p := by
  unfold Xor
  constructor <;> intro h <;> cases h with
  | inl h => exact Or.inr h
  | inr h => exact Or.inl h
