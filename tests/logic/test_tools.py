"""Formalisations as wholes: read, compared, put together, asked about."""

from __future__ import annotations

from itertools import product

import pytest

from sandboxes.logic import tools
from sandboxes.logic.answers import Status
from sandboxes.logic.equivalence import Relation
from sandboxes.logic.reader import Source
from sandboxes.logic.syntax import Problem
from sandboxes.logic.theory import decide
from sandboxes.logic.tools import (
    Solvers,
    ask_each,
    compare_problems,
    conflicts_of,
    group_problems,
    read_formalisation,
)
from tests.project.markdown import ROOT
from verifier_service.model import Entailment
from verifier_service.voting import ANSWERS, is_majority_settled, majority, votes_needed

INFINITE = "∀x ∃y R(x,y)\n∀x ¬R(x,x)\n∀x ∀y ∀z (R(x,y) ∧ R(y,z) → R(x,z))"


def formalisation(text: str) -> Problem:
    problem = read_formalisation(Source("text", text)).problem
    assert problem is not None
    return problem


def concluding(premises: str, conclusion: str) -> Problem:
    return formalisation(f"Premises:\n{premises}\nConclusion:\n{conclusion}\n")


def test_only_what_is_marked_is_a_conclusion() -> None:
    assert formalisation("P(a)\nQ(a)").goal is None
    assert concluding("P(a)", "Q(a)").goal is not None
    assert formalisation("fof(a, axiom, p).\nfof(g, conjecture, q).").goal is not None
    assert read_formalisation(Source("text", "P(a)\n⊢ Q(a)\n∴ Q(b)")).problem is None


@pytest.mark.parametrize(
    ("first", "second", "is_equivalent"),
    [
        pytest.param(("P(a)", "Q(a)"), ("P(a)", "Q(a)"), True, id="same"),
        pytest.param(("P(a)", "Q(a)"), ("P(a)", "P(a) -> Q(a)"), True, id="under"),
        pytest.param(("P(a)", "Q(a)"), ("P(a)", "-Q(a)"), False, id="denied"),
        pytest.param(("P(a)", "Q(a)"), ("Q(a)", "P(a)"), False, id="swapped"),
        pytest.param(
            ("'the conclusion'", "P(a)"),
            ("'the conclusion' & P(a)", "P(a)"),
            False,
            id="own-name-for-the-conclusion",
        ),
    ],
)
def test_formalisations_are_compared_with_their_conclusions(
    first: tuple[str, str], second: tuple[str, str], is_equivalent: bool
) -> None:
    found = compare_problems(concluding(*first), concluding(*second))

    assert (found.comparison.relation is Relation.EQUIVALENT) is is_equivalent
    assert found.possible is Status.SATISFIABLE


def test_premises_that_hold_anyway_are_not_renamed() -> None:
    under = [one.formula for one in formalisation("all x. (Dog(x) <-> Hound(x))").premises]
    found = compare_problems(formalisation("Dog(rex)"), formalisation("Hound(rex)"), under)

    assert found.comparison.relation is Relation.EQUIVALENT
    assert found.aligned is None


def test_contradictions_are_equivalent_and_say_so() -> None:
    found = compare_problems(formalisation("P(a) & -P(a)"), formalisation("Q(b) & -Q(b)"))

    assert found.comparison.relation is Relation.EQUIVALENT
    assert found.possible is Status.UNSATISFIABLE


def test_many_contradictions_do_not_make_the_first_class() -> None:
    texts = ["P(a) & -P(a)", "Q(a) & -Q(a)", "R(a) & -R(a)", "P(a)", "Q(a)", "-(-P(a))"]
    groups = group_problems([formalisation(text) for text in texts])

    assert [group.cluster.members for group in groups] == [[3, 5], [4], [0, 1, 2]]
    assert groups[-1].possible is Status.UNSATISFIABLE


def test_goals_of_one_set_of_premises_do_not_touch_each_other() -> None:
    premises = formalisation("all x. (P(x) -> Q(x))\nP(a)")
    texts = ["Q(a)", "-Q(a)", "Q(b)", "P(a) & -P(a)", "exists x. Q(x)"] * 8
    goals = formalisation("\n".join(texts)).premises

    answers = ask_each(premises, goals)

    assert [one.entailment for one in answers] == [
        decide(Problem(premises.premises, goal)).entailment for goal in goals
    ]


def test_what_no_solver_was_asked_stays_open() -> None:
    with Solvers(most=0) as solvers:
        found = conflicts_of(formalisation(INFINITE).premises, solvers.engine)

    assert found.answer.status is Status.UNDECIDED
    assert solvers.obstacle


def test_hard_questions_are_gone_into_so_often_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "MOST_OPEN", 3)
    texts = [f"{INFINITE}\nP{number}(a)" for number in range(4)] + ["P(a)"]
    with Solvers(most=0) as solvers:
        groups = group_problems([formalisation(text) for text in texts], solvers.engine)

    assert [group.cluster.members for group in groups] == [[0], [1], [2], [3], [4]]
    assert {group.possible for group in groups} == {Status.UNDECIDED}
    assert groups[-1].cluster.undecided == [0, 1, 2, 3]


def test_the_votes_that_were_needed_settle_all_others() -> None:
    kinds = [*ANSWERS, Entailment.UNKNOWN]
    for votes in product(kinds, repeat=4):
        needed = votes_needed(votes)
        settled = [is_majority_settled(votes[:count], 4 - count) for count in range(5)]

        assert needed == settled.index(True)
        for rest in product(kinds, repeat=4 - needed):
            assert majority([*votes[:needed], *rest]) == majority(votes)


def test_the_page_says_how_much_is_asked_at_a_time() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text()

    assert f"At most {tools.MOST_FORMALISATIONS} formalisations" in text
    assert f"and {tools.MOST_GOALS} goals" in text
    assert f"at most {tools.MOST_INQUIRIES} open questions go to solvers" in text
    assert f"once {tools.MOST_OPEN} questions are open" in text
