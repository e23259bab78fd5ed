"""A real executor, in real jails."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator

import pytest

from sandboxes.python_tests import PythonTestsExecutor
from verifier_service.model import (
    Candidate,
    Limits,
    Problem,
    Progress,
    PythonEvidence,
    PythonTests,
    TestForm,
    Verdict,
    VerificationSpec,
)

LIMITS = Limits(
    wall_seconds=10,
    cpu_seconds=3,
    memory_bytes=1 << 30,
    max_processes=16,
    max_output_bytes=4096,
    deterministic_steps=0,
)
Verify = Callable[..., Awaitable[Verdict]]


@pytest.fixture(scope="session")
def executor() -> Iterator[PythonTestsExecutor]:
    executor = asyncio.run(PythonTestsExecutor.create())
    yield executor
    asyncio.run(executor.close())


@pytest.fixture
def verify(executor: PythonTestsExecutor) -> Verify:
    """Judges a candidate by tests of any form."""

    async def verify_one(
        source: str,
        form: TestForm,
        *,
        preamble: str = "",
        keep_going: bool = False,
        seen: list[Progress] | None = None,
        **limits: float,
    ) -> Verdict:
        criterion = PythonTests(form=form, preamble=preamble, keep_going=keep_going)
        spec = VerificationSpec(
            problem=Problem(criterion=criterion), candidate=Candidate(source=source)
        )
        return await executor.verify(
            spec,
            environment=executor.environments[0],
            limits=dataclasses.replace(LIMITS, **limits),  # type: ignore[arg-type]
            progress=(seen if seen is not None else []).append,
        )

    return verify_one


def evidence(verdict: Verdict) -> PythonEvidence:
    assert isinstance(verdict.evidence, PythonEvidence)
    return verdict.evidence
