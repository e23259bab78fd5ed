theorem positive_pred (n : { n : Nat // 0 < n }) : ∃ m, n.val = m + 1 := by
  obtain ⟨n, h⟩ := n
  cases n with
  | zero => exact absurd h (Nat.lt_irrefl 0)
  | succ m => exact ⟨m, rfl⟩
