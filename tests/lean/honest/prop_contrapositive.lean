theorem contra (p q : Prop) (h : p → q) : ¬q → ¬p := by
  intro hq hp
  exact hq (h hp)
