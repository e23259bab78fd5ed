"""Pytest suites: they import the candidate, so they are run in its interpreter, under canaries.

Hardened, not unforgeable: the verdict says `channel: SHARED`. A run in the candidate's own
interpreter is believed only as far as these hold together, each in a fresh process:

1. A collection without any candidate says which tests there are. A candidate has no say in it.
2. The suite as it is: every test passed, none was skipped that is not marked so.
3. Canaries: the suite again, in which all tests from a random one on expect something else. Those
   before it have to pass, and those after it have to fail. A canary looks like any suite: who does
   not know the right answers can't tell where it begins, and whether there is one at all.

Who passes a test that no correct candidate can pass is not being tested (EvilGenie,
arXiv:2511.21654).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import random
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sandboxes.isolation.capture import Collector
from sandboxes.isolation.jail import Exit, ProcessLimits
from sandboxes.isolation.pool import JailPool, Lease
from sandboxes.isolation.watch import (
    Watch,
    captured,
    flood_bytes_of,
    job_fd,
    limits_of,
)
from sandboxes.python_tests.jailed.pytest_canary import Edit, edited
from sandboxes.python_tests.judge import Facts
from sandboxes.python_tests.report import (
    ASIDE,
    MAX_REPORT_BYTES,
    CaseReport,
    EndReport,
    Report,
    ReportReader,
)
from sandboxes.python_tests.split import CHECKER_EXTRA_CPU_SECONDS, CHECKER_MEMORY_BYTES
from verifier_service.model import (
    InvalidSpec,
    Limits,
    Output,
    PytestSuite,
    PythonTests,
    ResourceUsage,
    SandboxLost,
    VerdictChannel,
    Violation,
)

__all__ = [
    "Canary",
    "Plan",
    "PlannedTest",
    "Plans",
    "canaries",
    "of_canary",
    "of_suite",
    "run_pytest_suite",
]

PLAN: Final = "sandboxes.python_tests.jailed.pytest_plan"
RUN: Final = "sandboxes.python_tests.jailed.pytest_run"
_CANARY_COUNTS: Final = {1: 6, 2: 5, 3: 5}
"""Canaries by the number of tests that can be made to fail: where it is small, so is each one's
chance to begin where a forger does not expect it."""
_CANARY_COUNT: Final = 4
MAX_KEPT_TESTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """A test, as it was collected without a candidate."""

    base_id: str
    """Its id without parameters."""
    counts: bool = True
    """Whether it is neither marked to be skipped nor expected to fail."""
    function: int = -1
    """The function that it runs; -1 where that is not in the text of the suite."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Index of the row that each of its parameters comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a suite is, by itself."""

    tests: Sequence[PlannedTest]
    changes: Sequence[Sequence[tuple[str, Sequence[Edit]] | None]]
    """For each function, ways to make it fail: the parameter whose rows the edits change one by
    one, or "", and the edits. None where there is no way."""
    uses_candidate: Sequence[str] = ()
    """What the suite does with the candidate while it is collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A suite that no correct candidate passes."""

    edits: Sequence[Edit]
    passing: frozenset[int]
    """Tests that are as they were, and run before any that is not."""
    failing: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    report: Report
    ended: Exit
    stopped_for: str | None
    stdout: Output
    stderr: Output


async def run_pytest_suite(
    jails: JailPool,
    tests: PythonTests,
    source: str,
    *,
    plans: Plans,
    limits: Limits,
    on_case: Callable[[CaseReport], None],
    on_start: Callable[[], None],
) -> Facts:
    """Collects the suite, runs it, and runs its canaries if the candidate passed.

    Args:
        jails: Where it runs.
        tests: The problem.
        source: The candidate.
        plans: Where plans of suites are kept for the candidates to come.
        limits: Limits on each run.
        on_case: Told of each test of the suite that has ended.
        on_start: Told when the first run begins.

    Raises:
        InvalidSpec: The suite can't judge any candidate.
        SandboxLost: A jail was lost, or ended what it ran.
    """
    assert isinstance(tests.form, PytestSuite)
    async with jails.lease(PLAN, RUN) as jail:
        session = _Session(jail, tests, tests.form, source, limits)
        on_start()
        plan = plans.of(jails, tests.form) or await session.plan()
        if isinstance(plan, EndReport):
            return session.facts(None, plan)
        plans.keep(jails, tests.form, plan)
        return await _judged(session, plan, tests, tests.form, on_case)


