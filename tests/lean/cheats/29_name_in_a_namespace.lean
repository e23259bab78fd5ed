--! row: 29
--! expect: REJECTED disallowed-axiom
namespace X
axiom propext : (1 : Nat) = 2
end X
theorem goal : (1 : Nat) = 2 := X.propext
