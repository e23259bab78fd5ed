--! row: 39
--! statement: (a : Nat) : a = a
--! expect: REJECTED statement-mismatch
theorem goal.{u} {α : Sort u} (a : α) : a = a := rfl