class Plans:
    """Plans of the suites that ran last; a search tries many candidates on one suite."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[JailPool, bytes], Plan] = OrderedDict()

    def of(self, jails: JailPool, form: PytestSuite) -> Plan | None:
        """The plan of a suite in an environment, if it is kept."""
        key = (jails, _name_of(form))
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, jails: JailPool, form: PytestSuite, plan: Plan) -> None:
        """Keeps a plan, unless it is large, in place of the one that was used longest ago."""
        if len(plan.tests) > MAX_KEPT_TESTS:
            return
        self._kept[jails, _name_of(form)] = plan
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _name_of(form: PytestSuite) -> bytes:
    return hashlib.sha256(repr(form).encode("utf-8", "surrogatepass")).digest()


async def _judged(
    session: _Session,
    plan: Plan,
    tests: PythonTests,
    form: PytestSuite,
    on_case: Callable[[CaseReport], None],
) -> Facts:
    planned = canaries(plan)
    if not planned:
        raise _broken(
            "no test of the suite is certain to reach an assertion, so that no run of it can be "
            "told from a forgery. Assert outside of branches."
        )
    suite = await session.run(form.files, on_case, to_the_end=tests.keep_going)
    end = of_suite(plan, suite.report)
    if end.reason != "tests-passed" or suite.stopped_for or suite.ended.limit:
        return session.facts(suite, end)
    for canary in planned:
        files = tuple(edited(dict(form.files), canary.edits).items())
        run = await session.run(files, _tell_nobody, to_the_end=True)
        if finding := of_canary(plan, canary, run.report):
            return session.canary_facts(suite, run, finding)
    return session.facts(suite, end)


def _tell_nobody(case: CaseReport) -> None:
    del case


def canaries(plan: Plan, chance: random.Random | None = None) -> list[Canary]:
    """Suites that no correct candidate passes; the first one expects something else everywhere."""
    chance = chance or random.SystemRandom()
    ways = range(min((len(changes) for changes in plan.changes), default=0))
    made: list[Canary] = []
    for k in chance.sample(ways, len(ways)):
        starts = _starts(plan, k)
        if not starts or len(made) >= _CANARY_COUNTS.get(len(starts), _CANARY_COUNT):
            break
        made.append(_canary(plan, k, chance.choice(starts) if made else starts[0]))
    chance.shuffle(made)
    return made


def _part(plan: Plan, test: PlannedTest, k: int) -> tuple[int, int] | None:
    """What change k of a test's function changes for this test: the function, or a row of it."""
    change = plan.changes[test.function][k] if test.function >= 0 else None
    if change is None:
        return None
    argument, edits = change
    row = test.rows.get(argument, -1)
    return (test.function, row) if not argument or 0 <= row < len(edits) else None


def _starts(plan: Plan, k: int) -> list[int]:
    """Tests that a canary can begin with: the first ones of what can be changed by itself."""
    seen: set[tuple[int, int]] = set()
    starts = []
    for index, test in enumerate(plan.tests):
        part = _part(plan, test, k)
        if part is not None and part not in seen:
            seen.add(part)
            if test.counts:
                starts.append(index)
    return starts


def _canary(plan: Plan, k: int, start: int) -> Canary:
    earlier = {_part(plan, test, k) for test in plan.tests[:start]}
    changed = {_part(plan, test, k) for test in plan.tests[start:]} - earlier - {None}
    edits: list[Edit] = []
    for function, row in filter(None, changed):
        change = plan.changes[function][k]
        assert change is not None
        edits += change[1] if not change[0] else [change[1][row]]
    return Canary(
        edits=edits,
        passing=frozenset(i for i, test in enumerate(plan.tests[:start]) if test.counts),
        failing=frozenset(
            i
            for i, test in enumerate(plan.tests)
            if test.counts and _part(plan, test, k) in changed
        ),
    )


def of_suite(plan: Plan, report: Report) -> EndReport:
    """What a run of the suite as it is comes to."""
    if (strange := _strange(plan, report)) is not None:
        return strange
    failures = report.failures
    if failures:
        return _ended(plan, report, failures[0].reason, failures[0])
    if report.end is None:
        return _ended(plan, report, "candidate-gone")
    if report.end.reason != "tests-passed":
        return _ended(plan, report, report.end.reason)
    if len(report.cases) != len(plan.tests):
        return _other_tests(plan, report)
    for test, case in zip(plan.tests, report.cases, strict=True):
        if test.counts and case.reason in ASIDE:
            return _ended(plan, report, "skipped", case)
    if not any(case.reason == "tests-passed" for case in report.cases):
        return _ended(plan, report, "nothing-tested")
    return _ended(plan, report, "tests-passed")


