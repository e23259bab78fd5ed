"""Step sessions of Lean, by the engine's own executors, slots and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from verifier_service.model import (
    CallOptions,
    Candidate,
    CriterionUnavailable,
    EnvironmentInfo,
    InvalidSpec,
    Problem,
    Verdict,
    VerificationSpec,
    Violation,
)
from verifier_service.model.lean_steps import TheoremToProve

if TYPE_CHECKING:
    from sandboxes.lean.runtime import LeanRuntime
    from sandboxes.lean.steps.sessions import Backend, StepSessions
    from verifier_service.engine.engine import Engine

__all__ = ["step_sessions"]

_PLACEHOLDER = Candidate(source="by skip")
"""A session is resolved as a verification whose candidate is still to come."""
_FIELDS = (("spec.problem.lean_theorem", "theorem"), ("spec.problem.problem_id", "problem_id"))


class _LeanExecutor(Protocol):
    def runtime(self, environment: EnvironmentInfo) -> LeanRuntime: ...


def step_sessions(engine: Engine, *, maximum_sessions: int, idle_seconds: float) -> StepSessions:
    """Sessions on the Leans of an engine.

    Args:
        engine: Resolves theorems, has the slots, and judges finished proofs.
        maximum_sessions: That may be open at a time.
        idle_seconds: After which a session that nobody calls is closed.
    """
    from sandboxes.lean.steps.sessions import SessionPolicy, StepSessions

    async def verify(spec: VerificationSpec, options: CallOptions) -> Verdict:
        return await engine.verify(spec, options, patient=True)

    capabilities = engine.capabilities()
    return StepSessions(
        choose=lambda asked: _chosen(engine, asked),
        verify=verify,
        aside=engine.aside,
        policy=SessionPolicy(
            maximum_sessions=maximum_sessions,
            idle_seconds=idle_seconds,
            default_limits=capabilities.default_limits,
            maximum_limits=capabilities.maximum_limits,
        ),
    )


def _chosen(engine: Engine, asked: TheoremToProve) -> Backend:
    """Lean's own server, in the environment that is asked for.

    Raises:
        InvalidSpec: The theorem can't be proved in steps; fields are those of OpenSession.
        ServiceError: Nothing here proves it.
    """
    from sandboxes.lean.steps.server_runner import ServerRunner
    from sandboxes.lean.steps.sessions import Backend

    if asked.theorem.whole_file:
        text = "is set, and a whole file has no steps. Name one theorem, and give its statement."
        raise InvalidSpec.of([Violation("theorem.whole_file", text)])
    spec = VerificationSpec(
        problem=Problem(criterion=asked.theorem, problem_id=asked.problem_id),
        candidate=_PLACEHOLDER,
        environment=asked.environment,
    )
    try:
        job = engine.resolve(spec)
    except InvalidSpec as error:
        raise InvalidSpec.of([_renamed(one) for one in error.violations]) from None
    executor: _LeanExecutor = job.executor  # type: ignore[assignment]
    if not hasattr(executor, "runtime"):
        raise CriterionUnavailable(
            f"What judges Lean theorems in {job.environment.name} offers no step sessions."
        )
    return Backend(
        runner=ServerRunner(asked.theorem, executor.runtime(job.environment), job.limits),
        environment=f"{job.environment.name}@{job.environment.digest}",
    )


def _renamed(violation: Violation) -> Violation:
    field = violation.field
    for inside, here in _FIELDS:
        if field.startswith(inside):
            return Violation(here + field.removeprefix(inside), violation.description)
    return Violation(field.removeprefix("spec."), violation.description)
