theorem cantor {α : Type} (f : α → α → Prop) : ∃ s : α → Prop, ∀ x, f x ≠ s := by
  refine ⟨fun x => ¬f x x, ?_⟩
  intro x h
  have e : f x x = ¬f x x := congrFun h x
  have no : ¬f x x := fun hx => (e ▸ hx) hx
  exact no (e ▸ no)