def of_canary(plan: Plan, canary: Canary, report: Report) -> EndReport | None:
    """What a canary found out; None if the candidate did as a correct one does."""
    if (strange := _strange(plan, report)) is not None:
        return strange
    failed = False
    for index, case in enumerate(report.cases):
        fails = case.reason not in ("tests-passed", *ASIDE)
        if index in canary.failing and not fails:
            message = f"It passes {plan.tests[index].base_id} where something else is expected."
            return EndReport(reason="tampering", passed=0, failed=1, calls=1, message=message)
        if index in canary.passing and case.reason != "tests-passed":
            seen = Report(cases=report.cases[: index + 1], end=report.end)
            return _ended(plan, seen, case.reason if fails else "skipped", case)
        failed = failed or index in canary.failing
    if failed:
        return None
    if report.end is None:
        return _ended(plan, report, "candidate-gone")
    return _other_tests(plan, report)


def _strange(plan: Plan, report: Report) -> EndReport | None:
    """What is wrong with a report whatever its tests came to."""
    if not report.valid:
        return _ended(plan, report, "protocol-violation")
    ran = [case.name.partition("[")[0] for case in report.cases]
    if ran != [test.base_id for test in plan.tests[: len(ran)]]:
        return _other_tests(plan, report)
    return None


def _other_tests(plan: Plan, report: Report) -> EndReport:
    """The end of a run that had other tests than the suite has by itself.

    Raises:
        InvalidSpec: The suite is made so that they depend on the candidate.
    """
    if plan.uses_candidate:
        raise _broken(
            f"which tests the suite has depends on the candidate: while it is collected, it uses "
            f"{plan.uses_candidate[0]}. Say in the suite itself which tests there are."
        )
    message = f"The suite has {len(plan.tests)} tests; {len(report.cases)} were run, or others."
    return _ended(plan, report, "nothing-tested", message=message)


def _ended(
    plan: Plan, report: Report, reason: str, case: CaseReport | None = None, message: str = ""
) -> EndReport:
    said = report.end if report.end and report.end.reason == reason else None
    return EndReport(
        reason=reason,
        passed=sum(case.reason == "tests-passed" for case in report.cases),
        failed=len(report.failures),
        calls=1,
        message=case.message if case else message or (said.message if said else ""),
        failed_case=case.name if case else "",
        exception=case.exception if case else said.exception if said else None,
        known=len(plan.tests),
    )


def _broken(message: str) -> InvalidSpec:
    return InvalidSpec.of([Violation("spec.problem.python_tests.pytest", message)])


