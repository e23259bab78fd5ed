"""What is allowed in a request, whatever its kind of problem.

Every function returns all the violations that it finds, and costs time in proportion to the text
that it is given. What a kind of problem asks of its own fields is said by its executor.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Final

from verifier_service.model import (
    CallCases,
    CallOptions,
    Candidate,
    Criterion,
    LeanTheorem,
    Limits,
    LogicProblem,
    PytestSuite,
    PythonTests,
    RequestedLimits,
    StdioCases,
    TestCode,
    TestForm,
    VerificationSpec,
    Violation,
)

__all__ = [
    "CRITERION_NAMES",
    "EMPTY_CANDIDATE",
    "FORM_NAMES",
    "MAXIMUM_CASES_REPORTED",
    "MAXIMUM_ID_LENGTH",
    "check_candidate",
    "check_environment",
    "check_id",
    "check_limits",
    "check_options",
    "check_request_id",
    "check_spec",
    "is_unicode",
]

MAXIMUM_ID_LENGTH: Final = 512
"""Characters of a problem id, candidate id, session id or ticket."""

MAXIMUM_CASES_REPORTED: Final = 10_000

CRITERION_NAMES: Final[dict[type[Criterion], str]] = {
    PythonTests: "python_tests",
    LeanTheorem: "lean_theorem",
    LogicProblem: "logic",
}
"""Kinds of problem, as the proto's oneof names them."""

FORM_NAMES: Final[dict[type[TestForm], str]] = {
    TestCode: "code",
    CallCases: "calls",
    StdioCases: "stdio",
    PytestSuite: "pytest",
}
"""Forms of Python tests, as the proto's oneof names them."""

_LIMITS: Final = (
    # attribute, path, unit
    ("wall_seconds", "limits.wall_time", "seconds"),
    ("cpu_seconds", "limits.cpu_time", "seconds"),
    ("memory_bytes", "limits.memory_bytes", "bytes"),
    ("max_processes", "limits.max_processes", "processes"),
    ("max_output_bytes", "limits.max_output_bytes", "bytes"),
    ("deterministic_steps", "limits.deterministic_steps", "steps"),
)
EMPTY_CANDIDATE: Final = Violation("candidate.source", "is empty. Put the candidate's text there.")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}(@sha256:[0-9a-f]{1,64})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def check_spec(
    spec: VerificationSpec, *, maximum_limits: Limits, maximum_candidate_bytes: int
) -> list[Violation]:
    """Says what is wrong with a spec; paths start at it: `candidate.source`."""
    return [
        *check_id("problem.problem_id", spec.problem.problem_id),
        *check_candidate(spec.candidate, maximum_bytes=maximum_candidate_bytes),
        *_check_not_empty(spec),
        *check_environment(spec.environment),
        *check_limits(spec.limits, maximum=maximum_limits),
        *_check_criterion_text(spec.problem.criterion),
    ]


def check_options(options: CallOptions) -> list[Violation]:
    """Says what is wrong with a call's options."""
    violations = check_id("options.session_id", options.session_id)
    if not -(2**31) <= options.priority < 2**31:
        violations.append(
            Violation("options.priority", "does not fit 32 bits. Ask for a small number.")
        )
    if not 0 <= options.max_cases_reported <= MAXIMUM_CASES_REPORTED:
        violations.append(
            Violation(
                "options.max_cases_reported",
                f"is {options.max_cases_reported}. Ask for 1 to {MAXIMUM_CASES_REPORTED}, "
                "or for 0 to get 100.",
            )
        )
    return violations


def check_request_id(request_id: str) -> list[Violation]:
    """Says what is wrong with a request id; an empty one means none."""
    if not request_id or _UUID.fullmatch(request_id):
        return []
    return [
        Violation(
            "request_id",
            "is not a UUID. Write it as `123e4567-e89b-12d3-a456-426614174000`, or leave it out.",
        )
    ]


