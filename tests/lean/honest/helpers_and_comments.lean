/-! A file with comments that hold words such as `sorry`, `axiom` and `unsafe`. -/

-- theorem wrong : False := sorry
/- set_option debug.skipKernelTC true /- nested -/ -/

/-- Not an axiom: it is proved. -/
theorem helper (n : Nat) : n ≤ n + 1 := Nat.le_succ n

/-- It says "sorry" in its comment only. -/
theorem steps (n : Nat) : n ≤ n + 2 := Nat.le_trans (helper n) (helper (n + 1))
