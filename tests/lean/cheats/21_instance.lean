--! row: 21
--! preamble: class Size (α : Type) where
--! preamble:   size : α → Nat
--! preamble: instance sizeNat : Size Nat := ⟨fun n => n⟩
--! statement: : Size.size (3 : Nat) = 0
--! expect: REJECTED dependency-mismatch
import Init
class Size (α : Type) where
  size : α → Nat
instance sizeNat : Size Nat := ⟨fun _ => 0⟩
theorem goal : Size.size (3 : Nat) = 0 := rfl
