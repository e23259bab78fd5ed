--! row: 17
--! name: Problem.goal
--! preamble: namespace Problem
--! expect: REJECTED elaboration-error
by decide
end Problem
theorem goal : True := trivial