def check_id(path: str, text: str) -> list[Violation]:
    """Says what is wrong with a name that the caller chose."""
    violations = []
    if len(text) > MAXIMUM_ID_LENGTH:
        violations.append(
            Violation(
                path,
                f"has {len(text)} characters. Shorten it to at most {MAXIMUM_ID_LENGTH}.",
            )
        )
    if found := _CONTROL.search(text):
        violations.append(
            Violation(
                path,
                f"holds the control character U+{ord(found.group()):04X} at index "
                f"{found.start()}. Remove it.",
            )
        )
    return violations + _check_unicode(path, text)


def check_candidate(candidate: Candidate, *, maximum_bytes: int | None) -> list[Violation]:
    """Says what is wrong with a candidate as text; with None, it may have any size."""
    violations = check_id("candidate.candidate_id", candidate.candidate_id)
    size = _size_bytes(candidate.source)
    if maximum_bytes is not None and size > maximum_bytes:
        violations.append(
            Violation(
                "candidate.source",
                f"has {size} bytes of UTF-8. Shorten it to at most {maximum_bytes}.",
            )
        )
    return violations + _check_unicode("candidate.source", candidate.source)


def check_environment(name: str) -> list[Violation]:
    """Says what is wrong with an environment's name; whether it exists is another question."""
    if not name or _ENVIRONMENT.fullmatch(name):
        return []
    return [
        Violation(
            "environment",
            "is not the name of an environment. Write it as `python3.11` or "
            "`python3.11@sha256:…`, or leave it out for the server's default.",
        )
    ]


def check_limits(limits: RequestedLimits, *, maximum: Limits | None) -> list[Violation]:
    """Says what is wrong with the limits asked for; with None, only what is wrong anywhere."""
    violations = []
    for attribute, path, unit in _LIMITS:
        value: float | None = getattr(limits, attribute)
        if value is None:
            continue
        most = math.inf if maximum is None else getattr(maximum, attribute)
        if description := _limit_problem(value, most, unit):
            violations.append(Violation(path, description))
    return violations


def _limit_problem(value: float, maximum: float, unit: str) -> str:
    if not value > 0:  # NaN is not above 0 either
        return (
            f"is {value:g} {unit}. Ask for more than 0, or leave it out for the server's default."
        )
    if not value <= maximum or math.isinf(value):
        most = f"at most {_plain(maximum)}" if math.isfinite(maximum) else "a finite number"
        return f"is {_plain(value)} {unit}, and limits are never cut. Ask for {most} {unit}."
    return ""


def _plain(value: float) -> str:
    """A number as a person writes it: every digit of an integer, no trailing zeros."""
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def _check_not_empty(spec: VerificationSpec) -> list[Violation]:
    """A logic problem may bring all that is needed by itself; nothing else may."""
    if spec.candidate.source or isinstance(spec.problem.criterion, LogicProblem):
        return []
    return [EMPTY_CANDIDATE]


def _check_criterion_text(criterion: Criterion) -> list[Violation]:
    violations = []
    for path, text in _texts(f"problem.{CRITERION_NAMES[type(criterion)]}", criterion):
        violations += _check_unicode(path, text)
    return violations


def _texts(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Every string of a criterion that is not plain ASCII, with its path as in the proto."""
    if isinstance(value, str):
        if not value.isascii():
            yield path, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _texts(f"{path}[{index}]", item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            name = FORM_NAMES.get(type(inner), field.name)
            yield from _texts(f"{path}.{name}", inner)


def _check_unicode(path: str, text: str) -> list[Violation]:
    if is_unicode(text):
        return []
    index = next(i for i, c in enumerate(text) if "\ud800" <= c <= "\udfff")
    return [
        Violation(
            path,
            f"holds the lone surrogate U+{ord(text[index]):04X} at index {index}, which no "
            "UTF-8 text can hold. Remove it.",
        )
    ]


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can say it: whether it holds no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _size_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
