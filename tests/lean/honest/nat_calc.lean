theorem rearrange (a b c d : Nat) : a + b + (c + d) = a + c + (b + d) :=
  calc
    a + b + (c + d) = a + (b + (c + d)) := Nat.add_assoc a b (c + d)
    _ = a + (c + (b + d)) := by rw [Nat.add_left_comm b c d]
    _ = a + c + (b + d) := (Nat.add_assoc a c (b + d)).symm
