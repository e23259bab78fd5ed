class Group (G : Type) where
  mul : G → G → G
  one : G
  inv : G → G
  assoc : ∀ a b c, mul (mul a b) c = mul a (mul b c)
  one_mul : ∀ a, mul one a = a
  inv_mul : ∀ a, mul (inv a) a = one

namespace Group
variable {G : Type} [Group G]

theorem mul_left_cancel (a b c : G) (h : mul a b = mul a c) : b = c := by
  rw [← one_mul b, ← inv_mul a, assoc, h, ← assoc, inv_mul, one_mul]

theorem mul_inv (a : G) : mul a (inv a) = one := by
  apply mul_left_cancel (inv a)
  rw [← assoc, inv_mul, one_mul]
  apply mul_left_cancel (inv (inv a))
  rw [inv_mul, ← assoc, inv_mul, one_mul] <;> rfl

end Group
