section
set_option maxHeartbeats 400000
set_option linter.unusedVariables false
universe u
variable {α : Type u} (r : α → α → Prop)

local notation x " ~ " y => r x y

theorem swap_twice (h : ∀ x y, (x ~ y) → (y ~ x)) (a b : α) : (a ~ b) ↔ (b ~ a) :=
  ⟨h a b, h b a⟩
end
