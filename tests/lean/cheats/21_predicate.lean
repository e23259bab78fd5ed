--! row: 21
--! preamble: inductive Even : Nat → Prop where
--! preamble:   | zero : Even 0
--! preamble:   | step {n : Nat} : Even n → Even (n + 2)
--! statement: : Even 1
--! expect: REJECTED dependency-mismatch
import Init
inductive Even : Nat → Prop where
  | zero : Even 0
  | one : Even 1
  | step {n : Nat} : Even n → Even (n + 2)
theorem goal : Even 1 := .one
