"""Holes where proofs fail, and nowhere else."""

from __future__ import annotations

from functools import partial

import pytest

from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.repair.checking import Checked, failures
from sandboxes.lean.repair.correct import corrections
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.repair.holes import holes
from sandboxes.lean.repair.names import library_names
from sandboxes.lean.repair.sorrify import sorrify
from tests.lean.repair.conftest import FIVE_DEFECTS, FIVE_STATEMENT, CheckerFor, theorem
from verifier_service.model.lean_repair import RepairStage, SorrifyMode

FIVE = theorem(FIVE_STATEMENT)


@pytest.mark.parametrize("mode", list(SorrifyMode))
async def test_five_defects_become_holes_and_every_good_line_stays(
    checker_for: CheckerFor, mode: SorrifyMode
) -> None:
    begun = extract(FIVE, FIVE_DEFECTS).draft
    checker = checker_for(FIVE)
    made = await sorrify(begun, checker, mode)
    assert made.is_clean
    assert failures((await checker(made.draft.source)).messages) == []
    assert (made.draft.kept, begun.kept) == (9, 13)
    assert len(holes(made.draft)) == 4
    assert {edit.stage for edit in made.edits} == {RepairStage.SORRIFY}


async def test_the_same_text_gets_the_same_holes(checker_for: CheckerFor) -> None:
    begun = extract(FIVE, FIVE_DEFECTS).draft
    first = await sorrify(begun, checker_for(FIVE))
    again = await sorrify(begun, checker_for(FIVE))
    assert first == again


async def test_every_change_is_logged_with_what_led_to_it(checker_for: CheckerFor) -> None:
    made = await sorrify(extract(FIVE, FIVE_DEFECTS).draft, checker_for(FIVE))
    assert [(edit.line, edit.rule, edit.message_class) for edit in made.edits] == [
        (14, "hole-for-step", "parse"),
        (3, "hole-for-step", "elaboration"),
        (4, "cut", "elaboration"),
        (10, "delete-step", "no-goals"),
        (8, "append-hole", "unsolved"),
    ]


@pytest.mark.parametrize("mode", list(SorrifyMode))
@pytest.mark.parametrize(
    "source",
    [
        pytest.param("by\n  )))", id="noise"),
        pytest.param("fun x => x x", id="bad-term"),
        pytest.param("by\n  intro h\n  exact h\n  theorem", id="keyword"),
        pytest.param("by\n  first\n  | simp\n  |", id="half-a-tactic"),
        pytest.param("", id="nothing"),
        pytest.param("/- never ends", id="endless-comment"),
        pytest.param('by\n  exact "never ends', id="endless-string"),
        pytest.param("end\nend\nnamespace X", id="commands"),
        pytest.param("| 0 => rfl\n| n + 1 => missing", id="equations"),
    ],
)
async def test_whatever_is_sent_ends_with_the_problems_statement_and_holes(
    checker_for: CheckerFor, mode: SorrifyMode, source: str
) -> None:
    goal = theorem("(p q : Prop) (hp : p) (hq : q) : p ∧ q")
    checker = checker_for(goal)
    made = await sorrify(extract(goal, source).draft, checker, mode)
    assert made.draft.source.count("theorem goal (p q : Prop) (hp : p) (hq : q) : p ∧ q") == 1
    if "never ends" not in source and "end\n" not in source:
        assert made.is_clean


async def test_a_statement_with_errors_is_nobodys_to_mend(checker_for: CheckerFor) -> None:
    goal = theorem("(n : Nat) : Missing n")
    begun = extract(goal, "by\n  simp").draft
    made = await sorrify(begun, checker_for(goal))
    assert not made.is_clean
    assert "Missing" in made.statement_errors[0].text
    assert made.draft == begun


async def test_the_word_in_a_comment_is_no_hole(checker_for: CheckerFor) -> None:
    goal = theorem("(p : Prop) (hp : p) : p")
    begun = extract(goal, "by\n  -- sorry, this was hard\n  exact hp /- sorry -/").draft
    made = await sorrify(begun, checker_for(goal))
    assert (made.draft, made.edits, holes(made.draft)) == (begun, (), [])


