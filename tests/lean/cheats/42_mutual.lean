--! row: 20
--! expect: REJECTED elaboration-error
mutual
theorem goal : (1 : Nat) = 2 := other
theorem other : (1 : Nat) = 2 := goal
end
