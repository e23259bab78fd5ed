"""Collects a suite without any candidate: which tests there are, and how each can be made to fail.

What a candidate's run reports is held against this. Everything here is the work of the tests alone.
"""

from __future__ import annotations

import inspect
import json
import os
import random
from dataclasses import asdict
from typing import Any

from sandboxes.isolation.jailed.begin import begin
from sandboxes.python_tests.jailed.codec import read_job
from sandboxes.python_tests.jailed.pytest_canary import Change, Suite, TestFunction
from sandboxes.python_tests.jailed.pytest_session import SUITE, base_id, run_pytest, write_suite

JOB_FD = 3
REPORT_FD = 4
STAND_IN = "from sandboxes.python_tests.jailed.pytest_stub import __getattr__\n"
MAX_TESTS = 10_000
CANARIES = 12
"""Changes that are prepared for each test function, for the runs of a candidate to choose from."""


def main() -> int:
    """Collects the suite and writes one line."""
    job = read_job(JOB_FD)
    begin()
    plan = Plan(job["files"])
    candidate_path = write_suite(job["files"], job["module"], STAND_IN)
    code = run_pytest(candidate_path, plan, ["--collect-only"])
    line = json.dumps(plan.said(code), separators=(",", ":"))
    data = f"{job['nonce']} {line}\n".encode("ascii")
    while data:
        data = data[os.write(REPORT_FD, data) :]
    return 0


class Plan:
    """A plugin of pytest's that takes down what is collected."""

    def __init__(self, files: dict[str, str]) -> None:
        self._suite = Suite(files)
        self._functions: dict[int, tuple[int, TestFunction]] = {}
        self._tests: list[dict[str, Any]] = []
        self._complaints: list[str] = []

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        """Something of the suite can't be imported."""
        del report
        error = call.excinfo.value
        cause = error.__cause__ or error
        self._complaints.append(f"{type(cause).__name__}: {cause}"[:1000])

    def pytest_internalerror(self, excinfo: Any) -> None:
        """The suite ends pytest."""
        self._complaints.append(f"{excinfo.typename}: {excinfo.value}"[:1000])

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        """The suite ends pytest in its own manner."""
        self._complaints.append(f"{excinfo.typename}: {excinfo.value}"[:1000])

    def pytest_collection_finish(self, session: Any) -> None:
        """All tests, in the order in which they run."""
        self._tests = [self._test(item) for item in session.items]

    def _test(self, item: Any) -> dict[str, Any]:
        number = self._number(item)
        indices = getattr(getattr(item, "callspec", None), "indices", {})
        return {
            "id": base_id(item.nodeid),
            "counts": not stands_aside(item),
            "function": number,
            "rows": dict(indices),
        }

    def _number(self, item: Any) -> int:
        """The number of the function that a test runs; -1 where it is not in the suite's text."""
        function = inspect.unwrap(getattr(item, "function", None) or item.__class__)
        code = getattr(function, "__code__", None)
        path = getattr(code, "co_filename", "").removeprefix(f"{SUITE}/")
        found = self._suite.function(path, getattr(code, "co_firstlineno", 0))
        if found is None:
            return -1
        number, _ = self._functions.setdefault(id(found), (len(self._functions), found))
        return number

    def said(self, code: int) -> dict[str, Any]:
        """The plan as data, or what keeps the suite from being collected."""
        from sandboxes.python_tests.jailed.pytest_stub import used

        if self._complaints:
            return {"broken": f"The suite can't be collected. {self._complaints[0]}"}
        if code not in (0, 5):
            return {"broken": f"The suite can't be collected: pytest ends with exit code {code}."}
        if len(self._tests) > MAX_TESTS:
            return {
                "broken": f"The suite has {len(self._tests)} tests; at most {MAX_TESTS} may be."
            }
        chance = random.SystemRandom()
        return {
            "tests": self._tests,
            "changes": [
                [described(change) for change in function.changes(CANARIES, chance)]
                for _, function in self._functions.values()
            ],
            "used": used[:5],
        }


def stands_aside(item: Any) -> bool:
    """Whether a test is marked to be skipped, or expected to fail."""
    from _pytest.skipping import evaluate_skip_marks, evaluate_xfail_marks

    if evaluate_skip_marks(item) or evaluate_xfail_marks(item):
        return True
    marked = (getattr(item, "function", None), getattr(item, "cls", None))
    return any(
        getattr(one, f"__unittest_{mark}__", False)
        for one in marked
        for mark in ("skip", "expecting_failure")
    )


def described(change: Change | None) -> dict[str, Any] | None:
    """A change as data."""
    return None if change is None else asdict(change)
