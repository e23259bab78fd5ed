--! row: 7
--! expect: REJECTED disallowed-axiom
namespace Nat
axiom cheat : (1 : Nat) = 2
end Nat
theorem goal : (1 : Nat) = 2 := Nat.cheat
