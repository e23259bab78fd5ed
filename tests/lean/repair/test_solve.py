"""Holes that tactics close."""

from __future__ import annotations

import pytest

from sandboxes.lean.repair.checking import Allowance, Checked, Checker, failures
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.repair.goals import Hypothesis, read_goal
from sandboxes.lean.repair.holes import holes
from sandboxes.lean.repair.solve import auto_solve, known_tactics
from sandboxes.lean.repair.tactics import PORTFOLIO
from tests.lean.repair.conftest import CheckerFor, theorem

BOTH = "(p q : Prop) (hp : p) (hq : q) : p ∧ q"
SKELETON = """\
by
  have h : 0 + 1 = 1 := by sorry
  have k : p := sorry
  constructor
  · sorry
  · exact (sorry : q)
"""


async def test_all_holes_and_all_tactics_take_two_checks(checker_for: CheckerFor) -> None:
    goal = theorem(BOTH)
    checker = checker_for(goal, checks=2)
    draft = extract(goal, SKELETON).draft
    made = await auto_solve(draft, checker, ["rfl", "assumption", "simp"])
    assert [one.tactic for one in made.reports] == [
        "rfl",
        "(by assumption)",
        "assumption",
        "(by assumption)",
    ]
    assert holes(made.draft) == []
    assert failures((await checker(made.draft.source)).messages) == []


@pytest.mark.parametrize(
    ("source", "tactic"),
    [
        pytest.param("by\n  cases n with\n  | zero => sorry\n  | succ k => rfl", "rfl", id="case"),
        pytest.param(
            "by\n  cases n with\n  | zero =>\n    sorry\n  | succ k => rfl",
            "rfl",
            id="below-a-case",
        ),
        pytest.param("by\n  exact (fun _ =>\n    sorry) trivial", "(by rfl)", id="function"),
        pytest.param("match n with\n  | 0 => sorry\n  | k + 1 => rfl", "(by rfl)", id="match-term"),
        pytest.param("by\n  match n with\n  | 0 => sorry\n  | k + 1 => rfl", "rfl", id="match"),
        pytest.param("by\n  first | sorry | skip", "rfl", id="first"),
        pytest.param("by (sorry)", "rfl", id="brackets"),
        pytest.param("by\n  refine Eq.trans (b := n) sorry ?_\n  rfl", "(by rfl)", id="argument"),
        pytest.param("by\n  have h : n = n := by\n    admit\n  exact h", "rfl", id="admit"),
    ],
)
async def test_holes_are_filled_as_tactics_or_as_terms(
    checker_for: CheckerFor, source: str, tactic: str
) -> None:
    goal = theorem("(n : Nat) : n = n")
    made = await auto_solve(extract(goal, source).draft, checker_for(goal), ["rfl"])
    assert [one.tactic for one in made.reports] == [tactic]
    assert made.reports[0].goal


async def test_goals_are_told_of_holes_that_stay(checker_for: CheckerFor) -> None:
    goal = theorem(BOTH)
    draft = extract(goal, "by\n  constructor\n  · sorry\n  · exact hq").draft
    made = await auto_solve(draft, checker_for(goal), ["rfl"])
    (left,) = made.reports
    assert (left.line, left.column, left.tactic) == (3, 4, "")
    assert left.goal == "case left\np q : Prop\nhp : p\nhq : q\n⊢ p"
    assert made.draft == draft


async def test_a_hole_that_is_come_to_twice_gets_what_closes_both(
    checker_for: CheckerFor,
) -> None:
    goal = theorem("(p : Prop) (hp : p) (n : Nat) : p ∧ n = n")
    draft = extract(goal, "by\n  constructor <;> sorry").draft
    checker = checker_for(goal)
    made = await auto_solve(draft, checker, ["assumption", "rfl"])
    assert made.reports[0].tactic == "(first | (assumption; done) | (rfl; done))"
    assert failures((await checker(made.draft.source)).messages) == []


