"""The decision, as a table of answers."""

from __future__ import annotations

import pytest

from sandboxes.logic.answers import Answer, Question, Status
from sandboxes.logic.certificates import Certificate
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.judge import Facts, assurance, entailment, outcome, reason
from sandboxes.logic.portfolio import Settlement
from sandboxes.logic.problems import DIFFERENCE, TRUSTED, Asked, ask
from verifier_service.model import (
    Assurance,
    Entailment,
    LogicProblem,
    Outcome,
    ResourceUsage,
)

MODEL = Answer(status=Status.SATISFIABLE, model=Interpretation({}, {}, {}))
PROOF = Answer(status=Status.UNSATISFIABLE, certificate=Certificate(formulas=(0,)))
SAID_SAT = Answer(status=Status.SATISFIABLE)
SAID_UNSAT = Answer(status=Status.UNSATISFIABLE)
OPEN = Answer(status=Status.UNDECIDED, reason="gave-up")
DISPUTED = Answer(status=Status.UNDECIDED, reason="solvers-disagree")

ENTAILED, CONTRADICTED = Entailment.ENTAILED, Entailment.CONTRADICTED
INDEPENDENT, INCONSISTENT = Entailment.INDEPENDENT, Entailment.INCONSISTENT_PREMISES
CONSISTENT, UNKNOWN = Entailment.CONSISTENT_PREMISES, Entailment.UNKNOWN


def facts(
    premises: Answer,
    affirmed: Answer | None = None,
    denied: Answer | None = None,
    *,
    difference: Answer | None = None,
    trusted: Answer = MODEL,
    guard: str = "",
    overloaded: bool = False,
) -> Facts:
    asked = ask(LogicProblem(premises=("P(a)",), conclusion="P(b)"), "")
    assert isinstance(asked, Asked)
    answers = {
        Question.PREMISES: premises,
        Question.AFFIRMED: affirmed,
        Question.DENIED: denied,
        DIFFERENCE: difference,
        TRUSTED: trusted if difference is not None else None,
    }
    settlement = Settlement(
        answers={name: answer for name, answer in answers.items() if answer is not None},
        claims=(),
        refused=(),
        usage=ResourceUsage(),
        overloaded=overloaded,
    )
    return Facts(asked=asked, settlement=settlement, guard=guard)


@pytest.mark.parametrize(
    ("found", "expected", "why"),
    [
        pytest.param(facts(MODEL, MODEL, PROOF), ENTAILED, "answer-as-expected", id="entailed"),
        pytest.param(facts(MODEL, PROOF, MODEL), CONTRADICTED, "answer-as-expected",
                     id="contradicted"),
        pytest.param(facts(MODEL, MODEL, MODEL), INDEPENDENT, "answer-as-expected",
                     id="independent"),
        pytest.param(facts(PROOF, PROOF, PROOF), INCONSISTENT, "answer-as-expected",
                     id="inconsistent"),
        pytest.param(facts(MODEL), CONSISTENT, "answer-as-expected", id="consistent"),
        pytest.param(facts(MODEL, MODEL, PROOF), None, "answer-found", id="any-answer"),
        pytest.param(facts(MODEL), None, "answer-found", id="consistent-as-any-answer"),
        pytest.param(facts(MODEL, MODEL, PROOF), CONTRADICTED, "other-answer", id="another"),
        pytest.param(facts(MODEL, MODEL, MODEL), ENTAILED, "other-answer", id="not-entailed"),
        pytest.param(facts(PROOF, PROOF, PROOF), ENTAILED, "inconsistent-premises", id="vacuous"),
        pytest.param(facts(PROOF, PROOF, PROOF), None, "inconsistent-premises",
                     id="vacuous-as-any-answer"),
        pytest.param(facts(PROOF), CONSISTENT, "inconsistent-premises", id="not-consistent"),
        pytest.param(facts(OPEN, OPEN, PROOF), ENTAILED, "solver-unknown",
                     id="entailed-by-premises-that-may-have-no-model"),
        pytest.param(facts(OPEN, OPEN, MODEL), ENTAILED, "other-answer",
                     id="ruled-out-with-one-side-open"),
        pytest.param(facts(MODEL, OPEN, MODEL), CONTRADICTED, "solver-unknown", id="open-side"),
        pytest.param(facts(MODEL, OPEN, MODEL), INDEPENDENT, "solver-unknown",
                     id="independent-on-one-side-only"),
        pytest.param(facts(OPEN, OPEN, OPEN), None, "solver-unknown", id="all-open"),
        pytest.param(facts(OPEN, OPEN, OPEN, overloaded=True), None, "overloaded", id="busy"),
        pytest.param(facts(MODEL, MODEL, PROOF, overloaded=True), ENTAILED, "answer-as-expected",
                     id="busy-and-done"),
        pytest.param(facts(MODEL, MODEL, DISPUTED), ENTAILED, "solvers-disagree", id="alarm"),
        pytest.param(facts(MODEL, DISPUTED, PROOF), ENTAILED, "solvers-disagree",
                     id="alarm-on-a-question-that-decides-nothing"),
        pytest.param(facts(MODEL, MODEL, PROOF, guard="vacuous-conclusion"), ENTAILED,
                     "vacuous-conclusion", id="guarded"),
        pytest.param(facts(MODEL, MODEL, PROOF, guard="free-variables"), None, "free-variables",
                     id="guarded-as-any-answer"),
        pytest.param(facts(MODEL, MODEL, PROOF, guard="free-variables"), CONTRADICTED,
                     "other-answer", id="rejected-before-any-guard"),
        pytest.param(facts(MODEL, MODEL, MODEL, difference=PROOF), None, "formula-equivalent",
                     id="equivalent"),
        pytest.param(facts(MODEL, MODEL, MODEL, difference=MODEL), None, "not-equivalent",
                     id="different"),
        pytest.param(facts(MODEL, MODEL, MODEL, difference=OPEN), None, "solver-unknown",
                     id="perhaps-equivalent"),
        pytest.param(facts(MODEL, MODEL, MODEL, difference=PROOF, trusted=OPEN), None,
                     "solver-unknown", id="equivalent-under-premises-that-may-have-no-model"),
        pytest.param(facts(MODEL, MODEL, PROOF, difference=MODEL), ENTAILED, "not-equivalent",
                     id="as-expected-and-different"),
        pytest.param(facts(MODEL, MODEL, MODEL, difference=PROOF), ENTAILED, "other-answer",
                     id="equivalent-and-another-answer"),
    ],
)  # fmt: skip
def test_reason(found: Facts, expected: Entailment | None, why: str) -> None:
    assert reason(found, LogicProblem(expected=expected)) == why


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (facts(MODEL, MODEL, PROOF), ENTAILED),
        (facts(MODEL, PROOF, MODEL), CONTRADICTED),
        (facts(PROOF, PROOF, PROOF), INCONSISTENT),
        (facts(OPEN, OPEN, PROOF), UNKNOWN),
        (facts(MODEL), CONSISTENT),
        (facts(OPEN), UNKNOWN),
    ],
)
def test_entailment(found: Facts, what: Entailment) -> None:
    assert entailment(found) is what


