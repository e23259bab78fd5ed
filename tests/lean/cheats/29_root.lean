--! row: 29
--! expect: REJECTED elaboration-error
axiom _root_.propext : (1 : Nat) = 2
theorem goal : (1 : Nat) = 2 := propext
