inductive Expr where
  | num (n : Nat)
  | add (a b : Expr)
  | mul (a b : Expr)

namespace Expr

def eval : Expr → Nat
  | num n => n
  | add a b => a.eval + b.eval
  | mul a b => a.eval * b.eval

def double : Expr → Expr
  | num n => num (2 * n)
  | add a b => add a.double b.double
  | mul a b => mul a.double b

theorem eval_double (e : Expr) : e.double.eval = 2 * e.eval := by
  induction e with
  | num n => rfl
  | add a b iha ihb => simp only [double, eval, iha, ihb]; nat_ring
  | mul a b iha _ => simp only [double, eval, iha]; nat_ring

end Expr
