theorem choose_function {α β : Type} (r : α → β → Prop) (h : ∀ a, ∃ b, r a b) :
    ∃ f : α → β, ∀ a, r a (f a) :=
  ⟨fun a => Classical.choose (h a), fun a => Classical.choose_spec (h a)⟩