async def test_a_step_that_takes_lean_to_its_limits_becomes_a_hole(
    checker_for: CheckerFor,
) -> None:
    goal = theorem("(p q : Prop) (hp : p) (hq : q) : p ∧ q")
    checker = checker_for(goal)

    async def check(source: str) -> Checked:
        if "repeat (first" in source:  # what a limit of CPU time makes of it, without the wait
            return Checked((), False, "cpu-time")
        return await checker(source)

    source = "by\n  constructor\n  · exact hp\n  · repeat (first | skip)\n    exact hq"
    begun = extract(goal, source).draft
    made = await sorrify(begun, _Direct(check), suggest=corrections)  # type: ignore[arg-type]
    assert made.is_clean
    assert "  · exact hp" in made.draft.source
    assert made.edits[0].rule == "hole-for-bad-step"
    assert made.edits[0].message_class == "cpu-time"


class _Direct:
    """A checker whose answers come from a function."""

    def __init__(self, check: object) -> None:
        self._check = check

    async def __call__(self, source: str) -> Checked:
        return await self._check(source)  # type: ignore[operator, no-any-return]

    async def all(self, sources: list[str]) -> list[Checked | None]:
        return [await self(source) for source in sources]


async def test_when_checks_run_out_the_text_is_not_called_clean(
    checker_for: CheckerFor,
) -> None:
    made = await sorrify(extract(FIVE, FIVE_DEFECTS).draft, checker_for(FIVE, checks=3))
    assert not made.is_clean


@pytest.mark.parametrize(
    ("statement", "source", "rule", "line"),
    [
        pytest.param(
            "(p q : Prop) (hp : p) (hq : q) : p ∧ q",
            "by\n  constructor\n  · exact hpp\n  · exact hq",
            "other-name",
            "  · exact hp",
            id="misspelt-hypothesis",
        ),
        pytest.param(
            "(n : Nat) : 0 + n = n",
            "by\n  exact zero_add n",
            "other-name",
            "  exact Nat.zero_add n",
            id="namespace-left-out",
        ),
        pytest.param(
            "(n : Nat) : 0 + n = n",
            "by\n  norm_num",
            "other-tactic",
            "  simp",
            id="tactic-of-another-library",
        ),
        pytest.param(
            "(p q : Prop) (f : p → q) : p → q",
            "by\n  exact f hp",
            "introduce",
            "  intro hp",
            id="forgotten-intro",
        ),
        pytest.param(
            "(p q r : Prop) (f : p → q) (g : q → r) (hp : p) : r",
            "by\n  have hr : r := g hq\n  have hq : q := f hp\n  exact hr",
            "swap-with-next",
            "  have hr : r := g hq",
            id="wrong-order",
        ),
        pytest.param(
            "(a b : Nat) : a + b = b + a",
            "by\n  induction a with\n  | zer => simp\n  | succ n ih => exact Nat.add_comm _ _",
            "other-case",
            "  | zero => simp",
            id="misspelt-case",
        ),
    ],
)
async def test_tools_are_corrected_before_a_step_is_given_up(
    checker_for: CheckerFor, statement: str, source: str, rule: str, line: str
) -> None:
    goal = theorem(statement)
    made = await sorrify(extract(goal, source).draft, checker_for(goal), suggest=corrections)
    assert made.is_clean
    assert [edit.rule for edit in made.edits] == [rule]
    assert line in made.draft.source.split("\n")
    assert holes(made.draft) == []


async def test_a_misspelt_lemma_of_the_library_is_found(
    checker_for: CheckerFor, core: LeanEnvironment
) -> None:
    names = library_names(core)
    assert "Nat.add_comm" in names
    assert not [name for name in names if name.endswith(".rec") or "._" in name]
    goal = theorem("(a b : Nat) : a + b = b + a")
    made = await sorrify(
        extract(goal, "by\n  exact Nat.addition_comm a b").draft,
        checker_for(goal),
        suggest=partial(corrections, names=names),
    )
    assert "  exact Nat.add_comm a b" in made.draft.source
    assert [edit.rule for edit in made.edits] == ["other-name"]
