def Injective {α β : Type} (f : α → β) : Prop := ∀ x y, f x = f y → x = y

theorem injective_comp {α β γ : Type} {f : α → β} {g : β → γ} (hf : Injective f) (hg : Injective g) :
    Injective (fun x => g (f x)) := by
  intro x y h
  exact hf x y (hg (f x) (f y) h)
