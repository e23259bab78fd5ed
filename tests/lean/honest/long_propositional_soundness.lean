inductive Form where
  | var (n : Nat)
  | bot
  | imp (a b : Form)

namespace Form

def neg (a : Form) : Form := imp a bot

def Holds (v : Nat → Prop) : Form → Prop
  | var n => v n
  | bot => False
  | imp a b => Holds v a → Holds v b

inductive Proof (hyps : Form → Prop) : Form → Prop where
  | hyp {a : Form} : hyps a → Proof hyps a
  | k (a b : Form) : Proof hyps (imp a (imp b a))
  | s (a b c : Form) : Proof hyps (imp (imp a (imp b c)) (imp (imp a b) (imp a c)))
  | dne (a : Form) : Proof hyps (imp (neg (neg a)) a)
  | mp {a b : Form} : Proof hyps (imp a b) → Proof hyps a → Proof hyps b

theorem sound {hyps : Form → Prop} {a : Form} (h : Proof hyps a) (v : Nat → Prop)
    (hv : ∀ b, hyps b → Holds v b) : Holds v a := by
  induction h with
  | hyp ha => exact hv _ ha
  | k a b =>
    show Holds v a → Holds v b → Holds v a
    exact fun ha _ => ha
  | s a b c =>
    show (Holds v a → Holds v b → Holds v c) → (Holds v a → Holds v b) → Holds v a → Holds v c
    exact fun f g x => f x (g x)
  | dne a =>
    show ((Holds v a → False) → False) → Holds v a
    exact fun h => Classical.byContradiction h
  | mp _ _ iha ihb => exact iha ihb

theorem identity (hyps : Form → Prop) (a : Form) : Proof hyps (imp a a) := by
  have h₁ := Proof.s (hyps := hyps) a (imp a a) a
  have h₂ := Proof.k (hyps := hyps) a (imp a a)
  have h₃ := Proof.k (hyps := hyps) a a
  exact .mp (.mp h₁ h₂) h₃

theorem weaken {h₁ h₂ : Form → Prop} (sub : ∀ a, h₁ a → h₂ a) {a : Form} (p : Proof h₁ a) :
    Proof h₂ a := by
  induction p with
  | hyp ha => exact .hyp (sub _ ha)
  | k a b => exact .k a b
  | s a b c => exact .s a b c
  | dne a => exact .dne a
  | mp _ _ iha ihb => exact .mp iha ihb

theorem deduction {hyps : Form → Prop} {a b : Form}
    (p : Proof (fun x => hyps x ∨ x = a) b) : Proof hyps (imp a b) := by
  induction p with
  | hyp h =>
    cases h with
    | inl h => exact .mp (.k _ a) (.hyp h)
    | inr h => rw [h]; exact identity hyps a
  | k x y => exact .mp (.k _ a) (.k x y)
  | s x y z => exact .mp (.k _ a) (.s x y z)
  | dne x => exact .mp (.k _ a) (.dne x)
  | mp _ _ iha ihb => exact .mp (.mp (.s a _ _) iha) ihb

theorem consistent : ¬Proof (fun _ => False) bot := by
  intro p
  exact sound p (fun _ => True) (fun _ h => h.elim)

end Form
