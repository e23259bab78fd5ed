"""A real executor, in real jails."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs these tests in one event loop: warm jails belong to the loop they were opened in."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def executor() -> AsyncIterator[PythonTestsExecutor]:
    executor = await PythonTestsExecutor.create()
    yield executor
    await executor.close()


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
