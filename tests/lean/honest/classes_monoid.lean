class Monoid (α : Type) where
  op : α → α → α
  unit : α
  assoc : ∀ a b c, op (op a b) c = op a (op b c)
  unit_op : ∀ a, op unit a = a
  op_unit : ∀ a, op a unit = a

open Monoid

theorem unit_unique {α : Type} [Monoid α] (e : α) (h : ∀ a : α, op e a = a) : e = unit := by
  rw [← op_unit e, h]
