def revOnto {α : Type} : List α → List α → List α
  | [], acc => acc
  | x :: xs, acc => revOnto xs (x :: acc)

theorem revOnto_eq {α : Type} (xs acc : List α) : revOnto xs acc = revOnto xs [] ++ acc := by
  induction xs generalizing acc with
  | nil => rfl
  | cons x xs ih =>
    show revOnto xs (x :: acc) = revOnto xs [x] ++ acc
    rw [ih (x :: acc), ih [x], List.append_assoc]
    rfl
