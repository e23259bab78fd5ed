"""From what was seen to a verdict. Pure: tables of cases test it.

Nothing here believes the candidate's process. ACCEPTED needs the checker's word under the run's
nonce, its clean exit, at least one case that passed, none that failed, and a candidate that no
limit ended. Everything else is less.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Any, Final

from sandboxes.isolation.jail import Exit
from sandboxes.python_tests.report import ASIDE, CaseReport, Report
from verifier_service.model import (
    Assurance,
    Diagnostic,
    ExecutorFault,
    InvalidSpec,
    Limits,
    Outcome,
    Output,
    PythonEvidence,
    PythonTests,
    Range,
    ResourceUsage,
    SandboxLost,
    Severity,
    TestCaseResult,
    Verdict,
    VerdictChannel,
    Violation,
)

__all__ = ["INCONCLUSIVE", "SUMMARIES", "Facts", "Located", "case_result", "judge"]

INCONCLUSIVE: Final = {"opinion-needed", "checker-limit", "overloaded", *ASIDE}
"""Reasons that say nothing about the candidate's worth."""

_RAISED: Final = 70
"""Exit code of a process of ours whose code raised; see `sandboxes/isolation/jailed/cell.py`."""
_UNREADABLE: Final = (
    "SyntaxError",
    "IndentationError",
    "TabError",
    "ValueError",
    "UnicodeEncodeError",
)

SUMMARIES: Final = {
    "wrong-answer": "It gave a wrong answer.",
    "exception-raised": "It raised an exception.",
    "ended-early": "It ended its process before the tests were done.",
    "crashed": "Its process crashed.",
    "missing-name": "It does not define what the tests call.",
    "test-raised": "The tests could not work with what it returned.",
    "result-too-large": "It returned more data than a result may have.",
    "memory-exceeded": "It ran out of the memory that it may use.",
    "nothing-tested": "The tests ended without reaching an assertion.",
    "protocol-violation": "Its process sent what no honest candidate sends.",
    "load-error": "It raised an exception while it was loaded.",
    "syntax-error": "It is not valid Python.",
    "cpu-time-exceeded": "It used up its CPU time.",
    "wall-time-exceeded": "It waited until its time was up.",
    "output-exceeded": "It wrote far more output than it may.",
    "tampering": "It passes even tests that no correct candidate can pass.",
    "nonzero-exit": "The program ended with a non-zero exit code.",
    "skipped": "A test skipped itself while it ran.",
    "expected-failure": "A test is expected to fail.",
    "opinion-needed": "Only the candidate's own code could say whether it is right.",
    "checker-limit": "The tests themselves ran into their limits.",
    "overloaded": "The machine was too busy to let it run to an end.",
}
"""Every reason but "tests-passed", which docs/reasons.md explains, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen of one run."""

    report: Report
    checker: Exit
    candidate: Exit
    stopped_for: str | None = None
    """Why we ended it: "wall-time", "cpu-time", "memory", "output" or "overloaded"."""
    outlasted: bool = False
    """Whether the candidate's process was still there when the checker's had ended."""
    stdout: Output = field(default_factory=Output)
    stderr: Output = field(default_factory=Output)
    channel: VerdictChannel = VerdictChannel.SEPARATED
    usage: ResourceUsage | None = None
    """What all runs used together, where there was more than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where the candidate's own text lies in what was run."""

    preamble: str
    source: str

    def range(self, line: int, column: int | None = None) -> Range | None:
        """A place in what was run as a place in the candidate, if it lies there."""
        before = self.preamble.count("\n")
        own = line - before
        if not 1 <= own <= self.source.count("\n") + 1:
            return None
        start = max(0, (column or 1) - 1)
        if own == 1:
            start = max(0, start - (len(self.preamble) - self.preamble.rfind("\n") - 1))
        return Range(start_line=own, start_column=start, end_line=own)


