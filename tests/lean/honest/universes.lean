theorem constant.{u, v} {α : Sort u} {β : Sort v} (a a' : α) (b : β) : (fun _ : α => b) a = (fun _ : α => b) a' := rfl
