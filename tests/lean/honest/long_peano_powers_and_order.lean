inductive N where
  | zero : N
  | succ : N → N

namespace N

def add : N → N → N
  | a, zero => a
  | a, succ b => succ (add a b)

def mul : N → N → N
  | _, zero => zero
  | a, succ b => add (mul a b) a

def pow : N → N → N
  | _, zero => succ zero
  | a, succ b => mul (pow a b) a

theorem add_zero (a : N) : add a zero = a := rfl
theorem add_succ (a b : N) : add a (succ b) = succ (add a b) := rfl

theorem zero_add (a : N) : add zero a = a := by
  induction a with
  | zero => rfl
  | succ a ih => rw [add_succ, ih]

theorem succ_add (a b : N) : add (succ a) b = succ (add a b) := by
  induction b with
  | zero => rfl
  | succ b ih => rw [add_succ, add_succ, ih]

theorem add_comm (a b : N) : add a b = add b a := by
  induction b with
  | zero => rw [add_zero, zero_add]
  | succ b ih => rw [add_succ, succ_add, ih]

theorem add_assoc (a b c : N) : add (add a b) c = add a (add b c) := by
  induction c with
  | zero => rfl
  | succ c ih => rw [add_succ, add_succ, add_succ, ih]

theorem add_left_comm (a b c : N) : add a (add b c) = add b (add a c) := by
  rw [← add_assoc, add_comm a b, add_assoc]

theorem add_right_comm (a b c : N) : add (add a b) c = add (add a c) b := by
  rw [add_assoc, add_comm b c, ← add_assoc]

theorem add_left_cancel (a b c : N) (h : add c a = add c b) : a = b := by
  induction c with
  | zero => rw [zero_add, zero_add] at h; exact h
  | succ c ih =>
    rw [succ_add, succ_add] at h
    exact ih (N.succ.inj h)

theorem mul_zero (a : N) : mul a zero = zero := rfl
theorem mul_succ (a b : N) : mul a (succ b) = add (mul a b) a := rfl

theorem zero_mul (a : N) : mul zero a = zero := by
  induction a with
  | zero => rfl
  | succ a ih => rw [mul_succ, ih]; rfl

theorem succ_mul (a b : N) : mul (succ a) b = add (mul a b) b := by
  induction b with
  | zero => rfl
  | succ b ih =>
    rw [mul_succ, mul_succ, ih, add_succ, add_succ, add_right_comm]

theorem mul_comm (a b : N) : mul a b = mul b a := by
  induction b with
  | zero => rw [mul_zero, zero_mul]
  | succ b ih => rw [mul_succ, succ_mul, ih]

theorem mul_one (a : N) : mul a (succ zero) = a := by
  rw [mul_succ, mul_zero, zero_add]

theorem one_mul (a : N) : mul (succ zero) a = a := by
  rw [mul_comm, mul_one]

theorem mul_add (a b c : N) : mul a (add b c) = add (mul a b) (mul a c) := by
  induction c with
  | zero => rfl
  | succ c ih => rw [add_succ, mul_succ, mul_succ, ih, add_assoc]

theorem add_mul (a b c : N) : mul (add a b) c = add (mul a c) (mul b c) := by
  rw [mul_comm, mul_add, mul_comm c a, mul_comm c b]

theorem mul_assoc (a b c : N) : mul (mul a b) c = mul a (mul b c) := by
  induction c with
  | zero => rfl
  | succ c ih => rw [mul_succ, mul_succ, mul_add, ih]

theorem mul_left_comm (a b c : N) : mul a (mul b c) = mul b (mul a c) := by
  rw [← mul_assoc, mul_comm a b, mul_assoc]

theorem pow_zero (a : N) : pow a zero = succ zero := rfl
theorem pow_succ (a b : N) : pow a (succ b) = mul (pow a b) a := rfl

