by
  have h3 : a = c := by
    rw [h, nonexistent]
  have h4 : p := by exact hpp
  have h5 : p ∧ q := by
    constructor
    exact hp
  refine ⟨⟨?_, ?_⟩, ?_⟩
  · exact h3
    rfl
  · exact h4
  · constructor
    · exact hq
    · norm_num