def judge(facts: Facts, *, tests: PythonTests, located: Located, limits: Limits) -> Verdict:
    """Decides.

    Raises:
        InvalidSpec: The tests can't judge any candidate.
        ExecutorFault: The checker did not keep to its own rules.
        SandboxLost: The checker was ended from outside.
    """
    reason = _reason(facts, limits)
    evidence = _evidence(facts, tests)
    if reason == "tests-passed":
        return Verdict(
            outcome=Outcome.ACCEPTED,
            reason=reason,
            summary=f"Passed {_of(evidence)}.",
            assurance=Assurance.TESTED,
            diagnostics=_reservations(facts, tests),
            evidence=evidence,
        )
    diagnostics = _diagnostics(reason, facts, located)
    return Verdict(
        outcome=Outcome.INCONCLUSIVE if reason in INCONCLUSIVE else Outcome.REJECTED,
        reason=reason,
        summary=_summary(reason, facts, evidence),
        assurance=Assurance.UNSPECIFIED if reason in INCONCLUSIVE else Assurance.TESTED,
        diagnostics=diagnostics,
        evidence=evidence,
    )


def _reason(facts: Facts, limits: Limits) -> str:
    end = facts.report.end
    clean = facts.report.valid and facts.checker.code == 0 and facts.checker.limit is None
    if end is not None and end.reason == "broken-tests" and clean:
        # Whatever became of the candidate: the checker may have found out before it had begun.
        raise InvalidSpec.of([Violation("spec.problem.python_tests", end.message)])
    for process, exit_ in (("candidate", facts.candidate), ("checker", facts.checker)):
        if not exit_.begun and exit_.limit is None and facts.stopped_for is None:
            raise SandboxLost(f"The {process}'s process ended before it had begun: {exit_}.")
    if facts.stopped_for == "overloaded":
        return "overloaded"
    limit = _limit_reached(facts, limits)
    if end is None or not clean:
        return limit or _known_failure(facts) or _blame_checker(facts)
    match end.reason:
        case "candidate-gone":
            return limit or ("ended-early" if facts.outlasted else _how_it_ended(facts.candidate))
        case "load-error":
            return limit or _load_reason(end.exception or {})
        case "tests-passed":
            if limit:
                return limit
            if end.passed < 1 or end.failed or end.calls < 1 or facts.report.failures:
                raise ExecutorFault(f"The checker reports success without reason: {end}.")
            return "tests-passed"
    if end.reason not in SUMMARIES:
        raise ExecutorFault(f"The checker gives an unknown reason: {end.reason}.")
    return end.reason


def _limit_reached(facts: Facts, limits: Limits) -> str | None:
    """The limit that ended the candidate, or that it turns out to have passed."""
    if facts.stopped_for == "wall-time":
        return "wall-time-exceeded"
    if facts.stopped_for == "output":
        return "output-exceeded"
    if facts.stopped_for == "memory" or facts.candidate.limit == "memory":
        return "memory-exceeded"
    if facts.stopped_for == "cpu-time":
        return "cpu-time-exceeded"
    if facts.candidate.limit == "cpu-time" or facts.candidate.signal == signal.SIGXCPU:
        return "cpu-time-exceeded"
    if facts.candidate.cpu_seconds > limits.cpu_seconds:
        return "cpu-time-exceeded"
    return None


def _known_failure(facts: Facts) -> str | None:
    """A failure that the checker had reported before it came to its own end."""
    failures = facts.report.failures if facts.report.valid else []
    return failures[0].reason if failures else None


def _blame_checker(facts: Facts) -> str:
    if facts.checker.limit is not None:
        return "checker-limit"
    if facts.checker.code is None:
        raise SandboxLost(f"The checker was ended by signal {facts.checker.signal}.")
    if facts.report.end is None and facts.report.valid and facts.checker.code != _RAISED:
        raise InvalidSpec.of(
            [
                Violation(
                    "spec.problem.python_tests",
                    f"The tests end their own process, with exit code {facts.checker.code}, before "
                    "they have judged anything.",
                )
            ]
        )
    raise ExecutorFault(f"The checker ended with code {facts.checker.code} and no proper report.")


def _how_it_ended(candidate: Exit) -> str:
    if candidate.code is not None:
        return "ended-early"
    return "crashed"


def _load_reason(exception: dict[str, Any]) -> str:
    if exception.get("syntax"):
        return "syntax-error"
    match exception.get("type"):
        case "SystemExit" | "KeyboardInterrupt":
            return "ended-early"
        case "MemoryError":
            return "memory-exceeded"
    if exception.get("type") in _UNREADABLE:
        return "load-error" if exception.get("lines") else "syntax-error"
    return "load-error"


