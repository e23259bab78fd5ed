"""Stronger verifiers for logic, asked for real."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clients import logic, python_tests
from clients.local import LocalVerifier
from proposer.estimation.judging import judged
from proposer.estimation.strengthening import by_evidence, by_reference, by_suite
from verifier_service.model import Assurance, Entailment, LogicProblem, Outcome, Verdict

PREMISES = ("all x. (Dog(x) -> Barks(x))", "Dog(rex)")
REFERENCE = logic("Barks(rex)", problem_id="rex")


@pytest.mark.parametrize(
    ("formula", "weak", "strong"),
    [
        pytest.param("Barks(rex)", Outcome.ACCEPTED, Outcome.ACCEPTED, id="right"),
        pytest.param("-(-Barks(rex))", Outcome.ACCEPTED, Outcome.ACCEPTED, id="right-otherwise"),
        pytest.param("exists x. Barks(x)", Outcome.ACCEPTED, Outcome.REJECTED, id="says-less"),
        pytest.param("Barks(rex) | Dog(mia)", Outcome.ACCEPTED, Outcome.REJECTED, id="hedged"),
        pytest.param("Barks(mia)", Outcome.REJECTED, Outcome.REJECTED, id="wrong"),
    ],
)
async def test_a_reference_formula_finds_what_an_expected_answer_lets_through(
    judge: LocalVerifier, formula: str, weak: Outcome, strong: Outcome
) -> None:
    asked = logic(
        formula, premises=PREMISES, expected=Entailment.ENTAILED, problem_id="rex", candidate_id="a"
    )
    stronger = by_reference([REFERENCE])(asked)

    assert stronger is not None
    assert stronger.candidate == asked.candidate
    verdicts = await judged(judge, [asked, stronger])
    assert [one.outcome for one in verdicts if isinstance(one, Verdict)] == [weak, strong]


def test_more_evidence_is_asked_for_and_never_less() -> None:
    asked = logic("P(a)", problem_id="p")
    strengthen = by_evidence(Assurance.REPLAYED, environment="other", deterministic_steps=9)
    stronger = strengthen(asked)
    demanding = strengthen(replace(asked, minimum_assurance=Assurance.CROSS_CHECKED))

    assert stronger is not None
    assert demanding is not None
    assert (stronger.environment, stronger.limits.deterministic_steps) == ("other", 9)
    assert stronger.minimum_assurance is Assurance.REPLAYED
    assert demanding.minimum_assurance is Assurance.CROSS_CHECKED
    assert isinstance(stronger.problem.criterion, LogicProblem)


def test_what_has_no_stronger_verifier_is_left_out() -> None:
    python = python_tests("", tests="assert f()", problem_id="p")

    assert by_suite({})(python) is None
    assert by_reference([REFERENCE])(python) is None
    assert by_reference([REFERENCE])(logic("P(a)", problem_id="other")) is None
    assert by_evidence(Assurance.CROSS_CHECKED)(python) is None
