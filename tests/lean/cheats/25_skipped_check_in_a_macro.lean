--! row: 25
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED syntax-error
macro "quietly" c:command : command => `(set_option debug.skipKernelTC true in $c)
quietly theorem goal : (1 : Nat) = 2 := by decide +kernel