@pytest.mark.parametrize(
    ("found", "expected", "level"),
    [
        pytest.param(facts(MODEL, MODEL, PROOF), ENTAILED, Assurance.CROSS_CHECKED, id="all"),
        pytest.param(facts(MODEL, OPEN, PROOF), ENTAILED, Assurance.CROSS_CHECKED,
                     id="all-that-it-rests-on"),
        pytest.param(facts(MODEL, MODEL, SAID_UNSAT), ENTAILED, Assurance.SOLVED,
                     id="no-certificate"),
        pytest.param(facts(SAID_SAT, MODEL, PROOF), ENTAILED, Assurance.SOLVED,
                     id="no-model-of-the-premises"),
        pytest.param(facts(MODEL, MODEL, SAID_SAT), INDEPENDENT, Assurance.SOLVED,
                     id="one-countermodel"),
        pytest.param(facts(MODEL, MODEL, MODEL), INDEPENDENT, Assurance.CROSS_CHECKED,
                     id="both-countermodels"),
        pytest.param(facts(MODEL, MODEL, MODEL), ENTAILED, Assurance.CROSS_CHECKED,
                     id="rejected-by-models"),
        pytest.param(facts(OPEN, OPEN, MODEL), ENTAILED, Assurance.CROSS_CHECKED,
                     id="ruled-out-by-a-model"),
        pytest.param(facts(OPEN, OPEN, SAID_SAT), ENTAILED, Assurance.SOLVED,
                     id="ruled-out-by-hearsay"),
        pytest.param(facts(MODEL, MODEL, MODEL, difference=SAID_UNSAT), None, Assurance.SOLVED,
                     id="equivalent-by-hearsay"),
        pytest.param(facts(MODEL, MODEL, MODEL, difference=PROOF), None, Assurance.CROSS_CHECKED,
                     id="equivalent"),
        pytest.param(facts(OPEN, OPEN, OPEN), None, Assurance.UNSPECIFIED, id="inconclusive"),
    ],
)  # fmt: skip
def test_assurance(found: Facts, expected: Entailment | None, level: Assurance) -> None:
    logic = LogicProblem(expected=expected)

    assert assurance(reason(found, logic), found, logic) is level


@pytest.mark.parametrize(
    ("why", "what"),
    [
        ("answer-found", Outcome.ACCEPTED),
        ("not-equivalent", Outcome.REJECTED),
        ("solver-unknown", Outcome.INCONCLUSIVE),
        ("conclusion-assumed", Outcome.INCONCLUSIVE),
    ],
)
def test_outcome(why: str, what: Outcome) -> None:
    assert outcome(why) is what
