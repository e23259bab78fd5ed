"""Lemmas that say what holes ask for, and their proofs put back."""

from __future__ import annotations

import pytest

from sandboxes.lean.repair.assemble import assemble
from sandboxes.lean.repair.checking import failures
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.repair.holes import holes
from sandboxes.lean.repair.lemmas import extract_lemmas, statement_digest
from tests.lean.repair.conftest import CheckerFor, theorem
from verifier_service.model import LeanTheorem

RELATION = theorem(
    "(α : Type u) [DecidableEq α] (r : α → α → Prop) (h : ∀ x, ∃ y, r x y) (a : α) : "
    "(∃ b c, r a b ∧ r b c) ∧ (∀ n : Nat, 0 + n = n ∧ n * 1 = n)"
)
SKELETON = """\
by
  constructor
  · obtain ⟨b, _⟩ := h a
    let z := b
    obtain ⟨c, hc⟩ := h z
    sorry
  · intro _
    constructor
    · sorry
    · exact sorry
"""
PROOFS = {
    "goal_lemma_1": "by\n  subst z_eq\n  exact ⟨z, c, h_1, hc⟩",
    "goal_lemma_2": ":= by\n  rw [Nat.zero_add]",
    "goal_lemma_3": "Nat.mul_one _",
}


async def test_a_lemma_closes_its_hole_whatever_the_goal_holds(checker_for: CheckerFor) -> None:
    checker = checker_for(RELATION)
    draft = extract(RELATION, SKELETON).draft
    first, second, third = await extract_lemmas(draft, checker, RELATION)
    assert first.theorem is not None
    assert "(z_eq : z = b)" in first.theorem.statement
    assert first.renaming.startswith("rename_i")
    assert second.theorem is not None
    assert second.theorem.statement.endswith(": 0 + n_1 = n_1")
    assert third.theorem is not None
    assert (third.line, third.column) == (10, 12)


async def test_proofs_of_lemmas_are_put_in_their_places(checker_for: CheckerFor) -> None:
    checker = checker_for(RELATION)
    draft = extract(RELATION, SKELETON).draft
    lemmas = await extract_lemmas(draft, checker, RELATION)
    made = await assemble(draft, lemmas, PROOFS, checker)
    assert made.placed == ("goal_lemma_1", "goal_lemma_2", "goal_lemma_3")
    assert holes(made.draft) == []
    assert failures((await checker(made.draft.source)).messages) == []


async def test_a_proof_that_fails_leaves_its_hole_and_no_other(checker_for: CheckerFor) -> None:
    checker = checker_for(RELATION)
    draft = extract(RELATION, SKELETON).draft
    lemmas = await extract_lemmas(draft, checker, RELATION)
    made = await assemble(draft, lemmas, {**PROOFS, "goal_lemma_2": "by\n  rw [wrong]"}, checker)
    assert made.placed == ("goal_lemma_1", "goal_lemma_3")
    assert len(holes(made.draft)) == 1
    assert failures((await checker(made.draft.source)).messages) == []


async def test_a_proof_with_helpers_comes_in_as_a_lemma(checker_for: CheckerFor) -> None:
    goal = theorem("(n : Nat) : n + 0 = n ∧ 0 + n = n")
    checker = checker_for(goal)
    draft = extract(goal, "by\n  constructor\n  · rfl\n  · sorry").draft
    lemmas = await extract_lemmas(draft, checker, goal)
    assert lemmas[0].theorem is not None
    proof = (
        "theorem helper (n : Nat) : 0 + n = n := by simp\n\n"
        f"theorem goal_lemma_1 {lemmas[0].theorem.statement} := helper n\n"
    )
    made = await assemble(draft, lemmas, {"goal_lemma_1": proof}, checker)
    assert [edit.rule for edit in made.edits] == ["as-lemma"]
    assert failures((await checker(made.draft.source)).messages) == []
    assert holes(made.draft) == []


async def test_a_goal_with_unknowns_is_no_lemma(checker_for: CheckerFor) -> None:
    goal = theorem("(n : Nat) : ∃ m, m = n")
    draft = extract(goal, "by\n  refine Exists.intro ?w ?h\n  rotate_left\n  sorry\n  sorry").draft
    checker = checker_for(goal)
    lemmas = await extract_lemmas(draft, checker, goal)
    assert all(lemma.theorem is None or "?" not in lemma.theorem.statement for lemma in lemmas)


async def test_a_hole_that_stands_for_two_goals_is_no_lemma(checker_for: CheckerFor) -> None:
    goal = theorem("(n : Nat) : n = n ∧ 0 + n = n")
    draft = extract(goal, "by\n  constructor <;> sorry").draft
    (lemma,) = await extract_lemmas(draft, checker_for(goal), goal)
    assert lemma.theorem is None
    assert lemma.goal


async def test_helpers_of_the_proof_are_known_to_the_lemma(checker_for: CheckerFor) -> None:
    goal = theorem("(n : Nat) : twice n = n + n", preamble="def twice (n : Nat) := n + n\n")
    source = (
        "def same := twice\n\n"
        "theorem goal (n : Nat) : twice n = n + n := by\n  show same n = _\n  sorry"
    )
    draft = extract(goal, source).draft
    (lemma,) = await extract_lemmas(draft, checker_for(goal), goal)
    assert lemma.theorem is not None
    assert "same n" in lemma.theorem.statement
    assert lemma.theorem.preamble == "def twice (n : Nat) := n + n\n\ndef same := twice\n"


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (theorem("(n : Nat) : n = n", "a"), theorem("(n:Nat) :  n = n", "b"), True),
        (theorem("(n : Nat) : n = n"), theorem("(m : Nat) : m = m"), False),
        (theorem("P"), theorem("P", preamble="def P := True"), False),
    ],
)
def test_a_statement_has_one_digest_whatever_it_is_called(
    one: LeanTheorem, other: LeanTheorem, are_equal: bool
) -> None:
    assert (statement_digest(one) == statement_digest(other)) is are_equal
