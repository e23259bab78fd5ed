--! row: 23
--! statement: : 10 < 20
--! expect: REJECTED elaboration-error
by
  have h : Lean.reduceBool (Nat.blt 10 20) = true := rfl
  exact of_decide_eq_true (Lean.ofReduceBool _ true h)
