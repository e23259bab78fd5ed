--! row: 13
--! expect: REJECTED statement-mismatch
variable (h : False)
include h
theorem goal : (1 : Nat) = 2 := h.elim
