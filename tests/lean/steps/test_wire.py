"""Step sessions as messages of the contract, and back."""

from __future__ import annotations

import pytest

from tests.lean.conftest import LIMITS
from tests.lean.steps.conftest import SWAP
from verifier_service import lean_steps_wire as wire
from verifier_service.model import (
    CallOptions,
    ExecutorFault,
    InvalidSpec,
    LeanTheorem,
    Outcome,
    RequestedLimits,
    Verdict,
)
from verifier_service.model.lean_steps import (
    Goal,
    OpenedSession,
    ProofFinished,
    ProofGivenUp,
    StateFeatures,
    StepResult,
    StopReason,
    TacticFailed,
    TacticFailure,
    TacticState,
    TacticStopped,
    TheoremToProve,
)
from verifier_service.v1 import lean_steps_pb2

STATE = TacticState(
    state_id=3,
    goals=(Goal(text="case left\n⊢ p", case="left"), Goal(text="⊢ q")),
    features=StateFeatures(
        goal_count=2, case_tags=("left",), size=18, depth=2, changed=True, digest="ab", same_as=0
    ),
    messages=("Try this: exact h",),
)
VERDICT = Verdict(outcome=Outcome.REJECTED, reason="uses-sorry", summary="It does.")
OUTCOMES = [
    STATE,
    ProofFinished(proof="by\n  rfl\n", verdict=VERDICT),
    ProofGivenUp(message="declaration uses `sorry`"),
    *(TacticFailed(kind=kind, message="no", line=2, column=7) for kind in TacticFailure),
    *(TacticStopped(reason=reason) for reason in StopReason),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_results_come_out_as_they_went_in(outcome: object) -> None:
    result = StepResult(outcome=outcome, wall_seconds=0.25, cpu_seconds=1.5)  # type: ignore[arg-type]
    assert wire.results_from_proto(wire.results_to_proto([result])) == [result]


def test_a_session_comes_out_as_it_went_in() -> None:
    opened = OpenedSession(
        session_id="x", root=STATE, backend="lean-server", environment="lean", idle_seconds=0.5
    )
    assert wire.opened_from_proto(wire.opened_to_proto(opened)) == opened


def test_a_request_comes_out_as_it_went_in() -> None:
    asked = TheoremToProve(theorem=SWAP, environment="lean4-core", problem_id="swap")
    options = CallOptions(session_id="search", priority=2)
    request = wire.open_request_to_proto(asked, options)
    read = wire.open_request_from_proto(
        request, maximum_limits=LIMITS, maximum_candidate_bytes=1000
    )
    assert read == (asked, options)
    limits = RequestedLimits(wall_seconds=2.5)
    step = wire.step_request_to_proto("x", 3, ["skip"], limits)
    assert (step.session_id, step.state_id, list(step.tactics)) == ("x", 3, ["skip"])
    assert wire.step_limits_from_proto(step.limits) == limits


@pytest.mark.parametrize(
    ("state_id", "tactics", "limits"),
    [
        pytest.param(-1, ["skip"], RequestedLimits(), id="negative-state"),
        pytest.param(2**40, ["skip"], RequestedLimits(), id="huge-state"),
        pytest.param(0, ["\ud800"], RequestedLimits(), id="half-a-character"),
        pytest.param(0, ["skip"], RequestedLimits(cpu_seconds=0), id="no-cpu"),
        pytest.param(0, ["skip"], RequestedLimits(wall_seconds=float("nan")), id="not-a-number"),
    ],
)
def test_what_the_contract_can_not_say_is_refused(
    state_id: int, tactics: list[str], limits: RequestedLimits
) -> None:
    with pytest.raises(InvalidSpec):
        wire.step_request_to_proto("x", state_id, tactics, limits)


def test_a_theorem_that_the_contract_can_not_say_names_its_field() -> None:
    asked = TheoremToProve(theorem=LeanTheorem(name="t", statement=": \ud800 = 1"))
    with pytest.raises(InvalidSpec) as refused:
        wire.open_request_to_proto(asked, None)
    assert [one.field for one in refused.value.violations] == ["theorem.statement"]


@pytest.mark.parametrize(
    "result",
    [
        lean_steps_pb2.StepResult(),
        lean_steps_pb2.StepResult(failed=lean_steps_pb2.TacticFailed()),
        lean_steps_pb2.StepResult(stopped=lean_steps_pb2.TacticStopped()),
    ],
)
def test_what_a_later_server_may_say_is_not_guessed_at(result: lean_steps_pb2.StepResult) -> None:
    with pytest.raises(ExecutorFault):
        wire.results_from_proto(lean_steps_pb2.StepResponse(results=[result]))
