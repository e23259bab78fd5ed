theorem drinker {Person : Type} (someone : Person) (drinks : Person → Prop) :
    ∃ x, drinks x → ∀ y, drinks y := by
  by_cases h : ∀ y, drinks y
  · exact ⟨someone, fun _ => h⟩
  · apply Classical.byContradiction
    intro no
    apply h
    intro y
    apply Classical.byContradiction
    intro hy
    exact no ⟨y, fun d => absurd d hy⟩
