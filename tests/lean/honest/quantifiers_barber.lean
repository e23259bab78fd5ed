theorem no_barber {Man : Type} (shaves : Man → Man → Prop) :
    ¬∃ b, ∀ x, shaves b x ↔ ¬shaves x x := by
  rintro ⟨b, h⟩
  have hb := h b
  have no : ¬shaves b b := fun s => hb.1 s s
  exact no (hb.2 no)
