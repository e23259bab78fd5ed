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

end N
