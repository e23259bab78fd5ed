"""The executor for unit tests of Python code."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.pool import JailPool
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.python_tests.judge import Facts, Located, case_result, judge
from sandboxes.python_tests.problems import candidate_job, checker_job, violations
from sandboxes.python_tests.pytest_suite import Plans, run_pytest_suite
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
    PytestSuite,
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

    def __init__(
        self, environments: Sequence[tuple[Interpreter, JailPool]], owned: Sandboxes | None = None
    ) -> None:
        """Judges in jails.

        Args:
            environments: What runs in which jails; the first one is the default.
            owned: What is to be closed with the executor.
        """
        self._owned = owned
        self._jails = {interpreter.name: jails for interpreter, jails in environments}
        self._plans = Plans()
        self._runs_pytest = all(interpreter.runs_pytest for interpreter, _ in environments)
        self._environments = tuple(
            EnvironmentInfo(
                name=interpreter.name,
                digest=interpreter.digest,
                criteria=self.criteria(),
                maximum_assurance=Assurance.TESTED,
                sandbox=jails.isolation.backend,
                enforced=jails.isolation.enforced,
                tools=interpreter.tools,
            )
            for interpreter, jails in environments
        )

    @classmethod
    async def create(
        cls,
        packages: Mapping[str, Sequence[str]] = MappingProxyType({}),
        sandboxes: Sandboxes | None = None,
    ) -> PythonTestsExecutor:
        """An executor on the best isolation that this machine offers.

        Args:
            packages: Names of environments beside the plain one, and what is to be imported there:
                `{"numpy": ["numpy>=2"]}` makes `python3.11-numpy`.
            sandboxes: Where jails come from, to be closed by the caller; the executor's own if
                none is given.

        Raises:
            IsolationUnavailable: It offers none. The message says what to install.
            UnusablePackages: A package is not installed beside the service.
        """
        async with contextlib.AsyncExitStack() as made:
            owned = None
            if sandboxes is None:
                sandboxes = owned = await Sandboxes.create()
                made.push_async_callback(owned.close)
            environments = [
                await sandboxes.environment(label, requirements)
                for label, requirements in {"": (), **packages}.items()
            ]
            made.pop_all()
        return cls(environments, owned)

    @property
    def environments(self) -> tuple[EnvironmentInfo, ...]:
        """The Python that runs this service, plain and with packages."""
        return self._environments

    def criteria(self) -> tuple[str, ...]:
        """Unit tests."""
        return ("python_tests",)

    def violations(self, criterion: Criterion) -> list[Violation]:
        """Says what is wrong with a problem."""
        if not isinstance(criterion, PythonTests):
            return []
        return violations(criterion, runs_pytest=self._runs_pytest)

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
        jails = self._jails[environment.name]
        facts = await self._run(jails, tests, spec.candidate.source, limits, progress, began)
        located = Located(preamble=tests.preamble, source=spec.candidate.source)
        verdict = judge(facts, tests=tests, located=located, limits=limits)
        return dataclasses.replace(
            verdict, provenance=self._provenance(facts, environment, began[0])
        )

    async def _run(
        self,
        jails: JailPool,
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
                jails, tests, source, limits=limits, on_case=on_case, on_start=on_start
            )
        if isinstance(tests.form, PytestSuite):
            return await run_pytest_suite(
                jails,
                tests,
                source,
                plans=self._plans,
                limits=limits,
                on_case=on_case,
                on_start=on_start,
            )
        facts = await run_split(
            jails,
            candidate_job=candidate_job(tests, source),
            checker_job=checker_job(tests),
            limits=limits,
            on_case=on_case,
            on_start=on_start,
        )
        if facts.report.end and facts.report.end.reason == "needs-shared-interpreter":
            return await run_shared(jails, tests, source, limits=limits)
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
        """Ends all jails that are the executor's own."""
        if self._owned is not None:
            await self._owned.close()
