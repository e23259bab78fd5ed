"""An executor whose candidates say what becomes of them, and which runs nothing.

The first word of a candidate is its fate: `accept`, `reject`, `wait` (until cancelled, or until
`release` is set), `lost`, `crash`, `surrogate`. What follows only makes candidates differ.
"""

# ruff: noqa: ARG002

from __future__ import annotations

import asyncio

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
    SandboxLost,
    State,
    TestCaseResult,
    TestCode,
    Verdict,
    VerificationSpec,
    Violation,
)

__all__ = ["ENVIRONMENT", "ScriptedExecutor", "spec"]

ENVIRONMENT = EnvironmentInfo(
    name="scripted",
    digest="sha256:" + "5c" * 32,
    criteria=("python_tests",),
    maximum_assurance=Assurance.TESTED,
    sandbox="none",
)


def spec(source: str, **ids: str) -> VerificationSpec:
    """A candidate with a fate."""
    return VerificationSpec(
        problem=Problem(
            criterion=PythonTests(form=TestCode(source="assert True")),
            problem_id=ids.get("problem_id", ""),
        ),
        candidate=Candidate(source=source, candidate_id=ids.get("candidate_id", "")),
    )


class ScriptedExecutor:
    """Judges by the candidate's first word."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.running: set[str] = set()
        self.release = asyncio.Event()
        self.changed = asyncio.Condition()
        self.progress_count = 1
        self.closed = False

    @property
    def environments(self) -> tuple[EnvironmentInfo, ...]:
        return (ENVIRONMENT,)

    def criteria(self) -> tuple[str, ...]:
        return ("python_tests",)

    def violations(self, criterion: Criterion) -> list[Violation]:
        return []

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        environment: EnvironmentInfo,
        limits: Limits,
        progress: ProgressListener,
    ) -> Verdict:
        source = spec.candidate.source
        self.began.append(source)
        self.running.add(source)
        await self._tell()
        try:
            for index in range(self.progress_count):
                progress(
                    Progress(
                        state=State.RUNNING,
                        finished_case=TestCaseResult(
                            name=str(index), outcome=Outcome.ACCEPTED, reason="tests-passed"
                        ),
                    )
                )
            return await self._judge(source)
        finally:
            self.running.discard(source)
            await self._tell()

    async def _judge(self, source: str) -> Verdict:
        match source.partition(" ")[0]:
            case "accept":
                return _verdict(Outcome.ACCEPTED, "tests-passed")
            case "wait":
                await self.release.wait()
                return _verdict(Outcome.ACCEPTED, "tests-passed")
            case "lost":
                raise SandboxLost("The sandbox died.")
            case "crash":
                raise RuntimeError(f"could not judge {source}")
            case "surrogate":
                return _verdict(Outcome.REJECTED, "wrong-answer", summary="Got '\ud800'.")
            case _:
                return _verdict(Outcome.REJECTED, "wrong-answer")

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def is_running(self, count: int) -> None:
        """Returns once so many candidates run."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.running) == count)

    async def has_ended(self, count: int) -> None:
        """Returns once so many candidates have been judged, or lost."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.began) - len(self.running) == count)

    async def close(self) -> None:
        self.closed = True


def _verdict(outcome: Outcome, reason: str, *, summary: str = "So it says.") -> Verdict:
    return Verdict(outcome=outcome, reason=reason, summary=summary, assurance=Assurance.TESTED)
