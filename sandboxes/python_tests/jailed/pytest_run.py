"""Runs a pytest suite together with a candidate, and reports each test.

All of this is in the candidate's reach: it can read the tests, patch pytest and forge the report.
The supervisor so believes no single run. It asks for the suite as it is and, in fresh processes,
for canaries: suites that differ in what they expect. Nothing here, or in the job, says which one
this is.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
import traceback
from collections.abc import Generator
from typing import Any

from sandboxes.isolation.jailed.begin import begin
from sandboxes.python_tests.jailed.candidate import describe_exception
from sandboxes.python_tests.jailed.checker import Reporter
from sandboxes.python_tests.jailed.codec import read_job
from sandboxes.python_tests.jailed.pytest_session import run_pytest, write_suite

import pytest  # isort: skip - found where the module above says

JOB_FD = 3
REPORT_FD = 4
HIDDEN_FDS = range(24, 60)


def main() -> int:
    """Runs the suite once."""
    job = read_job(JOB_FD)
    reporter = Reporter(hidden(REPORT_FD), job.pop("nonce"))
    path = write_suite(job["files"], job["module"], job["source"])
    recorder = Recorder(reporter, job["module"], path)
    begin()
    try:
        compile(job["source"], path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        recorder.fail("load-error", "", error)
    else:
        code = run_pytest(path, recorder)
        recorder.finish(code)
    reporter.end(recorder.reason, calls=1, **recorder.facts)
    return 0


def hidden(fd: int) -> int:
    """The same file under another number, which a program that is started does not get."""
    number = random.SystemRandom().choice(HIDDEN_FDS)
    os.dup2(fd, number, inheritable=False)
    os.close(fd)
    return number


class Recorder:
    """A plugin of pytest's that reports each test as it ends."""

    def __init__(self, reporter: Reporter, module: str, path: str) -> None:
        self._reporter = reporter
        self._module = module
        self._path = path
        self._collected = False
        self._failure: dict[str, Any] | None = None
        self._aside = ""
        self._described = False
        """Whether an exception of the candidate's was told: the first one is enough."""
        self.reason = "tests-passed"
        self.facts: dict[str, Any] = {}

    def pytest_collection_finish(self) -> None:
        """Every file of the suite has been imported."""
        self._collected = True

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        """A file of the suite could not be imported, or a test failed, of which more below."""
        if report.when == "collect":
            error = call.excinfo.value
            self.fail(*self._import_failure(error.__cause__ or error))

    def pytest_internalerror(self, excinfo: Any) -> None:
        """Something ended pytest itself."""
        self._ended(excinfo.value)

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """Something ended the session."""
        self._ended(excinfo.value)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, call: Any) -> Generator[None, Any, Any]:
        """Says why a test fails; one that the candidate skips is one that it fails."""
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if report.failed and error is not None:
            self._note(self._failure_reason(error), said(report), error)
        elif report.skipped and error is not None and self._passes_through(error):
            self._note("exception-raised", "The candidate skipped the test.", error)
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A phase of a test is over."""
        if report.failed:
            self._note("wrong-answer", said(report))
        elif hasattr(report, "wasxfail"):
            self._aside = "expected-failure"
        elif report.skipped:
            self._aside = self._aside or "skipped"

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test is over."""
        if self._failure is not None:
            self._reporter.case(nodeid, **self._failure)
        else:
            self._reporter.case(nodeid, reason=self._aside or "tests-passed")
        self._failure, self._aside = None, ""

    def finish(self, code: int) -> None:
        """Says what kept the tests from being run, where nothing else did."""
        if self._collected or self.facts:
            return  # the tests speak for themselves
        try:
            importlib.import_module(self._module)
        except BaseException as error:  # noqa: BLE001 - a `conftest.py` may have imported it first
            self.fail("load-error", "", error)
        else:
            self.fail("test-raised", f"The suite was not run: pytest ended with exit code {code}.")

    def fail(self, reason: str, message: str, error: BaseException | None = None) -> None:
        """Keeps the first failure for the end of the report."""
        if self.facts:
            return
        self.reason = reason
        self.facts = {"message": message[:2000]}
        if error is not None and (reason == "load-error" or self._passes_through(error)):
            self.facts["exception"] = describe_exception(error, self._path)

    def _note(self, reason: str, message: str, error: BaseException | None = None) -> None:
        if self._failure is not None:
            return
        self._failure = {"reason": reason, "message": message}
        if error is not None and not self._described and self._passes_through(error):
            self._failure["exception"] = describe_exception(error, self._path)
            self._described = True

    def _ended(self, error: BaseException) -> None:
        reason = "ended-early" if self._passes_through(error) else "test-raised"
        self.fail(reason, f"The session was ended by {type(error).__name__}.", error)

    def _failure_reason(self, error: BaseException) -> str:
        through = self._files(error)
        asserted = isinstance(error, (AssertionError, pytest.fail.Exception))
        if isinstance(error, MemoryError):
            return "memory-exceeded"
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            return "ended-early"
        if asserted:
            return "exception-raised" if through[-1:] == [self._path] else "wrong-answer"
        if self._path in through:
            return "exception-raised"
        return "missing-name" if self._is_missing(error) else "test-raised"

    def _import_failure(self, error: BaseException) -> tuple[str, str, BaseException]:
        if self._passes_through(error):
            return "load-error", "", error
        if self._is_missing(error):
            return "missing-name", str(error), error
        return "test-raised", f"{type(error).__name__}: {error}", error

    def _is_missing(self, error: BaseException) -> bool:
        """Whether the tests want what the candidate's module does not have."""
        if isinstance(error, ImportError):
            return error.name == self._module
        module = sys.modules.get(self._module)
        return isinstance(error, AttributeError) and module is not None and error.obj is module

    def _passes_through(self, error: BaseException) -> bool:
        return self._path in self._files(error)

    def _files(self, error: BaseException) -> list[str]:
        return [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]


def said(report: Any) -> str:
    """What pytest says of a failure, on one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = getattr(crash, "message", None) or str(report.longrepr)
    return " ".join(text.split())
