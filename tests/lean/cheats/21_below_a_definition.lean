--! row: 21
--! preamble: def base : Nat := 42
--! preamble: def secret : Nat := base
--! statement: : secret = 0
--! expect: REJECTED dependency-mismatch
import Init
def base : Nat := 0
def secret : Nat := base
theorem goal : secret = 0 := rfl
