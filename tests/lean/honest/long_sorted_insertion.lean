def insert (x : Nat) : List Nat → List Nat
  | [] => [x]
  | y :: ys => if x ≤ y then x :: y :: ys else y :: insert x ys

def sort : List Nat → List Nat
  | [] => []
  | x :: xs => insert x (sort xs)

def count (n : Nat) : List Nat → Nat
  | [] => 0
  | x :: xs => (if x = n then 1 else 0) + count n xs

inductive Sorted : List Nat → Prop where
  | nil : Sorted []
  | single (x : Nat) : Sorted [x]
  | cons {x y : Nat} {ys : List Nat} : x ≤ y → Sorted (y :: ys) → Sorted (x :: y :: ys)

theorem count_insert (n x : Nat) (xs : List Nat) : count n (insert x xs) = count n (x :: xs) := by
  induction xs with
  | nil => rfl
  | cons y ys ih =>
    unfold insert
    by_cases h : x ≤ y
    · rw [if_pos h]
    · rw [if_neg h]
      show (if y = n then 1 else 0) + count n (insert x ys) = _
      rw [ih]
      show (if y = n then 1 else 0) + ((if x = n then 1 else 0) + count n ys)
        = (if x = n then 1 else 0) + ((if y = n then 1 else 0) + count n ys)
      rw [Nat.add_left_comm]

theorem count_sort (n : Nat) (xs : List Nat) : count n (sort xs) = count n xs := by
  induction xs with
  | nil => rfl
  | cons x xs ih =>
    show count n (insert x (sort xs)) = _
    rw [count_insert]
    show (if x = n then 1 else 0) + count n (sort xs) = (if x = n then 1 else 0) + count n xs
    rw [ih]

theorem sorted_insert (x : Nat) (xs : List Nat) (h : Sorted xs) : Sorted (insert x xs) := by
  induction h with
  | nil => exact .single x
  | single y =>
    unfold insert
    by_cases h : x ≤ y
    · rw [if_pos h]
      exact .cons h (.single y)
    · rw [if_neg h]
      exact .cons (Nat.le_of_lt (Nat.lt_of_not_le h)) (.single x)
  | @cons y z zs hyz hs ih =>
    unfold insert
    by_cases h : x ≤ y
    · rw [if_pos h]
      exact .cons h (.cons hyz hs)
    · rw [if_neg h]
      have hy := Nat.le_of_lt (Nat.lt_of_not_le h)
      unfold insert at ih ⊢
      by_cases hz : x ≤ z
      · rw [if_pos hz] at ih ⊢
        exact .cons hy ih
      · rw [if_neg hz] at ih ⊢
        exact .cons hyz ih

theorem sort_is_right (xs : List Nat) : Sorted (sort xs) ∧ ∀ n, count n (sort xs) = count n xs := by
  refine ⟨?_, fun n => count_sort n xs⟩
  induction xs with
  | nil => exact .nil
  | cons x xs ih => exact sorted_insert x _ ih
