--! row: 37
--! expect: REJECTED import-mismatch
import Certainly.Not.There
theorem goal : (1 : Nat) = 2 := rfl
