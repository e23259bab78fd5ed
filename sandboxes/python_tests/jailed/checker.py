"""Runs the tests, calls the candidate through its proxy, and reports what came of it.

This process never runs candidate code. It holds the tests, the expected values and the report
channel; from the candidate it gets data.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from sandboxes.isolation.jailed.begin import begin
from sandboxes.python_tests.jailed import calls, test_code
from sandboxes.python_tests.jailed.codec import Connection, read_job
from sandboxes.python_tests.jailed.rehearsal import play_candidate, play_checker, rehearse
from sandboxes.python_tests.jailed.remote import (
    TYPE_MARK,
    Interruption,
    RemoteCandidate,
    ResultRefused,
    brief,
)

JOB_FD = 3
CANDIDATE_FD = 4
REPORT_FD = 5
MAX_CASES = 10_000
MAX_HELPERS = 20


class Reporter:
    """Says line by line what happened; every line begins with the run's nonce."""

    def __init__(self, fd: int, nonce: str) -> None:
        self._fd = fd
        self._nonce = nonce.encode("ascii")
        self._reported = 0
        self._began = time.monotonic()
        self.passed = 0
        self.failed = 0

    def case(
        self, name: str, *, reason: str = "tests-passed", message: str = "", **facts: object
    ) -> None:
        """A case that came to an end."""
        now = time.monotonic()
        if reason == "tests-passed":
            self.passed += 1
        else:
            self.failed += 1
        self._reported += 1
        if self._reported <= MAX_CASES:
            self._write(
                {
                    "case": name[:200],
                    "reason": reason,
                    "message": message[:2000],
                    "wall_seconds": now - self._began,
                    **facts,
                }
            )
        self._began = now

    def end(self, reason: str, **facts: object) -> None:
        """The end of the tests; nothing follows."""
        self._write({"end": reason, "passed": self.passed, "failed": self.failed, **facts})

    def _write(self, line: dict[str, object]) -> None:
        text = json.dumps(line, separators=(",", ":")).encode("ascii")
        data = self._nonce + b" " + text + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]


def main() -> int:
    """Runs the tests of one job."""
    job = read_job(JOB_FD)
    reporter = Reporter(REPORT_FD, job["nonce"])
    candidate = RemoteCandidate(Connection(CANDIDATE_FD), cpu_seconds=job["cpu_seconds"])
    reason: str = ""
    facts: dict[str, Any] = {}
    begin()
    try:
        reason, facts = run(job, candidate, reporter)
    except Interruption as interruption:
        candidate.interrupt(interruption)
    except test_code.BrokenTests as broken:
        reason, facts = "broken-tests", {"message": str(broken)[:2000]}
    except MemoryError:
        reason = "result-too-large" if candidate.sent_much else "checker-limit"
        facts = {"message": "The tests ran out of memory."}
    if candidate.interruption is not None:
        # A test may have swallowed it; a verdict must not rest on what came after.
        reason = candidate.interruption.reason
        facts = {"message": str(candidate.interruption)[:2000]}
    reporter.end(reason, calls=candidate.call_count, last_call=candidate.last_call, **facts)
    return 0


def warm() -> None:
    """Prepares the process that those of checkers are forked from."""
    rehearse(play_checker, play_candidate)


def run(
    job: dict[str, Any], candidate: RemoteCandidate, reporter: Reporter
) -> tuple[str, dict[str, Any]]:
    """Runs the tests, whatever their form; returns the reason and facts about it."""
    if job["form"] == "calls":
        plan: Callable[[RemoteCandidate, Judge], None] = calls.prepare(job)
    else:
        plan = test_code.prepare(job)
    if error := candidate.loaded():
        return "load-error", {"exception": error}
    judge = Judge(candidate, reporter, keep_going=job["keep_going"])
    judge.outcome_of("setup", lambda: plan(candidate, judge))
    return judge.reason or "tests-passed", {
        **judge.facts,
        "shared": judge.shared,
        "known": judge.known,
        "helpers": judge.helpers[:MAX_HELPERS],
    }


