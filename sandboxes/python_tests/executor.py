"""The executor for unit tests of Python code."""

from __future__ import annotations

import dataclasses
import time

from sandboxes.isolation.bubblewrap import BubblewrapBackend
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Backend
from sandboxes.python_tests.judge import Facts, Located, case_result, judge
from sandboxes.python_tests.problems import candidate_job, checker_job, violations
from sandboxes.python_tests.report import CaseReport
from sandboxes.python_tests.shared import run_shared
from sandboxes.python_tests.split import run_split
from sandboxes.python_tests.stdio import run_stdio
from verifier_service.model import (
    Assurance,
    Criterion,
    EnvironmentInfo,
    Limits,
    Progress,
    ProgressListener,
    Provenance,
    PythonTests,
    ResourceUsage,
    State,
    StdioCases,
    Timeline,
    Verdict,
    VerificationSpec,
    Violation,
)

__all__ = ["PythonTestsExecutor"]


class PythonTestsExecutor:
    """Judges Python candidates by unit tests, with the tests out of the candidate's reach."""

    def __init__(self, backend: Backend, interpreter: Interpreter) -> None:
        self._backend = backend
        self._environment = EnvironmentInfo(
            name=interpreter.name,
            digest=interpreter.digest,
            criteria=self.criteria(),
            maximum_assurance=Assurance.TESTED,
            sandbox=backend.isolation.backend,
            enforced=backend.isolation.enforced,
            tools=(f"python@{interpreter.version}",),
        )

    @classmethod
    async def create(cls) -> PythonTestsExecutor:
        """An executor on the best isolation that this machine offers.

        Raises:
            IsolationUnavailable: It offers none. The message says what to install.
        """
        interpreter = Interpreter.running()
        return cls(await BubblewrapBackend.create(interpreter), interpreter)

    @property
    def environments(self) -> tuple[EnvironmentInfo, ...]:
        """The Python that runs this service."""
        return (self._environment,)

    def criteria(self) -> tuple[str, ...]:
        """Unit tests."""
        return ("python_tests",)

    def violations(self, criterion: Criterion) -> list[Violation]:
        """Says what is wrong with a problem."""
        return violations(criterion) if isinstance(criterion, PythonTests) else []

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        environment: EnvironmentInfo,
        limits: Limits,
        progress: ProgressListener,
    ) -> Verdict:
        """Judges one candidate; see `verifier_service.model.Executor`."""
        tests = spec.problem.criterion
        assert isinstance(tests, PythonTests)
        began: list[float] = []
        facts = await self._run(tests, spec.candidate.source, limits, progress, began)
        located = Located(preamble=tests.preamble, source=spec.candidate.source)
        verdict = judge(facts, tests=tests, located=located, limits=limits)
        return dataclasses.replace(
            verdict, provenance=self._provenance(facts, environment, began[0])
        )

    async def _run(
        self,
        tests: PythonTests,
        source: str,
        limits: Limits,
        progress: ProgressListener,
        began: list[float],
    ) -> Facts:
        def on_case(case: CaseReport) -> None:
            progress(Progress(state=State.RUNNING, finished_case=case_result(case)))

        def on_start() -> None:
            began.append(time.time())

        if isinstance(tests.form, StdioCases):
            return await run_stdio(
                self._backend, tests, source, limits=limits, on_case=on_case, on_start=on_start
            )
        facts = await run_split(
            self._backend,
            candidate_job=candidate_job(tests, source),
            checker_job=checker_job(tests),
            limits=limits,
            on_case=on_case,
            on_start=on_start,
        )
        if facts.report.end and facts.report.end.reason == "needs-shared-interpreter":
            return await run_shared(self._backend, tests, source, limits=limits)
        return facts

    def _provenance(self, facts: Facts, environment: EnvironmentInfo, began: float) -> Provenance:
        return Provenance(
            tools=environment.tools,
            environment=f"{environment.name}@{environment.digest}",
            sandbox=environment.sandbox,
            enforced=environment.enforced,
            timeline=Timeline(
                create_time=began, start_time=began, execute_time=began, end_time=began
            ),
            usage=facts.usage
            or ResourceUsage(
                wall_seconds=facts.candidate.wall_seconds,
                cpu_seconds=facts.candidate.cpu_seconds,
                peak_memory_bytes=facts.candidate.peak_memory_bytes,
            ),
        )

    async def close(self) -> None:
        """Ends the process that starts jails."""
        self._backend.close()
