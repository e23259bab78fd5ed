def andThen {α β : Type} (o : Option α) (f : α → Option β) : Option β :=
  match o with
  | none => none
  | some a => f a

theorem andThen_assoc {α β γ : Type} (o : Option α) (f : α → Option β) (g : β → Option γ) :
    andThen (andThen o f) g = andThen o (fun a => andThen (f a) g) := by
  cases o <;> rfl