class _Session:
    """Runs of one suite, each in a process of its own."""

    def __init__(
        self, jail: Lease, tests: PythonTests, form: PytestSuite, source: str, limits: Limits
    ) -> None:
        self._jail = jail
        self._form = form
        self._source = tests.preamble + source
        self._limits = limits
        self._exits: list[Exit] = []

    async def plan(self) -> Plan | EndReport:
        """Collects the suite without the candidate.

        Returns:
            The plan, or why there is none.

        Raises:
            InvalidSpec: The suite can't judge any candidate.
        """
        nonce = secrets.token_hex(16)
        cpu_seconds = self._limits.cpu_seconds + CHECKER_EXTRA_CPU_SECONDS
        job = {"files": dict(self._form.files), "module": self._form.module, "nonce": nonce}
        with (
            contextlib.closing(Collector(keep_bytes=MAX_REPORT_BYTES)) as said,
            job_fd(job) as job_file,
        ):
            run = await self._jail.start(
                PLAN,
                fds={"job": job_file, "report": said.write_fd},
                limits=ProcessLimits(
                    cpu_seconds=cpu_seconds,
                    memory_bytes=CHECKER_MEMORY_BYTES,
                    processes=self._limits.max_processes,
                ),
            )
            said.close_write_end()
            watch = Watch(run, self._jail, self._limits)
            ended = await watch.until(run)
        if not ended.begun and ended.limit is None and watch.stopped_for is None:
            raise SandboxLost(f"The collection of the suite ended before it had begun: {ended}.")
        if limit := watch.stopped_for or ended.limit:
            reason = "overloaded" if limit == "overloaded" else "checker-limit"
            message = f"The suite could not be collected within its limits ({limit})."
            return EndReport(reason=reason, passed=0, failed=0, calls=0, message=message)
        return _plan(bytes(said.data), nonce, ended)

    async def run(
        self,
        files: Sequence[tuple[str, str]],
        on_case: Callable[[CaseReport], None],
        *,
        to_the_end: bool,
    ) -> _Run:
        """Runs files with the candidate; ends the run after the first failure unless told not to.

        Raises:
            SandboxLost: The process ended before anything of the candidate's had begun.
        """
        nonce = secrets.token_hex(16)
        counted = 0

        def seen(case: CaseReport) -> None:
            nonlocal counted
            if to_the_end or len(reader.report.failures) <= (case in reader.report.failures):
                counted += 1
                on_case(case)
            if not to_the_end and reader.report.failures:
                run.kill()

        def flooded() -> None:
            watch.stop("output")

        reader = ReportReader(nonce, seen)
        job = {
            "files": dict(files),
            "module": self._form.module,
            "source": self._source,
            "nonce": nonce,
        }
        with (
            captured(self._limits, flooded) as (stdout, stderr),
            contextlib.closing(
                Collector(
                    keep_bytes=MAX_REPORT_BYTES,
                    on_data=reader.feed,
                    flood_bytes=flood_bytes_of(self._limits),
                    on_flood=flooded,
                )
            ) as said,
            job_fd(job) as job_file,
        ):
            run = await self._jail.start(
                RUN,
                fds={
                    "stdout": stdout.write_fd,
                    "stderr": stderr.write_fd,
                    "job": job_file,
                    "report": said.write_fd,
                },
                limits=limits_of(self._limits),
            )
            for drain in (stdout, stderr, said):
                drain.close_write_end()
            watch = Watch(run, self._jail, self._limits)
            ended = await watch.until(run)
        if not ended.begun and ended.limit is None and watch.stopped_for is None:
            raise SandboxLost(f"The suite's process ended before it had begun: {ended}.")
        self._exits.append(ended)
        del reader.report.cases[counted:]  # what came before the kill did
        return _Run(
            report=reader.report,
            ended=ended,
            stopped_for=watch.stopped_for,
            stdout=stdout.output,
            stderr=stderr.output,
        )

    def facts(self, run: _Run | None, end: EndReport) -> Facts:
        """All that the verdict is made from."""
        usage = ResourceUsage(
            wall_seconds=sum(one.wall_seconds for one in self._exits),
            cpu_seconds=sum(one.cpu_seconds for one in self._exits),
            peak_memory_bytes=max((one.peak_memory_bytes for one in self._exits), default=0),
        )
        if run is None:
            overloaded = "overloaded" if end.reason == "overloaded" else None
            nothing = Exit(code=0)
            return Facts(
                report=Report(end=end),
                checker=nothing,
                candidate=nothing,
                stopped_for=overloaded,
                channel=VerdictChannel.SHARED,
                usage=usage,
            )
        return Facts(
            report=Report(cases=run.report.cases, end=end),
            checker=Exit(code=0),
            candidate=run.ended,
            stopped_for=run.stopped_for,
            stdout=run.stdout,
            stderr=run.stderr,
            channel=VerdictChannel.SHARED,
            usage=usage,
        )

    def canary_facts(self, suite: _Run, canary: _Run, found: EndReport) -> Facts:
        """The same after a canary that did not go as a correct candidate's would.

        A limit that only a canary has reached says nothing about the candidate.
        """
        limit = canary.stopped_for or canary.ended.limit
        if limit and found.reason in ("candidate-gone", "nothing-tested"):
            reason = "overloaded" if limit == "overloaded" else "checker-limit"
            message = f"The suite reached a limit ({limit}) when it was run once more."
            found = EndReport(reason=reason, passed=0, failed=0, calls=1, message=message)
            if reason == "overloaded":
                return self.facts(None, found)
            return self.facts(suite, found)
        if found.reason == "tampering":
            return dataclasses.replace(self.facts(suite, found), report=Report(end=found))
        return self.facts(canary, found)


def _plan(said: bytes, nonce: str, ended: Exit) -> Plan:
    """Reads what a collection said.

    Raises:
        InvalidSpec: It said that the suite can't judge any candidate, or nothing that can be read.
    """
    prefix, _, text = said.partition(b" ")
    if prefix != nonce.encode("ascii") or ended.code != 0:
        raise _broken("its files end the process, or write where they should not, when imported.")
    try:
        content = json.loads(text)
        if "broken" in content:
            raise _broken(str(content["broken"])[:2000])
        plan = Plan(
            tests=[
                PlannedTest(
                    base_id=one["id"],
                    counts=one["counts"],
                    function=one["function"],
                    rows=one["rows"],
                )
                for one in content["tests"]
            ],
            changes=[list(map(_change, ways)) for ways in content["changes"]],
            uses_candidate=[str(use)[:200] for use in content["used"]],
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _broken(f"its files write what makes no sense when imported: {error!r}.") from error
    if not any(test.counts for test in plan.tests):
        raise _broken(
            "it has no test that counts: each is skipped or expected to fail, or there is none. "
            "Tests are functions `test*` in files `test_*.py`, unless its settings say otherwise."
        )
    return plan


def _change(said: Any) -> tuple[str, list[Edit]] | None:
    if said is None:
        return None
    return said["argument"], [Edit(**edit) for edit in said["edits"]]
