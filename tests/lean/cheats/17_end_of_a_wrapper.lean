--! row: 17
--! name: Problem.goal
--! preamble: namespace Problem
--! expect: REJECTED missing-declaration
theorem helper : True := trivial
end Problem
namespace Other
theorem goal : True := trivial