class Judge:
    """Turns what tests raise into reasons, and stops at the first failure unless told not to."""

    def __init__(self, candidate: RemoteCandidate, reporter: Reporter, *, keep_going: bool) -> None:
        self._candidate = candidate
        self._reporter = reporter
        self._keep_going = keep_going
        self.passed = reporter.case
        self.reason = ""
        self.facts: dict[str, Any] = {}
        self.helpers: list[str] = []
        """Names besides the entry point that the tests take from the candidate."""
        self.known = 0
        """Assertions in the text of the tests."""
        self.names: test_code.Names | None = None
        """Of the test code, if that is the form."""
        self.shared = False
        """Whether the tests may run code of the candidate's making in this process."""

    def forget_call(self) -> None:
        """What the last call was does not matter to what comes next."""
        self._candidate.last_call = ""

    @property
    def stopped(self) -> bool:
        """Whether no further case is to run."""
        return bool(self.reason) and not self._keep_going

    def outcome_of(self, name: str, body: Callable[[], object]) -> bool:
        """Runs a part of the tests; returns whether it passed. Reports only a failure."""
        try:
            body()
        except (test_code.BrokenTests, Interruption):
            raise
        except BaseException as error:  # noqa: BLE001 - the candidate raises whatever it likes
            return self._failed(name, error)
        return True

    def failed(self, name: str, reason: str, message: str, **facts: object) -> bool:
        """A case that failed, with what to say of it."""
        self._reporter.case(name, reason=reason, message=message)
        if not self.reason:
            self.reason = reason
            self.facts = {"message": message[:2000], "failed_case": name[:200], **facts}
        return False

    def _failed(self, name: str, error: BaseException) -> bool:
        described = getattr(error, TYPE_MARK, None)
        if isinstance(error, MemoryError) and described is None:
            raise error  # ours, not the candidate's
        line = test_code.failing_line(error)
        name = f"line {line}" if line and name in ("setup", "tests", "check") else name
        last = self._candidate.last_call
        if isinstance(described, dict):
            kind = str(described.get("type"))[:100]
            text = str(described.get("message"))[:500]
            message = f"{last or 'The candidate'} raised {kind}: {text}"
            ends = isinstance(error, (SystemExit, KeyboardInterrupt, GeneratorExit))
            reason = "ended-early" if ends else exception_reason(error, described)
            return self.failed(name, reason, message, exception=described)
        if isinstance(error, ResultRefused):
            return self.failed(name, "result-too-large", f"{last or 'A call'}: {error}")
        if isinstance(error, AssertionError):
            return self.failed(name, "wrong-answer", test_code.explain(error, last))
        return self._tests_raised(name, error, last)

    def _tests_raised(self, name: str, error: BaseException, last: str) -> bool:
        """Test code raised something itself: over what the candidate gave it, or by itself."""
        text = f"{type(error).__name__}: {brief_text(error)}"
        if isinstance(error, ImportError) and error.name in test_code.IMPORT_NAMES:
            message = f"The tests import what the candidate does not define: {text}."
            return self.failed(name, "missing-name", message)
        if isinstance(error, ImportError):
            raise test_code.BrokenTests(f"The tests need what this environment lacks: {text}.")
        if isinstance(error, (SystemExit, KeyboardInterrupt, GeneratorExit)):
            raise test_code.BrokenTests(f"The tests ended themselves with {text}.")
        if isinstance(error, NameError) and error.name:
            message = f"The tests use the name {error.name!r}, which the candidate does not define."
            return self.failed(name, "missing-name", message)
        if not self._candidate.used and not self._over_the_candidate(error):
            raise test_code.BrokenTests(
                f"The tests fail before they call the candidate: {text}. If the function under "
                "test has the name of a builtin, say so by `entry_point`."
            )
        after = f" after {last}" if last else ""
        return self.failed(name, "test-raised", f"The tests raised {text}{after}.")

    def _over_the_candidate(self, error: BaseException) -> bool:
        return self.names is not None and test_code.over_the_candidate(error, self.names)


def exception_reason(error: BaseException, described: dict[str, Any]) -> str:
    """The reason for an exception that came out of the candidate."""
    if isinstance(error, MemoryError):
        return "memory-exceeded"
    if isinstance(error, NameError) and not described.get("lines"):
        return "missing-name"
    return "exception-raised"


def brief_text(error: BaseException) -> str:
    """An exception's message, without asking the candidate for any part of it."""
    return ", ".join(brief(argument, 300) for argument in error.args)[:500]
