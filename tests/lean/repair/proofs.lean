theorem and_rotate (p q r : Prop) (h : p ∧ q ∧ r) : q ∧ r ∧ p := by
  obtain ⟨hp, hq, hr⟩ := h
  constructor
  · exact hq
  · constructor
    · exact hr
    · exact hp

theorem or_rotate (p q r : Prop) (h : p ∨ q ∨ r) : q ∨ r ∨ p := by
  rcases h with hp | hq | hr
  · right
    right
    exact hp
  · left
    exact hq
  · right
    left
    exact hr

theorem and_over_or (p q r : Prop) : p ∧ (q ∨ r) ↔ (p ∧ q) ∨ (p ∧ r) := by
  constructor
  · intro h
    obtain ⟨hp, hqr⟩ := h
    rcases hqr with hq | hr
    · left
      exact ⟨hp, hq⟩
    · right
      exact ⟨hp, hr⟩
  · intro h
    rcases h with hpq | hpr
    · exact ⟨hpq.1, Or.inl hpq.2⟩
    · exact ⟨hpr.1, Or.inr hpr.2⟩

theorem chain_of_three (p q r s : Prop) (f : p → q) (g : q → r) (h : r → s) : p → s := by
  intro hp
  have hq : q := f hp
  have hr : r := g hq
  have hs : s := h hr
  exact hs

theorem contraposed (p q : Prop) (h : p → q) : ¬q → ¬p := by
  intro hnq
  intro hp
  have hq : q := h hp
  exact hnq hq

theorem not_both (p q : Prop) (h : p → ¬q) : ¬(p ∧ q) := by
  intro hpq
  obtain ⟨hp, hq⟩ := hpq
  have hnq : ¬q := h hp
  exact hnq hq

theorem de_morgan (p q : Prop) (h : ¬(p ∨ q)) : ¬p ∧ ¬q := by
  constructor
  · intro hp
    apply h
    left
    exact hp
  · intro hq
    apply h
    right
    exact hq

theorem exists_and_left' (α : Type) (p : Prop) (q : α → Prop) (h : ∃ x, p ∧ q x) : p ∧ ∃ x, q x := by
  obtain ⟨x, hp, hq⟩ := h
  constructor
  · exact hp
  · exact ⟨x, hq⟩

theorem all_and (α : Type) (p q : α → Prop) (h : ∀ x, p x ∧ q x) : (∀ x, p x) ∧ (∀ x, q x) := by
  constructor
  · intro x
    have hx := h x
    exact hx.1
  · intro x
    have hx := h x
    exact hx.2

theorem no_greatest_pair (α : Type) (r : α → α → Prop) (h : ∀ x, ∃ y, r x y) (a : α) : ∃ b c, r a b ∧ r b c := by
  obtain ⟨b, hb⟩ := h a
  obtain ⟨c, hc⟩ := h b
  refine ⟨b, c, ?_, ?_⟩
  · exact hb
  · exact hc

theorem equal_chain (a b c d : Nat) (h₁ : a = b) (h₂ : c = b) (h₃ : c = d) : a = d := by
  have h₄ : b = c := h₂.symm
  have h₅ : a = c := by
    rw [h₁]
    exact h₄
  rw [h₅]
  exact h₃

theorem zero_add_again (n : Nat) : 0 + n = n := by
  induction n with
  | zero => rfl
  | succ k ih =>
    have step : 0 + (k + 1) = (0 + k) + 1 := rfl
    rw [step]
    rw [ih]

theorem add_comm_again (a b : Nat) : a + b = b + a := by
  induction b with
  | zero =>
    rw [Nat.add_zero]
    rw [Nat.zero_add]
  | succ k ih =>
    rw [Nat.add_succ]
    rw [Nat.succ_add]
    rw [ih]

theorem double_is_sum (n : Nat) : 2 * n = n + n := by
  induction n with
  | zero => rfl
  | succ k ih =>
    have step : 2 * (k + 1) = 2 * k + 2 := Nat.mul_succ 2 k
    rw [step]
    rw [ih]
    nat_ring

theorem square_of_sum (a b : Nat) : (a + b) * (a + b) = a * a + 2 * (a * b) + b * b := by
  have left : (a + b) * (a + b) = a * (a + b) + b * (a + b) := Nat.add_mul a b (a + b)
  have first : a * (a + b) = a * a + a * b := Nat.mul_add a a b
  have second : b * (a + b) = b * a + b * b := Nat.mul_add b a b
  rw [left, first, second]
  rw [Nat.mul_comm b a]
  rw [Nat.two_mul]
  nat_ring

theorem order_of_sums (a b c d : Nat) (h₁ : a ≤ b) (h₂ : c ≤ d) : a + c ≤ b + d := by
  have first : a + c ≤ b + c := Nat.add_le_add_right h₁ c
  have second : b + c ≤ b + d := Nat.add_le_add_left h₂ b
  exact Nat.le_trans first second

