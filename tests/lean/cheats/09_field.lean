--! row: 9
--! expect: REJECTED disallowed-axiom
structure Box where
  n : Nat
  h : (1 : Nat) = n
axiom two : Box
axiom is_two : two.n = 2
theorem goal : (1 : Nat) = 2 := two.h.trans is_two