theorem one_pow (a : N) : pow (succ zero) a = succ zero := by
  induction a with
  | zero => rfl
  | succ a ih => rw [pow_succ, ih, mul_one]

theorem pow_one (a : N) : pow a (succ zero) = a := by
  rw [pow_succ, pow_zero, one_mul]

theorem pow_add (a b c : N) : pow a (add b c) = mul (pow a b) (pow a c) := by
  induction c with
  | zero => rw [add_zero, pow_zero, mul_one]
  | succ c ih => rw [add_succ, pow_succ, pow_succ, ih, mul_assoc]

theorem mul_pow (a b c : N) : pow (mul a b) c = mul (pow a c) (pow b c) := by
  induction c with
  | zero => rfl
  | succ c ih =>
    rw [pow_succ, pow_succ, pow_succ, ih, mul_assoc, mul_assoc]
    rw [mul_left_comm (pow b c) a b]

theorem pow_mul (a b c : N) : pow a (mul b c) = pow (pow a b) c := by
  induction c with
  | zero => rfl
  | succ c ih => rw [mul_succ, pow_add, ih, pow_succ]

inductive Le : N → N → Prop where
  | refl (a : N) : Le a a
  | step {a b : N} : Le a b → Le a (succ b)

theorem Le.trans {a b c : N} (h₁ : Le a b) (h₂ : Le b c) : Le a c := by
  induction h₂ with
  | refl => exact h₁
  | step _ ih => exact .step ih

theorem zero_le (a : N) : Le zero a := by
  induction a with
  | zero => exact .refl _
  | succ a ih => exact .step ih

theorem le_add (a b : N) : Le a (add a b) := by
  induction b with
  | zero => exact .refl a
  | succ b ih => exact .step ih

theorem le_iff (a b : N) : Le a b ↔ ∃ c, b = add a c := by
  constructor
  · intro h
    induction h with
    | refl => exact ⟨zero, rfl⟩
    | step _ ih =>
      obtain ⟨c, hc⟩ := ih
      exact ⟨succ c, by rw [hc]; rfl⟩
  · rintro ⟨c, hc⟩
    rw [hc]
    exact le_add a c

theorem succ_le_succ {a b : N} (h : Le a b) : Le (succ a) (succ b) := by
  induction h with
  | refl => exact .refl _
  | step _ ih => exact .step ih

theorem le_total (a b : N) : Le a b ∨ Le b a := by
  induction a with
  | zero => exact Or.inl (zero_le b)
  | succ a ih =>
    cases ih with
    | inr h => exact Or.inr (.step h)
    | inl h =>
      cases h with
      | refl => exact Or.inr (.step (.refl _))
      | step h => exact Or.inl (succ_le_succ h)

theorem add_le_add {a b c d : N} (h₁ : Le a b) (h₂ : Le c d) : Le (add a c) (add b d) := by
  obtain ⟨x, hx⟩ := (le_iff a b).1 h₁
  obtain ⟨y, hy⟩ := (le_iff c d).1 h₂
  apply (le_iff _ _).2
  exact ⟨add x y, by rw [hx, hy, add_assoc, add_assoc, add_left_comm x c y]⟩

theorem mul_le_mul {a b : N} (c : N) (h : Le a b) : Le (mul a c) (mul b c) := by
  obtain ⟨x, hx⟩ := (le_iff a b).1 h
  apply (le_iff _ _).2
  exact ⟨mul x c, by rw [hx, add_mul]⟩

theorem square_of_sum (a b : N) :
    pow (add a b) (succ (succ zero))
      = add (add (pow a (succ (succ zero))) (add (mul a b) (mul a b))) (pow b (succ (succ zero))) := by
  have two (x : N) : pow x (succ (succ zero)) = mul x x := by
    rw [pow_succ, pow_one]
  rw [two, two, two, mul_add, add_mul, add_mul, mul_comm b a]
  rw [add_assoc, add_assoc, add_assoc]

end N
