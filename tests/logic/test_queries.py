"""Queries of SMT-LIB with theories, asked of real solvers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandboxes.logic import LogicExecutor
from tests.logic.conftest import Verify, evidence
from verifier_service.model import Assurance, Entailment, LogicProblem, Outcome

CONSISTENT, INCONSISTENT = Entailment.CONSISTENT_PREMISES, Entailment.INCONSISTENT_PREMISES
BETWEEN = "(declare-const |my x| Int)(assert (> |my x| {low}))(assert (< |my x| {high}))"


@pytest.mark.parametrize(
    ("low", "high", "found"), [(3, 5, CONSISTENT), (3, 4, INCONSISTENT)], ids=["sat", "unsat"]
)
async def test_a_query_is_answered(verify: Verify, low: int, high: int, found: Entailment) -> None:
    verdict = await verify(BETWEEN.format(low=low, high=high) + "(check-sat)(get-model)")

    assert evidence(verdict).entailment is found
    assert {claim.solver for claim in evidence(verdict).claims} == {"z3", "cvc5"}
    if found is CONSISTENT:
        assert (verdict.outcome, verdict.assurance) == (Outcome.ACCEPTED, Assurance.SOLVED)
        assert "|my x|" in evidence(verdict).model_smtlib
    else:
        assert verdict.reason == "inconsistent-premises"


@pytest.mark.parametrize(
    ("source", "expected", "reason"),
    [
        ("(assert (< |my x| 10))", CONSISTENT, "answer-as-expected"),
        ("(assert (< |my x| 1))", CONSISTENT, "inconsistent-premises"),
        ("(assert (< |my x| 10))", INCONSISTENT, "other-answer"),
        ("(assert (< |my x| 1))", INCONSISTENT, "own-contradiction"),
        ("", CONSISTENT, "answer-as-expected"),
    ],
)
async def test_a_candidate_adds_assertions(
    verify: Verify, source: str, expected: Entailment, reason: str
) -> None:
    premises = ("(declare-const |my x| Int)", "(assert (> |my x| 3))")
    verdict = await verify(source, premises=premises, expected=expected, syntax="smtlib2")

    assert verdict.reason == reason


@pytest.mark.parametrize(
    "command",
    [
        '(set-option :regular-output-channel "{path}")',
        '(set-option :diagnostic-output-channel "{path}")',
        '(echo "x")',
        "(push 1)",
        '(include "{path}")',
    ],
)
async def test_a_query_touches_no_file(verify: Verify, command: str, tmp_path: Path) -> None:
    path = tmp_path / "written"
    source = BETWEEN.format(low=1, high=9) + command.replace("{path}", str(path)) + "(check-sat)"
    verdict = await verify(source)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "syntax-error")
    assert "forbidden" in [one.code for one in verdict.diagnostics]
    assert not path.exists()


async def test_a_sort_error_is_nobodys_answer(verify: Verify) -> None:
    verdict = await verify("(declare-const x Int)(assert (and x x))(check-sat)")

    assert verdict.outcome is Outcome.INCONCLUSIVE


async def test_an_endless_query_is_inconclusive(verify: Verify) -> None:
    source = (
        "(declare-const x Int)(declare-const y Int)(declare-const z Int)"
        "(assert (and (> x 1) (> y 1) (> z 1)))"
        "(assert (= (+ (* x x x) (* y y y) (* z z z)) 114))(check-sat)"
    )
    verdict = await verify(source, deterministic_steps=50_000)

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "solver-unknown")


def test_a_conclusion_is_asked_of_declared_symbols_only(executor: LogicExecutor) -> None:
    logic = LogicProblem(
        syntax="smtlib2",
        premises=("(declare-const x Int)", "(assert (> x 3))"),
        conclusion="(assert (> x 2))",
    )

    assert executor.violations(logic)
