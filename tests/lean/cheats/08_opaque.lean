--! row: 8
--! expect: REJECTED disallowed-axiom
axiom cheat : False
opaque h : False := cheat
theorem goal : (1 : Nat) = 2 := h.elim
