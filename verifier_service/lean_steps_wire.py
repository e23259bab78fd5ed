"""Step sessions as messages of `lean_steps.proto`, and back. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from google.protobuf import duration_pb2

from verifier_service import wire
from verifier_service.model import (
    CallOptions,
    Candidate,
    ExecutorFault,
    InvalidSpec,
    LeanTheorem,
    Limits,
    Problem,
    RequestedLimits,
    VerificationSpec,
    Violation,
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
from verifier_service.v1 import lean_steps_pb2, problem_pb2, verifier_pb2

__all__ = [
    "open_request_from_proto",
    "open_request_to_proto",
    "opened_from_proto",
    "opened_to_proto",
    "results_from_proto",
    "results_to_proto",
    "step_limits_from_proto",
    "step_request_to_proto",
]

_NANOS: Final = 10**9
_LONGEST_SECONDS: Final = 10**9
_PLACEHOLDER: Final = Candidate(source="by")
"""A session is asked for as a verification whose candidate is still to come."""
_PATHS: Final = (("problem.lean_theorem", "theorem"), ("problem.problem_id", "problem_id"))


def open_request_to_proto(
    asked: TheoremToProve, options: CallOptions | None
) -> lean_steps_pb2.OpenSessionRequest:
    """Request of OpenSession.

    Raises:
        InvalidSpec: It holds what the contract can't say.
    """
    try:
        spec = wire.spec_to_proto(
            VerificationSpec(
                problem=Problem(criterion=asked.theorem, problem_id=asked.problem_id),
                candidate=_PLACEHOLDER,
                environment=asked.environment,
            )
        )
    except InvalidSpec as error:
        raise InvalidSpec.of(_in_request(error.violations)) from None
    return lean_steps_pb2.OpenSessionRequest(
        theorem=spec.problem.lean_theorem,
        environment=spec.environment,
        problem_id=spec.problem.problem_id,
        options=None if options is None else wire.options_to_proto(options),
    )


def open_request_from_proto(
    request: lean_steps_pb2.OpenSessionRequest,
    *,
    maximum_limits: Limits,
    maximum_candidate_bytes: int,
) -> tuple[TheoremToProve, CallOptions]:
    """What a session is to be opened for, and how to serve it.

    Raises:
        InvalidSpec: The request can't be read.
    """
    spec = verifier_pb2.VerificationSpec(
        problem=problem_pb2.Problem(problem_id=request.problem_id, lean_theorem=request.theorem),
        candidate=problem_pb2.Candidate(source=_PLACEHOLDER.source),
        environment=request.environment,
    )
    try:
        read = wire.spec_from_proto(
            spec,
            maximum_limits=maximum_limits,
            maximum_candidate_bytes=maximum_candidate_bytes,
        )
    except InvalidSpec as error:
        raise InvalidSpec.of(_in_request(error.violations)) from None
    theorem = read.problem.criterion
    assert isinstance(theorem, LeanTheorem)
    asked = TheoremToProve(
        theorem=theorem, environment=read.environment, problem_id=read.problem.problem_id
    )
    return asked, wire.options_from_proto(request.options)


def _in_request(violations: Sequence[Violation]) -> list[Violation]:
    renamed = []
    for one in violations:
        field = one.field
        for inside, here in _PATHS:
            field = here + field.removeprefix(inside) if field.startswith(inside) else field
        renamed.append(Violation(field, one.description))
    return renamed


def opened_to_proto(opened: OpenedSession) -> lean_steps_pb2.OpenSessionResponse:
    """Response of OpenSession."""
    return lean_steps_pb2.OpenSessionResponse(
        session_id=opened.session_id,
        root=_state_to_proto(opened.root),
        backend=opened.backend,
        environment=opened.environment,
        idle_time=_duration(opened.idle_seconds),
    )


def opened_from_proto(response: lean_steps_pb2.OpenSessionResponse) -> OpenedSession:
    """What a server opened."""
    return OpenedSession(
        session_id=response.session_id,
        root=_state_from_proto(response.root),
        backend=response.backend,
        environment=response.environment,
        idle_seconds=_seconds(response.idle_time),
    )


def step_request_to_proto(
    session_id: str, state_id: int, tactics: Sequence[str], limits: RequestedLimits
) -> lean_steps_pb2.StepRequest:
    """Request of Step.

    Raises:
        InvalidSpec: It holds what the contract can't say.
    """
    try:
        request = lean_steps_pb2.StepRequest(
            session_id=session_id, state_id=state_id, tactics=tactics
        )
    except ValueError as error:  # a negative number, or half a character
        raise InvalidSpec.of([Violation("request", f"can't be sent: {error}.")]) from None
    for name, duration in (("wall_seconds", "wall_time"), ("cpu_seconds", "cpu_time")):
        if (seconds := getattr(limits, name)) is not None:
            if not 0 < seconds < _LONGEST_SECONDS:
                text = f"is {seconds:g} s. Ask for more than 0, or leave it out."
                raise InvalidSpec.of([Violation(f"limits.{duration}", text)])
            getattr(request.limits, duration).CopyFrom(_duration(seconds))
    return request


def step_limits_from_proto(limits: problem_pb2.Limits) -> RequestedLimits:
    """Limits on each tactic; those that mean nothing for one are left out."""
    return RequestedLimits(
        wall_seconds=_seconds(limits.wall_time) if limits.HasField("wall_time") else None,
        cpu_seconds=_seconds(limits.cpu_time) if limits.HasField("cpu_time") else None,
    )


def results_to_proto(results: Sequence[StepResult]) -> lean_steps_pb2.StepResponse:
    """Response of Step."""
    return lean_steps_pb2.StepResponse(results=map(_result_to_proto, results))


def _result_to_proto(result: StepResult) -> lean_steps_pb2.StepResult:
    made = lean_steps_pb2.StepResult(
        wall_time=_duration(result.wall_seconds), cpu_time=_duration(result.cpu_seconds)
    )
    match result.outcome:
        case TacticState() as state:
            made.state.CopyFrom(_state_to_proto(state))
        case ProofFinished(proof=proof, verdict=verdict):
            made.finished.proof = proof
            made.finished.verdict.CopyFrom(wire.verdict_to_proto(verdict))
        case ProofGivenUp(message=message):
            made.given_up.message = message
        case TacticFailed() as failed:
            kinds = lean_steps_pb2.TacticFailed.Kind
            made.failed.kind = kinds.Value(f"KIND_{failed.kind.name}")
            made.failed.message = failed.message
            made.failed.line, made.failed.column = failed.line, failed.column
        case TacticStopped(reason=reason):
            reasons = lean_steps_pb2.TacticStopped.Reason
            made.stopped.reason = reasons.Value(f"REASON_{reason.name}")
    return made


def results_from_proto(response: lean_steps_pb2.StepResponse) -> list[StepResult]:
    """What became of the tactics.

    Raises:
        ExecutorFault: The server says what this client does not know.
    """
    return list(map(_result_from_proto, response.results))


def _result_from_proto(result: lean_steps_pb2.StepResult) -> StepResult:
    return StepResult(
        outcome=_outcome_from_proto(result),
        wall_seconds=_seconds(result.wall_time),
        cpu_seconds=_seconds(result.cpu_time),
    )


def _outcome_from_proto(
    result: lean_steps_pb2.StepResult,
) -> TacticState | ProofFinished | ProofGivenUp | TacticFailed | TacticStopped:
    match result.WhichOneof("outcome"):
        case "state":
            return _state_from_proto(result.state)
        case "finished":
            return ProofFinished(
                proof=result.finished.proof,
                verdict=wire.verdict_from_proto(result.finished.verdict),
            )
        case "given_up":
            return ProofGivenUp(message=result.given_up.message)
        case "failed":
            failed = result.failed
            return TacticFailed(
                kind=_failure(failed.kind),
                message=failed.message,
                line=failed.line,
                column=failed.column,
            )
        case "stopped":
            return TacticStopped(reason=_reason(result.stopped.reason))
        case _:
            raise ExecutorFault("The server says an outcome that this client does not know.")


def _failure(number: int) -> TacticFailure:
    for kind in TacticFailure:
        if lean_steps_pb2.TacticFailed.Kind.Value(f"KIND_{kind.name}") == number:
            return kind
    raise ExecutorFault(f"The server says a kind of failure that is not known here: {number}.")


def _reason(number: int) -> StopReason:
    for reason in StopReason:
        if lean_steps_pb2.TacticStopped.Reason.Value(f"REASON_{reason.name}") == number:
            return reason
    raise ExecutorFault(f"The server says an end of a tactic that is not known here: {number}.")


def _state_to_proto(state: TacticState) -> lean_steps_pb2.TacticState:
    features = state.features
    return lean_steps_pb2.TacticState(
        state_id=state.state_id,
        goals=[
            lean_steps_pb2.TacticGoal(text=goal.text, case_tag=goal.case) for goal in state.goals
        ],
        features=lean_steps_pb2.StateFeatures(
            goal_count=features.goal_count,
            case_tags=features.case_tags,
            size=features.size,
            depth=features.depth,
            changed=features.changed,
            digest=features.digest,
            same_as=features.same_as,
        ),
        messages=state.messages,
    )


def _state_from_proto(state: lean_steps_pb2.TacticState) -> TacticState:
    features = state.features
    return TacticState(
        state_id=state.state_id,
        goals=tuple(Goal(text=goal.text, case=goal.case_tag) for goal in state.goals),
        features=StateFeatures(
            goal_count=features.goal_count,
            case_tags=tuple(features.case_tags),
            size=features.size,
            depth=features.depth,
            changed=features.changed,
            digest=features.digest,
            same_as=features.same_as if features.HasField("same_as") else None,
        ),
        messages=tuple(state.messages),
    )


def _duration(seconds: float) -> duration_pb2.Duration:
    bounded = min(max(seconds, 0.0), _LONGEST_SECONDS) if math.isfinite(seconds) else 0.0
    made = duration_pb2.Duration()
    made.FromNanoseconds(round(bounded * _NANOS))
    return made


def _seconds(duration: duration_pb2.Duration) -> float:
    return duration.seconds + duration.nanos / _NANOS
