theorem curry (p q r : Prop) : (p ∧ q → r) ↔ (p → q → r) :=
  ⟨fun h hp hq => h ⟨hp, hq⟩, fun h hpq => h hpq.1 hpq.2⟩