theorem between (a b c : Nat) (h₁ : a ≤ b) (h₂ : b ≤ c) (h₃ : c ≤ a) : a = b ∧ b = c := by
  have hba : b ≤ a := Nat.le_trans h₂ h₃
  have hcb : c ≤ b := Nat.le_trans h₃ h₁
  constructor
  · apply Nat.le_antisymm
    · exact h₁
    · exact hba
  · apply Nat.le_antisymm
    · exact h₂
    · exact hcb

theorem either_zero (n : Nat) : n = 0 ∨ ∃ k, n = k + 1 := by
  cases n with
  | zero =>
    left
    rfl
  | succ k =>
    right
    exact ⟨k, rfl⟩

theorem divides_both (a b c : Nat) (h₁ : a ∣ b) (h₂ : a ∣ c) : a ∣ b + c := by
  obtain ⟨k, hk⟩ := h₁
  obtain ⟨m, hm⟩ := h₂
  refine ⟨k + m, ?_⟩
  rw [hk, hm]
  rw [Nat.mul_add]

theorem divides_through (a b c : Nat) (h₁ : a ∣ b) (h₂ : b ∣ c) : a ∣ c := by
  obtain ⟨k, hk⟩ := h₁
  obtain ⟨m, hm⟩ := h₂
  refine ⟨k * m, ?_⟩
  rw [hm]
  rw [hk]
  rw [Nat.mul_assoc]

theorem swap_pair (α β : Type) (x : α × β) : ∃ y : β × α, y.1 = x.2 ∧ y.2 = x.1 := by
  obtain ⟨a, b⟩ := x
  refine ⟨(b, a), ?_⟩
  constructor
  · rfl
  · rfl

theorem append_nil_again (α : Type) (xs : List α) : xs ++ [] = xs := by
  induction xs with
  | nil => rfl
  | cons x rest ih =>
    have step : (x :: rest) ++ [] = x :: (rest ++ []) := rfl
    rw [step]
    rw [ih]

theorem length_of_append (α : Type) (xs ys : List α) : (xs ++ ys).length = xs.length + ys.length := by
  induction xs with
  | nil =>
    show ys.length = 0 + ys.length
    rw [Nat.zero_add]
  | cons x rest ih =>
    show (rest ++ ys).length + 1 = (rest.length + 1) + ys.length
    rw [ih]
    nat_ring

theorem injective_composes (α β γ : Type) (f : α → β) (g : β → γ) (hf : ∀ x y, f x = f y → x = y) (hg : ∀ x y, g x = g y → x = y) : ∀ x y, g (f x) = g (f y) → x = y := by
  intro x y h
  have hfxy : f x = f y := hg (f x) (f y) h
  apply hf
  exact hfxy

theorem surjective_composes (α β γ : Type) (f : α → β) (g : β → γ) (hf : ∀ y, ∃ x, f x = y) (hg : ∀ z, ∃ y, g y = z) : ∀ z, ∃ x, g (f x) = z := by
  intro z
  obtain ⟨y, hy⟩ := hg z
  obtain ⟨x, hx⟩ := hf y
  refine ⟨x, ?_⟩
  rw [hx]
  exact hy

theorem sum_is_zero (a b : Nat) (h : a + b = 0) : a = 0 ∧ b = 0 := by
  cases a with
  | zero =>
    constructor
    · rfl
    · rw [Nat.zero_add] at h
      exact h
  | succ k =>
    rw [Nat.succ_add] at h
    exact absurd h (Nat.succ_ne_zero _)

theorem strict_chain (a b c : Nat) (h₁ : a < b) (h₂ : b ≤ c) : a < c ∧ a ≠ c := by
  have h₃ : a < c := Nat.lt_of_lt_of_le h₁ h₂
  refine ⟨h₃, ?_⟩
  intro h₄
  rw [h₄] at h₃
  exact Nat.lt_irrefl c h₃

theorem by_cases_twice (p q : Prop) (h : p → q) : ¬p ∨ q := by
  by_cases hp : p
  · right
    exact h hp
  · left
    exact hp

theorem calc_of_sums (a b c : Nat) (h : a = b) : a + c + b = b + (c + b) := by
  calc a + c + b = b + c + b := by rw [h]
    _ = b + (c + b) := by rw [Nat.add_assoc]

theorem symmetric_closure (α : Type) (r : α → α → Prop) (sym : ∀ x y, r x y → r y x) (trans : ∀ x y z, r x y → r y z → r x z) (x y : α) (h : r x y) : r x x ∧ r y y := by
  have back : r y x := sym x y h
  constructor
  · apply trans x y x
    · exact h
    · exact back
  · apply trans y x y
    · exact back
    · exact h
