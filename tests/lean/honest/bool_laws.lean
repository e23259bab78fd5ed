theorem de_morgan_bool (a b : Bool) : (!(a && b)) = (!a || !b) := by
  cases a <;> cases b <;> rfl
