theorem max_idem (a : Nat) : (if a ≤ a then a else 0) = a := by
  rw [if_pos (Nat.le_refl a)]
