"""A real executor, with the real Lean in real jails."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from sandboxes.lean import LeanExecutor
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.conftest import LIMITS
from verifier_service.model import (
    Candidate,
    LeanEvidence,
    LeanTheorem,
    Problem,
    Verdict,
    VerificationSpec,
)

Verify = Callable[..., Awaitable[Verdict]]

FALSE = LeanTheorem(name="goal", statement=": (1 : Nat) = 2")
COMMUTES = LeanTheorem(name="goal", statement="(a b : Nat) : a + b = b + a")


@pytest.fixture(scope="session")
def executor(runtime: LeanRuntime) -> LeanExecutor:
    return LeanExecutor([runtime])


@pytest.fixture
def verify(executor: LeanExecutor) -> Verify:
    """Judges a candidate by a theorem."""

    async def verify_one(
        source: str, theorem: LeanTheorem = COMMUTES, *, environment: int = 0, **limits: float
    ) -> Verdict:
        assert executor.violations(theorem) == []
        spec = VerificationSpec(
            problem=Problem(criterion=theorem), candidate=Candidate(source=source)
        )
        return await executor.verify(
            spec,
            environment=executor.environments[environment],
            limits=dataclasses.replace(LIMITS, **limits),  # type: ignore[arg-type]
            progress=lambda _: None,
        )

    return verify_one


def evidence(verdict: Verdict) -> LeanEvidence:
    assert isinstance(verdict.evidence, LeanEvidence)
    return verdict.evidence
