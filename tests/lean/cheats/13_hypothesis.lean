--! row: 13
--! expect: REJECTED statement-mismatch
theorem goal (h : False) : (1 : Nat) = 2 := h.elim
