theorem trichotomy (a b : Nat) : a < b ∨ a = b ∨ b < a := by
  cases Nat.lt_or_ge a b with
  | inl h => exact Or.inl h
  | inr h =>
    right
    cases Nat.eq_or_lt_of_le h with
    | inl e => exact Or.inl e.symm
    | inr l => exact Or.inr l
