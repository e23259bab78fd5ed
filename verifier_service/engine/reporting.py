"""How much of a verdict a caller gets to see."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from verifier_service.model import Outcome, PythonEvidence, TestCaseResult, Verdict

__all__ = ["DEFAULT_CASES_REPORTED", "reported"]

DEFAULT_CASES_REPORTED: Final = 100


def reported(verdict: Verdict, max_cases: int) -> Verdict:
    """The verdict with at most this many test cases; 0 means 100.

    Cases that did not pass are kept before cases that did; their order stays.
    """
    evidence = verdict.evidence
    most = max_cases or DEFAULT_CASES_REPORTED
    if not isinstance(evidence, PythonEvidence) or len(evidence.cases) <= most:
        return verdict
    return replace(verdict, evidence=replace(evidence, cases=_most_telling(evidence.cases, most)))


def _most_telling(cases: tuple[TestCaseResult, ...], most: int) -> tuple[TestCaseResult, ...]:
    failed_first = sorted(
        range(len(cases)), key=lambda index: cases[index].outcome is Outcome.ACCEPTED
    )
    return tuple(cases[index] for index in sorted(failed_first[:most]))
