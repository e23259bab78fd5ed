--! row: 34
--! expect: INCONCLUSIVE heartbeats-exceeded
set_option maxHeartbeats 500 in
theorem goal : (1 : Nat) = 2 := by
  repeat (have : True := trivial)
