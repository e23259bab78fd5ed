"""Verdicts on a candidate, straight from an executor."""

from __future__ import annotations

from typing import Final

from verifier_service.model import (
    Candidate,
    Executor,
    Limits,
    Problem,
    PythonTests,
    TestForm,
    Verdict,
    VerificationSpec,
)

__all__ = ["LIMITS", "judged", "spec_of"]

LIMITS: Final = Limits(
    wall_seconds=10,
    cpu_seconds=0.5,
    memory_bytes=1 << 30,
    max_processes=16,
    max_output_bytes=4096,
    deterministic_steps=0,
)


def spec_of(source: str, tests: PythonTests) -> VerificationSpec:
    """A candidate and its tests as what is asked of an executor."""
    return VerificationSpec(problem=Problem(criterion=tests), candidate=Candidate(source=source))


async def judged(
    executor: Executor, source: str, form: TestForm, *, preamble: str = "", limits: Limits = LIMITS
) -> Verdict:
    """The verdict on a candidate.

    Raises:
        ServiceError: There is none.
    """
    return await executor.verify(
        spec_of(source, PythonTests(form=form, preamble=preamble)),
        environment=executor.environments[0],
        limits=limits,
        progress=lambda _: None,
    )