def case_result(case: CaseReport) -> TestCaseResult:
    """A case as evidence."""
    if case.reason == "tests-passed":
        outcome = Outcome.ACCEPTED
    else:
        outcome = Outcome.INCONCLUSIVE if case.reason in INCONCLUSIVE else Outcome.REJECTED
    return TestCaseResult(
        name=case.name,
        outcome=outcome,
        reason=case.reason,
        wall_seconds=case.wall_seconds,
        message=case.message,
    )


def _evidence(facts: Facts, tests: PythonTests) -> PythonEvidence:
    seen = len(facts.report.cases)
    end = facts.report.end
    counted = max(seen, end.passed + end.failed if end else 0)
    known = len(getattr(tests.form, "cases", ()))
    if end is not None and end.reason != "tests-passed":
        known = max(known, end.known)
    interrupted = end is not None and end.reason in (
        "candidate-gone",
        "protocol-violation",
        "opinion-needed",
        "load-error",
    )
    return PythonEvidence(
        cases=tuple(map(case_result, facts.report.cases)),
        passed_count=facts.report.passed,
        total_count=max(known, counted + (1 if interrupted or end is None else 0)),
        stdout=facts.stdout,
        stderr=facts.stderr,
        channel=VerdictChannel.SHARED if end and end.shared else facts.channel,
    )


def _of(evidence: PythonEvidence) -> str:
    total = evidence.total_count
    return f"{evidence.passed_count} of {total} {'case' if total == 1 else 'cases'}"


def _summary(reason: str, facts: Facts, evidence: PythonEvidence) -> str:
    end = facts.report.end
    said = [SUMMARIES[reason]]
    if end and end.message and reason == end.reason:
        where = f"{end.failed_case}: " if end.failed_case else ""
        said.append(f"{where}{end.message}".rstrip(".") + ".")
    elif end and end.exception and end.reason == "load-error":
        said.append(f"{end.exception['type']}: {end.exception['message']}".rstrip(".") + ".")
    elif reason in ("crashed", "ended-early", "memory-exceeded"):
        said.append(_end_in_words(facts))
    if evidence.cases:
        said.append(f"Passed {_of(evidence)}.")
    return " ".join(said)


def _end_in_words(facts: Facts) -> str:
    candidate = facts.candidate
    if facts.stopped_for == "memory" or candidate.limit == "memory":
        return "Its processes together had more than the limit."
    if facts.outlasted:
        return "It hung up on the tests."
    if candidate.code is not None:
        return f"Its exit code was {candidate.code}."
    return f"Its process was ended by signal {candidate.signal}."


def _diagnostics(reason: str, facts: Facts, located: Located) -> tuple[Diagnostic, ...]:
    end = facts.report.end
    if end is None:
        return ()
    message = end.message
    place = None
    if end.exception is not None:
        message = message or f"{end.exception['type']}: {end.exception['message']}"
        place = _place(end.exception, located)
    if not message and not end.last_call:
        return ()
    if end.reason == "candidate-gone" and end.last_call:
        message = f"The last call was {end.last_call}."
    return (
        Diagnostic(severity=Severity.ERROR, code=reason, message=message or reason, range=place),
    )


def _reservations(facts: Facts, tests: PythonTests) -> tuple[Diagnostic, ...]:
    """What the author of the tests should know of an acceptance.

    A helper that the tests forgot to define, and that the candidate has, is the candidate's word
    on itself: `assert near(f(2), 4)` is no test if `near` is its own.
    """
    helpers = list(facts.report.end.helpers) if facts.report.end else []
    named = getattr(tests.form, "entry_point", "")
    if not helpers or (not named and len(helpers) == 1):
        return ()
    message = (
        f"The tests take these names from the candidate: {', '.join(helpers)}. If one of them is a "
        "helper of the tests, define it there or in the preamble."
    )
    return (Diagnostic(severity=Severity.INFO, code="names-from-candidate", message=message),)


def _place(exception: dict[str, Any], located: Located) -> Range | None:
    """The innermost line of the candidate's own text that an exception points to."""
    if syntax := exception.get("syntax"):
        line, column, *_ = syntax
        return located.range(line, column) if line else None
    places = (located.range(line) for line, _ in reversed(exception["lines"]))
    return next((place for place in places if place), None)
