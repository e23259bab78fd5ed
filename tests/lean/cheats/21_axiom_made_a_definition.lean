--! row: 21
--! preamble: axiom secret : Nat
--! statement: : secret = 0
--! expect: REJECTED dependency-mismatch
import Init
def secret : Nat := 0
theorem goal : secret = 0 := rfl
