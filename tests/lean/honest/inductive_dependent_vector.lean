inductive Vec (α : Type) : Nat → Type where
  | nil : Vec α 0
  | cons {n : Nat} : α → Vec α n → Vec α (n + 1)

def Vec.map {α β : Type} (f : α → β) : {n : Nat} → Vec α n → Vec β n
  | _, .nil => .nil
  | _, .cons x xs => .cons (f x) (xs.map f)

theorem Vec.map_id {α : Type} {n : Nat} (v : Vec α n) : v.map (fun x => x) = v := by
  induction v with
  | nil => rfl
  | cons x xs ih => simp [Vec.map, ih]
