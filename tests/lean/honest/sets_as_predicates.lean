def Set (α : Type) := α → Prop
namespace Set
variable {α : Type}
def mem (x : α) (s : Set α) : Prop := s x
def inter (s t : Set α) : Set α := fun x => s x ∧ t x
def union (s t : Set α) : Set α := fun x => s x ∨ t x

theorem inter_union (s t u : Set α) : inter s (union t u) = union (inter s t) (inter s u) := by
  funext x
  apply propext
  constructor
  · rintro ⟨hs, ht | hu⟩
    · exact Or.inl ⟨hs, ht⟩
    · exact Or.inr ⟨hs, hu⟩
  · rintro (⟨hs, ht⟩ | ⟨hs, hu⟩)
    · exact ⟨hs, Or.inl ht⟩
    · exact ⟨hs, Or.inr hu⟩

end Set
