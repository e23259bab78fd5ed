--! row: 25
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED kernel-rejected
set_option debug.skipKernelTC true in
by decide +kernel
