--! row: 37
--! expect: REJECTED elaboration-error
theorem other : (1 : Nat) = 1 := rfl
import Init
theorem goal : (1 : Nat) = 2 := rfl
