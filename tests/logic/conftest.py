"""A real executor, with real solvers in real jails."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.pool import JailPool
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.logic import LogicExecutor
from sandboxes.logic.executor import environment_of
from sandboxes.logic.solvers.process import SolverProcesses
from verifier_service.model import (
    Candidate,
    Entailment,
    Limits,
    LogicEvidence,
    LogicProblem,
    Problem,
    Verdict,
    VerificationSpec,
)

LIMITS = Limits(
    wall_seconds=30,
    cpu_seconds=10,
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
async def environment() -> AsyncIterator[tuple[Interpreter, JailPool]]:
    sandboxes = await Sandboxes.create()
    yield await environment_of(sandboxes)
    await sandboxes.close()


@pytest.fixture
def jails(environment: tuple[Interpreter, JailPool]) -> JailPool:
    return environment[1]


@pytest.fixture
def processes(jails: JailPool) -> SolverProcesses:
    return SolverProcesses(jails)


@pytest.fixture
def executor(environment: tuple[Interpreter, JailPool]) -> LogicExecutor:
    return LogicExecutor(*environment)


@pytest.fixture
def verify(executor: LogicExecutor) -> Verify:
    """Judges a candidate by a problem."""

    async def verify_one(
        source: str,
        *,
        premises: tuple[str, ...] = (),
        conclusion: str = "",
        expected: Entailment | None = None,
        reference: str = "",
        syntax: str = "",
        **limits: float,
    ) -> Verdict:
        logic = LogicProblem(
            syntax=syntax,
            premises=premises,
            conclusion=conclusion,
            expected=expected,
            reference=reference,
        )
        assert executor.violations(logic) == []
        spec = VerificationSpec(
            problem=Problem(criterion=logic), candidate=Candidate(source=source)
        )
        return await executor.verify(
            spec,
            environment=executor.environments[0],
            limits=dataclasses.replace(LIMITS, **limits),  # type: ignore[arg-type]
            progress=lambda _: None,
        )

    return verify_one


def evidence(verdict: Verdict) -> LogicEvidence:
    assert isinstance(verdict.evidence, LogicEvidence)
    return verdict.evidence
