theorem swap (p q : Prop) : p ∧ q → q ∧ p := fun h => ⟨h.2, h.1⟩
