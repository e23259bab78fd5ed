--! row: 8
--! expect: REJECTED disallowed-axiom
axiom cheat : False
opaque h : PLift False := ⟨cheat⟩
def k : False := h.down
theorem goal : (1 : Nat) = 2 := k.elim
