theorem forall_and' {α : Type} (p q : α → Prop) : (∀ x, p x ∧ q x) ↔ (∀ x, p x) ∧ (∀ x, q x) := by
  constructor
  · intro h
    exact ⟨fun x => (h x).1, fun x => (h x).2⟩
  · intro ⟨hp, hq⟩ x
    exact ⟨hp x, hq x⟩
