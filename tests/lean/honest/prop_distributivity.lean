theorem or_distributes (p q r : Prop) : p ∨ (q ∧ r) ↔ (p ∨ q) ∧ (p ∨ r) := by
  constructor
  · intro h
    cases h with
    | inl hp => exact ⟨Or.inl hp, Or.inl hp⟩
    | inr hqr => exact ⟨Or.inr hqr.1, Or.inr hqr.2⟩
  · rintro ⟨h₁, h₂⟩
    cases h₁ with
    | inl hp => exact Or.inl hp
    | inr hq =>
      cases h₂ with
      | inl hp => exact Or.inl hp
      | inr hr => exact Or.inr ⟨hq, hr⟩
