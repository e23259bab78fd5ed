"""Syntax that is mended, and syntax that is left alone."""

from __future__ import annotations

import pytest

from sandboxes.lean.repair.checking import failures
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.repair.refine import RULES, refine
from tests.lean.repair.conftest import CheckerFor, theorem

BOTH = "(p q : Prop) (hp : p) (hq : q) : p ∧ q"


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        pytest.param("lone-word", "begin\n  constructor\n  exact hp\n  exact hq\nend", id="end"),
        pytest.param("trailing-comma", "by\n  constructor,\n  exact hp,\n  exact hq", id="commas"),
        pytest.param("old-words", "by\n  split\n  · exact hp\n  · exact hq", id="split"),
        pytest.param("bullet", "by\n  constructor\n  • exact hp\n  • exact hq", id="bullets"),
        pytest.param(
            "missing-define", "by\n  have h : p by exact hp\n  exact ⟨h, hq⟩", id="have-by"
        ),
        pytest.param("indentation", "by\n  constructor\n   exact hp\n  exact hq", id="indented"),
        pytest.param(
            "indentation", "by\n  have h : p := hp\n    exact ⟨h, hq⟩", id="read-as-an-argument"
        ),
        pytest.param("bracket", "by\n  exact ⟨hp, (hq⟩", id="bracket"),
        pytest.param(
            "cut-off", "by\n  exact ⟨hp, hq⟩\nThis closes the goal: done.", id="words-after"
        ),
        pytest.param("plain-spaces", "by\n\u00a0 exact\u2009⟨hp, hq⟩", id="spaces"),
    ],
)
async def test_a_rule_mends_what_it_is_for(checker_for: CheckerFor, rule: str, source: str) -> None:
    goal = theorem(BOTH)
    made = await refine(extract(goal, source).draft, checker_for(goal))
    assert rule in [edit.rule for edit in made.edits]
    assert failures(made.checked.messages) == []


async def test_rewriting_gets_its_brackets(checker_for: CheckerFor) -> None:
    goal = theorem("(a b c : Nat) (h : a = b) (h2 : b = c) : a = c")
    made = await refine(extract(goal, "by\n  rw h, h2").draft, checker_for(goal))
    assert "  rw [h, h2]" in made.draft.source
    assert failures(made.checked.messages) == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("by\n  exact ⟨hp, by simp [hq]⟩", id="comma-by-in-a-pair"),
        pytest.param("by\n  simp only [hp,\n    hq,\n    and_self]", id="list-over-lines"),
        pytest.param("by\n  -- split,\n  constructor <;> assumption", id="comment"),
        pytest.param("by\n  split_ands,\n", id="no-whole-word"),
    ],
)
async def test_no_rule_touches_what_is_none_of_its_business(
    checker_for: CheckerFor, source: str
) -> None:
    goal = theorem(BOTH)
    begun = extract(goal, source).draft
    made = await refine(begun, checker_for(goal))
    assert "constructor_ifs" not in made.draft.source
    if made.edits == ():
        assert made.draft == begun
    else:
        assert [edit.rule for edit in made.edits] == ["trailing-comma"]
        assert "split_ands" in made.draft.source


async def test_a_proof_without_errors_stays_as_it_is(checker_for: CheckerFor) -> None:
    goal = theorem(BOTH)
    checker = checker_for(goal, checks=1)
    begun = extract(goal, "by\n  exact\n    ⟨hp,\n      hq⟩\n").draft
    made = await refine(begun, checker)
    assert (made.draft, made.edits) == (begun, ())


async def test_a_rule_that_helps_nothing_is_not_kept(checker_for: CheckerFor) -> None:
    goal = theorem(BOTH)
    begun = extract(goal, "by\n  exact missing").draft
    made = await refine(begun, checker_for(goal))
    assert (made.draft, made.edits) == (begun, ())
    assert [one.kind for one in failures(made.checked.messages)] == [
        "lean.unknownIdentifier._namedError"
    ]


def test_rules_have_kebab_case_names() -> None:
    assert all(name == name.lower() and " " not in name for name in RULES)
