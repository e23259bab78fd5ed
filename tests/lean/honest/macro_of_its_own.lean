macro "split_and" : tactic => `(tactic| repeat (first | constructor | assumption))

theorem three (p q r : Prop) (hp : p) (hq : q) (hr : r) : p ∧ q ∧ r := by
  split_and
