--! row: 23
--! statement: : 10 < 20
--! expect: REJECTED disallowed-axiom
theorem goal : 10 < 20 := (fun (_ : True) => by decide) Lean.trustCompiler
