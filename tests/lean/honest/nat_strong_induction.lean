theorem descent (p : Nat → Prop) (h : ∀ n, ¬p n → ∃ m, m < n ∧ ¬p m) : ∀ n, p n := by
  intro n
  induction n using Nat.strongRecOn with
  | ind n ih =>
    apply Classical.byContradiction
    intro hn
    obtain ⟨m, hm, hp⟩ := h n hn
    exact hp (ih m hm)
