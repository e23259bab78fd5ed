--! row: 16
--! expect: REJECTED missing-declaration
namespace X
inductive Nat where
  | one
def two : Nat := .one
theorem goal : Nat.one = two := rfl
end X
