"""From what somebody wrote to the theorem as stated, with their proof."""

from __future__ import annotations

import pytest

from sandboxes.lean.repair.extract import extract
from verifier_service.model import LeanTheorem

THEOREM = LeanTheorem(name="Deep.goal", statement="(n : Nat) : 0 + n = n")
HEAD = "theorem Deep.goal (n : Nat) : 0 + n = n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("by simp", f"{HEAD} := by\n  simp\n", id="tactics-on-one-line"),
        pytest.param(":= by\n    simp\n", f"{HEAD} := by\n    simp\n", id="with-define"),
        pytest.param("Nat.zero_add n", f"{HEAD} :=\n  Nat.zero_add n\n", id="term"),
        pytest.param("simp", f"{HEAD} := by\n  simp\n", id="tactics-without-by"),
        pytest.param("where\n  left := rfl", f"{HEAD}\n  where\n  left := rfl\n", id="fields"),
        pytest.param("| 0 => rfl", f"{HEAD}\n  | 0 => rfl\n", id="equations"),
        pytest.param(
            "theorem goal (n : Nat) : 0 + n = n := by\n  simp",
            f"{HEAD} := by\n  simp\n",
            id="short",
        ),
        pytest.param(
            "theorem Deep.goal (n : Nat)\n    : 0 + n = n := by rw [\n      Nat.zero_add]",
            "theorem Deep.goal (n : Nat)\n    : 0 + n = n := by\n      rw [\n      Nat.zero_add]\n",
            id="own-layout",
        ),
        pytest.param(
            "theorem goal (n : Nat) : 0 + n = n\n  | 0 => rfl",
            f"{HEAD}\n  | 0 => rfl\n",
            id="theorem-by-equations",
        ),
        pytest.param("by\r\n  simp\r\n", f"{HEAD} := by\n  simp\n", id="carriage-returns"),
    ],
)
def test_a_proof_is_put_behind_the_problems_own_statement(source: str, text: str) -> None:
    made = extract(THEOREM, source)
    assert made.draft.source == text
    assert made.edits == ()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("theorem goal (n : Nat) : n = n := by simp", id="weaker"),
        pytest.param("theorem other (n : Nat) : 0 + n = n := by simp", id="another-name"),
        pytest.param("theorem goal (h : False) (n : Nat) : 0 + n = n := by simp", id="assumption"),
    ],
)
def test_a_changed_statement_is_the_problems_again_and_logged(source: str) -> None:
    made = extract(THEOREM, source)
    assert made.draft.source == f"{HEAD} := by\n  simp\n"
    assert [edit.rule for edit in made.edits] == ["statement-restored"]


@pytest.mark.parametrize(
    ("statement", "source"),
    [
        pytest.param(
            "(x : Int) : |x| = |x|", "theorem goal (x : Int) : |x| = |x| := rfl", id="bars"
        ),
        pytest.param(
            ": let n := 1; n = 1", "theorem goal : let n := 1; n = 1 := by rfl", id="define"
        ),
        pytest.param(
            ".{u, v} (α : Sort u) (β : Sort v) : α = α",
            "theorem goal.{u, v} (α : Sort u) (β : Sort v) : α = α := rfl",
            id="universes",
        ),
        pytest.param(
            "theorem goal : 1 = 1 := by sorry", "theorem goal : 1 = 1 := by rfl", id="whole-theorem"
        ),
    ],
)
def test_the_proof_begins_where_the_problems_statement_ends(statement: str, source: str) -> None:
    made = extract(LeanTheorem(name="goal", statement=statement), source)
    assert made.edits == ()
    assert [line.text.strip() for line in made.draft.lines[made.draft.fixed_end :]] == ["rfl"]


@pytest.mark.parametrize(
    ("preamble", "source"),
    [
        pytest.param("namespace Deep\n", "by simp", id="opened-by-the-problem"),
        pytest.param(
            "", "namespace X\ntheorem goal : 1 = 1 := by simp\nend X", id="by-the-candidate"
        ),
    ],
)
def test_inside_a_namespace_the_theorem_is_named_from_the_root(preamble: str, source: str) -> None:
    made = extract(LeanTheorem(name="Deep.goal", statement=": 1 = 1", preamble=preamble), source)
    assert "theorem _root_.Deep.goal : 1 = 1 := by" in made.draft.source


def test_helpers_and_what_follows_are_kept_apart_from_the_proof() -> None:
    source = (
        "lemma aux : True := trivial -- theorem goal : False := by sorry\n"
        "/- theorem goal : 1 = 2 := rfl -/\n"
        "theorem Deep.goal (n : Nat) : 0 + n = n := by\n  simp\n"
        "#print axioms aux\n"
    )
    draft = extract(THEOREM, source).draft
    lines = [line.text for line in draft.lines]
    assert lines[draft.fixed_start : draft.fixed_end] == [f"{HEAD} := by"]
    assert lines[draft.fixed_end : draft.proof_end] == ["  simp"]
    assert lines[0].startswith("lemma aux")
    assert lines[-1] == "#print axioms aux"


def test_the_code_block_that_proves_it_is_taken_out_of_prose() -> None:
    source = (
        "First a lemma:\n```lean\nlemma a : True := trivial\n```\nand then `simp`:\n"
        "```lean4\ntheorem Deep.goal (n : Nat) : 0 + n = n := by\n  simp\n```\nDone.\n"
    )
    made = extract(THEOREM, source)
    assert made.draft.source == f"{HEAD} := by\n  simp\n"
    assert [edit.rule for edit in made.edits] == ["code-fence"]
