"""What the checker's process said, read line by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["ASIDE", "CaseReport", "EndReport", "Report", "ReportReader"]

MAX_REPORT_BYTES: Final = 32 * 1024**2
ASIDE: Final = {"skipped", "expected-failure"}
"""Reasons of cases that neither passed nor failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """A case that came to an end."""

    name: str
    reason: str
    message: str
    wall_seconds: float
    exception: dict[str, Any] | None = None
    """What the candidate raised, where that is told case by case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReport:
    """The end of the tests."""

    reason: str
    passed: int
    failed: int
    calls: int
    message: str = ""
    failed_case: str = ""
    last_call: str = ""
    exception: dict[str, Any] | None = None
    known: int = 0
    """Assertions in the text of the tests."""
    helpers: tuple[str, ...] | list[str] = ()
    """Names besides the entry point that the tests took from the candidate."""
    shared: bool = False
    """Whether the tests may have run code of the candidate's making."""


@dataclass(slots=True)
class Report:
    """All that was said under the right nonce, in order."""

    cases: list[CaseReport] = field(default_factory=list)
    end: EndReport | None = None
    valid: bool = True
    """False once a line was not one of ours, or followed the end."""

    @property
    def passed(self) -> int:
        """Cases that passed, as far as known."""
        passed = sum(case.reason == "tests-passed" for case in self.cases)
        return self.end.passed if self.end else passed

    @property
    def failures(self) -> list[CaseReport]:
        """Cases that failed."""
        return [case for case in self.cases if case.reason not in ("tests-passed", *ASIDE)]


class ReportReader:
    """Reads a report as it comes."""

    def __init__(self, nonce: str, on_case: Callable[[CaseReport], None]) -> None:
        self.report = Report()
        self._prefix = nonce.encode("ascii") + b" "
        self._on_case = on_case
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        if not line.startswith(self._prefix) or self.report.end is not None:
            self.report.valid = False
            return
        try:
            self._read(json.loads(line.removeprefix(self._prefix)))
        except (ValueError, TypeError, KeyError, RecursionError):
            self.report.valid = False

    def _read(self, said: dict[str, Any]) -> None:
        if "case" in said:
            case = CaseReport(
                name=said["case"],
                reason=said["reason"],
                message=said["message"],
                wall_seconds=float(said["wall_seconds"]),
                exception=said.get("exception"),
            )
            self.report.cases.append(case)
            self._on_case(case)
        else:
            self.report.end = EndReport(reason=said.pop("end"), **said)
