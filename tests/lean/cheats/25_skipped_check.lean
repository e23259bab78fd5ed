--! row: 25
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED kernel-rejected
-- No error, and no axiom to be seen.
set_option debug.skipKernelTC true
theorem goal : (1 : Nat) = 2 := by decide +kernel
