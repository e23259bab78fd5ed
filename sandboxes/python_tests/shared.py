"""Tests that only work inside the candidate's own interpreter: run there, under canaries.

Hardened, not unforgeable: the verdict says `channel: SHARED`. A candidate is accepted only if it
passes the tests as they are, each time, and fails them whenever their expectations are changed or
no assertion can hold: whoever passes those is not being tested (EvilGenie, arXiv:2511.21654, and
measurements on 28 forgeries show that such canaries find nearly all of them). The order of these
runs is drawn at random. A forger that can't tell them apart and forges by chance gets through less
than once in a hundred times: at best p³(1-p)⁴ for three true runs and four canaries.
"""

from __future__ import annotations

import contextlib
import random
import secrets
from typing import Final

from sandboxes.isolation.capture import Collector
from sandboxes.isolation.jail import Exit
from sandboxes.isolation.pool import JailPool, Lease
from sandboxes.isolation.watch import (
    Watch,
    captured,
    flood_bytes_of,
    job_fd,
    limits_of,
)
from sandboxes.python_tests.judge import Facts
from sandboxes.python_tests.problems import candidate_job
from sandboxes.python_tests.report import CaseReport, EndReport, Report
from verifier_service.model import (
    InvalidSpec,
    Limits,
    PythonTests,
    TestCode,
    VerdictChannel,
    Violation,
)

__all__ = ["run_shared"]

SHARED: Final = "sandboxes.python_tests.jailed.shared"
REPEATED: Final = ("none", "none", "constants", "constants", "false", "false")
"""What follows the first run, in any order: "none" is the tests as they are."""
MAX_LINE: Final = 64 * 1024


async def run_shared(jails: JailPool, tests: PythonTests, source: str, *, limits: Limits) -> Facts:
    """Runs the tests, and their canaries if they passed."""
    if not isinstance(tests.form, TestCode):
        raise InvalidSpec.of(
            [
                Violation(
                    "spec.problem.python_tests",
                    "holds a value too large or too strange to hand to the candidate.",
                )
            ]
        )
    async with jails.lease(SHARED) as jail:
        trial = _Trial(jail, tests, tests.form, source, limits)
        facts = await trial.run("none")
        again = random.SystemRandom().sample(REPEATED, len(REPEATED)) if _passed(facts) else ()
        for canary in again:
            repeated = await trial.run(canary)
            if canary == "none" and not _passed(repeated):
                return repeated
            if canary != "none" and _passed(repeated):
                return _tampered(facts)
    return facts


def _passed(facts: Facts) -> bool:
    return facts.report.end is not None and facts.report.end.reason == "tests-passed"


def _tampered(facts: Facts) -> Facts:
    end = EndReport(reason="tampering", passed=0, failed=1, calls=1)
    return Facts(
        report=Report(end=end),
        checker=Exit(code=0),
        candidate=facts.candidate,
        stdout=facts.stdout,
        stderr=facts.stderr,
        channel=VerdictChannel.SHARED,
    )


class _Trial:
    """Runs of the same tests in the candidate's interpreter."""

    def __init__(
        self, jail: Lease, tests: PythonTests, form: TestCode, source: str, limits: Limits
    ) -> None:
        self._jail = jail
        self._limits = limits
        self._job = {
            **candidate_job(tests, source),
            "test": form.source,
            "entry_point": form.entry_point,
        }

    async def run(self, canary: str) -> Facts:
        """Runs them once."""
        nonce = secrets.token_hex(16)

        def flooded() -> None:
            watch.stop("output")

        with (
            captured(self._limits, flooded) as (stdout, stderr),
            contextlib.closing(
                Collector(
                    keep_bytes=MAX_LINE,
                    flood_bytes=flood_bytes_of(self._limits),
                    on_flood=flooded,
                )
            ) as said,
            job_fd({**self._job, "canary": canary, "nonce": nonce}) as job,
        ):
            run = await self._jail.start(
                SHARED,
                fds={
                    "stdout": stdout.write_fd,
                    "stderr": stderr.write_fd,
                    "job": job,
                    "report": said.write_fd,
                },
                limits=limits_of(self._limits),
            )
            for drain in (stdout, stderr, said):
                drain.close_write_end()
            watch = Watch(run, self._jail, self._limits)
            ended = await watch.until(run)
        return Facts(
            report=_report(bytes(said.data), nonce, ended, watch.stopped_for),
            checker=Exit(code=0),
            candidate=ended,
            stopped_for=watch.stopped_for,
            stdout=stdout.output,
            stderr=stderr.output,
            channel=VerdictChannel.SHARED,
        )


def _report(said: bytes, nonce: str, ended: Exit, stopped_for: str | None) -> Report:
    """The report of one run: exactly one line, under the nonce, from a process that ended well."""
    whole = ended.code == 0 and ended.limit is None and stopped_for is None
    passed = f"{nonce} passed ''\n".encode()
    if whole and said == passed:
        case = CaseReport(name="tests", reason="tests-passed", message="", wall_seconds=0.0)
        end = EndReport(reason="tests-passed", passed=1, failed=0, calls=1)
        return Report(cases=[case], end=end)
    prefix = f"{nonce} failed ".encode()
    if whole and said.startswith(prefix) and said.count(b"\n") == 1:
        message = said.removeprefix(prefix).decode("ascii", "replace").strip()
        end = EndReport(reason="wrong-answer", passed=0, failed=1, calls=1, message=message)
        return Report(end=end)
    return Report(end=EndReport(reason="candidate-gone", passed=0, failed=1, calls=1))
