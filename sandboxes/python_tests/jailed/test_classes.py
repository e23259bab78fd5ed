"""`unittest.TestCase` classes in test code."""

from __future__ import annotations

import functools
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from sandboxes.python_tests.jailed.test_code import BrokenTests


def test_methods(
    kind: type,
) -> Iterator[tuple[str, Callable[[], object], bool]]:
    """The test methods of a class, each to be run with its fixtures and raise what went wrong.

    Name, body, and True: they assert in other ways than by `assert`. None for other classes.
    """
    if not issubclass(kind, unittest.TestCase):
        return
    for method in unittest.defaultTestLoader.getTestCaseNames(kind):
        yield f"{kind.__name__}.{method}", functools.partial(_run_method, kind, method), True


class _Raising(unittest.TestResult):
    """Keeps the first thing that went wrong."""

    error: BaseException | None = None
    skipped_test = False

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802, ARG002
        self.error = self.error or err[1]

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802, ARG002
        self.error = self.error or err[1]

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802, ARG002
        self.error = self.error or (err[1] if err else None)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802, ARG002
        raise BrokenTests(f"The tests skip themselves: {reason}")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802, ARG002
        self.error = AssertionError("A test that is expected to fail passed.")


def _run_method(kind: type[unittest.TestCase], method: str) -> None:
    result = _Raising()
    unittest.TestSuite([kind(method)]).run(result)
    if result.error is not None:
        raise result.error
