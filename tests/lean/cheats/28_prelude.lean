--! row: 28
--! expect: REJECTED forbidden-syntax
--! unlinted: REJECTED syntax-error
prelude
inductive Nat where
  | zero
  | succ (n : Nat)
theorem goal : True := trivial
