"""Puts sandboxes and verifiers to the test: attacks, limits, leftovers, kills and forgeries.

`python -m sandboxes.conformance` runs all of it. From Python:

    async with subject_of("bubblewrap") as subject:
        async for finding in find(every_check(), subject):
            print(finding)

`self_test` is a small part of it, for a service to look at its sandbox before it serves.
"""

from __future__ import annotations

from sandboxes.conformance.backends import UnknownBackend, subject_of
from sandboxes.conformance.behaviours import BEHAVIOURS
from sandboxes.conformance.chaos import CHAOS
from sandboxes.conformance.checks import JUDGING, Check, Finding, State, Subject, find
from sandboxes.conformance.corpus import CommandJudge, ExecutorJudge, Judge, ServerJudge, put
from sandboxes.conformance.forgeries import FORGERIES, Forgery
from sandboxes.conformance.lifecycle import lifecycle
from sandboxes.conformance.reach import ATTEMPTS
from sandboxes.conformance.self_test import self_test

__all__ = [
    "ATTEMPTS",
    "FORGERIES",
    "JUDGING",
    "Check",
    "CommandJudge",
    "ExecutorJudge",
    "Finding",
    "Forgery",
    "Judge",
    "ServerJudge",
    "State",
    "Subject",
    "UnknownBackend",
    "every_check",
    "find",
    "put",
    "self_test",
    "subject_of",
]


def every_check(*, runs: int = 200) -> tuple[Check, ...]:
    """All checks of a backend; the forgeries are put to a judge instead, by `put`.

    Args:
        runs: Verdicts after which nothing may have grown.
    """
    return (*ATTEMPTS, *BEHAVIOURS, *lifecycle(runs=runs), *CHAOS)
