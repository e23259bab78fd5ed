--! row: 34
--! expect: INCONCLUSIVE cpu-time-exceeded
set_option maxHeartbeats 0 in
by
  repeat (have h : True := trivial)
