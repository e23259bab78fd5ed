theorem length_append' {α : Type} (xs ys : List α) : (xs ++ ys).length = xs.length + ys.length := by
  induction xs with
  | nil => simp
  | cons x xs ih =>
    show (xs ++ ys).length + 1 = xs.length + 1 + ys.length
    rw [ih]
    nat_ring
