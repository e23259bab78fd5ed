theorem refl_all : ∀ n : Nat, n = n
  | _ => rfl
