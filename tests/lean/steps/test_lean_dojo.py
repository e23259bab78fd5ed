"""LeanDojo behind the interface of sessions: each of its outcomes and failures."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from sandboxes.lean.steps.lean_dojo import dojo_runner
from sandboxes.lean.steps.runner import Finished, Reached, RunnerOutcome, TacticLimits
from tests.lean.steps import dojo_double
from tests.lean.steps.dojo_double import (
    DojoCrashError,
    DojoInitError,
    DojoTacticTimeoutError,
    Theorem,
)
from verifier_service.model import CriterionUnavailable, InvalidSpec
from verifier_service.model.lean_steps import (
    ProofGivenUp,
    StopReason,
    TacticFailed,
    TacticFailure,
    TacticStopped,
)

ENOUGH = TacticLimits(wall_seconds=30, cpu_seconds=30)
SHORT = TacticLimits(wall_seconds=0.2, cpu_seconds=30)
SPLIT = {"sid": 1, "tacticState": "case left\n⊢ p\n\ncase right\n⊢ q", "error": None}
ANSWERS: dict[tuple[int, str], Any] = {
    (0, "constructor"): SPLIT,
    (1, "exact hp"): {"sid": 2, "tacticState": "case right\n⊢ q", "error": None, "message": "hm"},
    (2, "exact hq"): {"sid": 3, "tacticState": "no goals", "error": None, "message": ""},
}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lean_dojo", dojo_double)


def theorem(**more: Any) -> Theorem:
    return Theorem(
        root="⊢ p ∧ q", answers={**ANSWERS, **{(0, name): v for name, v in more.items()}}
    )


async def outcome_of(answer: Any) -> RunnerOutcome:
    runner = dojo_runner(theorem(tactic=answer))
    await runner.open()
    outcome = (await runner.run((), "tactic", ENOUGH)).outcome
    await runner.close()
    return outcome


async def test_a_proof_is_made_step_by_step_and_old_states_stay_good() -> None:
    entry = theorem()
    runner = dojo_runner(entry)
    root = await runner.open()
    split = (await runner.run((), "constructor", ENOUGH)).outcome
    one = (await runner.run(("constructor",), "exact hp", ENOUGH)).outcome
    last = (await runner.run(("constructor", "exact hp"), "exact hq", ENOUGH)).outcome
    again = (await runner.run((), "constructor", ENOUGH)).outcome
    await runner.close()
    assert [goal.text for goal in root.goals] == ["⊢ p ∧ q"]
    assert isinstance(split, Reached)
    assert [goal.case for goal in split.goals] == ["left", "right"]
    assert isinstance(one, Reached)
    assert one.messages == ("hm",)
    assert last == Finished()
    assert again == split
    assert (entry.starts, entry.ends) == (1, 1)


@pytest.mark.parametrize(
    ("error", "kind", "place"),
    [
        pytest.param("<stdin>:1:7: expected term", TacticFailure.SYNTAX, (1, 7), id="parser"),
        pytest.param("unknown identifier 'x'", TacticFailure.TACTIC, (0, 0), id="elaborator"),
        pytest.param(
            "kernel type check failed: (kernel) mismatch", TacticFailure.KERNEL, (0, 0), id="kernel"
        ),
    ],
)
async def test_errors_of_lean(error: str, kind: TacticFailure, place: tuple[int, int]) -> None:
    outcome = await outcome_of({"sid": None, "tacticState": None, "error": error})
    assert isinstance(outcome, TacticFailed)
    assert (outcome.kind, (outcome.line, outcome.column)) == (kind, place)


async def test_sorry_gives_up() -> None:
    outcome = await outcome_of({"error": "proof contains `sorry`"})
    assert isinstance(outcome, ProofGivenUp)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param(DojoTacticTimeoutError(), StopReason.WALL_TIME, id="timeout"),
        pytest.param(DojoCrashError("OOM"), StopReason.MEMORY, id="memory"),
        pytest.param(DojoCrashError("Unexpected EOF"), StopReason.CRASHED, id="crash"),
        pytest.param(
            {"sid": 1, "tacticState": "h : '⊢' = x\n⊢ p", "error": None},
            StopReason.CRASHED,
            id="goal-that-it-can-not-read",
        ),
    ],
)
async def test_a_dojo_that_is_lost_is_opened_again_and_states_stay_good(
    failure: Any, reason: StopReason
) -> None:
    entry = theorem()
    entry.answers[1, "lose"] = failure
    runner = dojo_runner(entry)
    await runner.open()
    await runner.run((), "constructor", ENOUGH)
    lost = (await runner.run(("constructor",), "lose", ENOUGH)).outcome
    after = (await runner.run(("constructor",), "exact hp", ENOUGH)).outcome
    await runner.close()
    assert lost == TacticStopped(reason=reason)
    assert isinstance(after, Reached)
    assert (entry.starts, entry.ends) == (2, 2)


async def test_a_tactic_that_takes_too_long_is_stopped_by_us() -> None:
    entry = theorem(slow=1.0)
    runner = dojo_runner(entry)
    await runner.open()
    stopped = (await runner.run((), "slow", SHORT)).outcome
    after = (await runner.run((), "constructor", ENOUGH)).outcome
    await runner.close()
    assert stopped == TacticStopped(reason=StopReason.WALL_TIME)
    assert isinstance(after, Reached)


@pytest.mark.parametrize(
    ("root", "error"),
    [
        pytest.param(
            DojoInitError("Failed to locate the theorem with `x` as its fully qualified name."),
            InvalidSpec,
            id="no-such-theorem",
        ),
        pytest.param(
            DojoInitError("Cannot interact with theorems with the `where` keyword."),
            InvalidSpec,
            id="where",
        ),
        pytest.param(DojoInitError("Unexpected EOF"), CriterionUnavailable, id="eof"),
        pytest.param(
            DojoInitError("Timeout during initialization"), CriterionUnavailable, id="timeout"
        ),
        pytest.param(RuntimeError("GithubException"), CriterionUnavailable, id="github"),
    ],
)
async def test_a_dojo_that_does_not_start_says_whose_fault_it_is(
    root: Exception, error: type[Exception]
) -> None:
    with pytest.raises(error, match=str(root).partition("`")[0]):
        await dojo_runner(Theorem(root=root, answers={})).open()


async def test_a_lean_dojo_that_is_not_there_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "lean_dojo", None)
    with pytest.raises(CriterionUnavailable, match="extra `lean-dojo`"):
        await dojo_runner(object()).open()
