"""Executors that do as they are told, and engines around them."""

# ruff: noqa: ARG002 - the executor's interface names what not every executor needs

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verifier_service.engine import Engine, Policy
from verifier_service.model import (
    Assurance,
    Candidate,
    Criterion,
    EnvironmentInfo,
    Limits,
    Outcome,
    Problem,
    Progress,
    ProgressListener,
    PythonTests,
    TestCode,
    Verdict,
    VerificationSpec,
    Violation,
)
from verifier_service.store.sqlite import SqliteStore

LIMITS = Limits(
    wall_seconds=10.0,
    cpu_seconds=5.0,
    memory_bytes=2**28,
    max_processes=8,
    max_output_bytes=2**16,
    deterministic_steps=10**6,
)
ENVIRONMENT = EnvironmentInfo(
    name="python3.11",
    digest="sha256:" + "ab" * 32,
    criteria=("python_tests",),
    maximum_assurance=Assurance.BOUNDED,
    sandbox="none/test",
)
ACCEPTED = Verdict(
    outcome=Outcome.ACCEPTED,
    reason="tests-passed",
    summary="Passed all tests.",
    assurance=Assurance.TESTED,
)
REJECTED = Verdict(outcome=Outcome.REJECTED, reason="wrong-answer", summary="Failed a test.")
INCONCLUSIVE = Verdict(outcome=Outcome.INCONCLUSIVE, reason="overloaded", summary="Starved.")

VERDICTS = {"accept": ACCEPTED, "reject": REJECTED, "unsure": INCONCLUSIVE}

Judge = Callable[[VerificationSpec, ProgressListener], Awaitable[Verdict]]


def spec(source: str = "accept", candidate_id: str = "", problem_id: str = "") -> VerificationSpec:
    """A spec whose candidate says what becomes of it."""
    return VerificationSpec(
        problem=Problem(
            criterion=PythonTests(form=TestCode(source="assert f(1) == 2")), problem_id=problem_id
        ),
        candidate=Candidate(source=source, candidate_id=candidate_id),
    )


def policy(**changes: Any) -> Policy:
    return Policy(
        **({"slots": 2} | changes),
        default_limits=LIMITS,
        maximum_limits=LIMITS,
        version="1",
        worker="here",
    )


async def as_told(asked: VerificationSpec, _: ProgressListener) -> Verdict:
    """The verdict that the candidate's first word names."""
    return VERDICTS[asked.candidate.source.split()[0]]


@dataclass(kw_only=True)
class ToldExecutor:
    """Judges as it is told, and keeps count."""

    judge: Judge = as_told
    environments: tuple[EnvironmentInfo, ...] = (ENVIRONMENT,)
    broken_rules: tuple[Violation, ...] = ()
    begun: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    closed: bool = False

    def criteria(self) -> tuple[str, ...]:
        return ("python_tests",)

    def violations(self, criterion: Criterion) -> list[Violation]:
        return list(self.broken_rules)

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        environment: EnvironmentInfo,
        limits: Limits,
        progress: ProgressListener,
    ) -> Verdict:
        self.begun.append(spec.candidate.source)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            return await self.judge(spec, progress)
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.closed = True


@dataclass
class Gate:
    """A judge that lets nobody through before it is opened, and counts who was cut off."""

    judge: Judge = as_told
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    cut_off: int = 0

    async def __call__(self, asked: VerificationSpec, progress: ProgressListener) -> Verdict:
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        return await self.judge(asked, progress)


@contextlib.asynccontextmanager
async def engine_on(
    path: Path, executor: ToldExecutor | None = None, rules: Policy | None = None
) -> AsyncIterator[Engine]:
    """An engine on a real store, after which no task is left."""
    engine = Engine(
        executors=[executor or ToldExecutor()],
        store=SqliteStore.open(path / "store.db"),
        policy=rules or policy(),
    )
    try:
        yield engine
    finally:
        await engine.close()
    await settled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def settled() -> None:
    """Lets everything that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Waits, within the test's own timeout, for something that other tasks or threads bring on."""
    while not condition():  # noqa: ASYNC110 - threads and processes set no events
        await asyncio.sleep(0.001)


class Heard(list[Progress]):
    """A progress listener that keeps what it hears."""

    def __call__(self, progress: Progress) -> None:
        self.append(progress)