async def test_what_a_tactic_suggests_takes_its_place(checker_for: CheckerFor) -> None:
    goal = theorem("(a b : Nat) : a + b = b + a")
    draft = extract(goal, "by\n  sorry").draft
    made = await auto_solve(draft, checker_for(goal), ["exact?"])
    assert "  exact Nat.add_comm a b" in made.draft.source


async def test_tactics_that_lean_cannot_read_are_left_out(checker_for: CheckerFor) -> None:
    goal = theorem(BOTH)
    known = await known_tactics(checker_for(goal), PORTFOLIO)
    assert {"rfl", "simp", "exact?", "intros; simp_all"} <= set(known)
    assert not {"linarith", "aesop", "norm_num"} & set(known)


async def test_a_tactic_that_closes_other_goals_than_the_holes_own_does_not_win(
    checker_for: CheckerFor,
) -> None:
    goal = theorem(BOTH)
    draft = extract(goal, "by\n  constructor\n  sorry\n  exact hq").draft
    checker = checker_for(goal)
    made = await auto_solve(draft, checker, ["all_goals assumption", "exact hp"])
    assert failures((await checker(made.draft.source)).messages) == []
    assert made.reports[0].tactic != ""


async def test_traces_of_the_candidates_own_close_nothing(checker_for: CheckerFor) -> None:
    goal = theorem("(p : Prop) : p")
    source = 'by\n  trace "VS 0 0"\n  (trace "VS 0 0"; sorry)'
    made = await auto_solve(extract(goal, source).draft, checker_for(goal), ["rfl"])
    assert [one.tactic for one in made.reports] == [""]


@pytest.mark.parametrize("source", ["by\n  exact missing\n  sorry", "by\n  sorry\n  )"])
async def test_a_text_with_errors_keeps_its_holes(checker_for: CheckerFor, source: str) -> None:
    goal = theorem("(n : Nat) : n = n")
    draft = extract(goal, source).draft
    made = await auto_solve(draft, checker_for(goal), ["rfl"])
    assert made.draft == draft


async def test_when_limits_end_the_check_of_all_each_tactic_is_tried_by_itself(
    checker_for: CheckerFor,
) -> None:
    goal = theorem(BOTH)
    checker = checker_for(goal)

    async def check(source: str) -> Checked:
        if "iterate" in source:  # what a limit of CPU time makes of it, without the wait
            return Checked((), False, "cpu-time")
        return await checker(source)

    limited = Checker(check, Allowance(20))
    draft = extract(goal, "by\n  constructor\n  · sorry\n  · sorry").draft
    made = await auto_solve(draft, limited, ["iterate skip", "assumption"])
    assert [one.tactic for one in made.reports] == ["assumption", "assumption"]


@pytest.mark.parametrize(
    ("text", "hypotheses", "target"),
    [
        pytest.param(
            "case succ.left\na b : Nat\nh : a = b\n⊢ b = a",
            (Hypothesis("a", "Nat"), Hypothesis("b", "Nat"), Hypothesis("h", "a = b")),
            "b = a",
            id="plain",
        ),
        pytest.param(
            "x : Nat := 5\nh :\n  a very long\n    hypothesis\n⊢ x = 5",
            (Hypothesis("x", "Nat", "5"), Hypothesis("h", "a very long\n    hypothesis")),
            "x = 5",
            id="let-and-lines",
        ),
        pytest.param(
            "α : Type u_1\ninst✝ : DecidableEq α\n⊢ ∀ (x : α), x = x",
            (Hypothesis("α", "Type u_1"), Hypothesis("inst✝", "DecidableEq α")),
            "∀ (x : α), x = x",
            id="nameless",
        ),
    ],
)
def test_goals_are_read_as_they_are_printed(
    text: str, hypotheses: tuple[Hypothesis, ...], target: str
) -> None:
    goal = read_goal(text)
    assert goal is not None
    assert (goal.hypotheses, goal.target) == (hypotheses, target)


@pytest.mark.parametrize("text", ["", "⊢", "no goal at all", "h : p\nsorry"])
def test_what_is_no_goal_is_not_read(text: str) -> None:
    assert read_goal(text) is None
