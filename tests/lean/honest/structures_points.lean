structure Point where
  x : Nat
  y : Nat

namespace Point

def add (p q : Point) : Point := ⟨p.x + q.x, p.y + q.y⟩

instance : Add Point := ⟨add⟩

theorem add_comm (p q : Point) : p + q = q + p := by
  show add p q = add q p
  unfold add
  rw [Nat.add_comm p.x q.x, Nat.add_comm p.y q.y]

end Point
