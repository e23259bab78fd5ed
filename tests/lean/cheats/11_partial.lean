--! row: 11
--! expect: REJECTED elaboration-error
partial def loop (n : Nat) : (1 : Nat) = 2 := loop (n + 1)
theorem goal : (1 : Nat) = 2 := loop 0
