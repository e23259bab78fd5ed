theorem majority : ∀ a b c : Bool, (a && b || b && c || a && c) = (c && a || c && b || b && a) := by
  intro a b c
  cases a <;> cases b <;> cases c <;> rfl
