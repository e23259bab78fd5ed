--! row: 21
--! preamble: structure Point where
--! preamble:   x : Nat
--! preamble:   y : Nat
--! statement: (p : Point) : p.x = 1
--! expect: REJECTED dependency-mismatch
import Init
structure Point where
  x : Nat
  same : x = 1
theorem goal (p : Point) : p.x = 1 := p.same
