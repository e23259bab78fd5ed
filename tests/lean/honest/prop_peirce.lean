theorem peirce (p q : Prop) : ((p → q) → p) → p := by
  intro h
  apply Classical.byContradiction
  intro np
  exact np (h fun hp => absurd hp np)
