"""Lines of a batch: from bytes to specs, from results to bytes. Pure, bounded, never raises.

One line of input is a `VerificationSpec`. One line of output is
`{"problemId": …, "candidateId": …, "verdict": {…}}`, or, with `error` in place of `verdict`, the
reason why there is none.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from clients.command_line import proto_json
from verifier_service.model import InvalidSpec, ServiceError, Verdict, VerificationSpec, Violation

__all__ = [
    "MAXIMUM_LINE_BYTES",
    "OUTPUT_START",
    "Entry",
    "KeptLine",
    "Line",
    "LineSplitter",
    "output_line",
    "parse_kept_line",
    "parse_line",
]

MAXIMUM_LINE_BYTES: Final = 16 * 1024**2
"""As large as one message may be."""

OUTPUT_START: Final = b'{"problemId":'
"""How every line of output begins."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of input."""

    number: int
    """From 1."""
    size_bytes: int
    """With its end; also of one that was too long."""
    text: bytes | None
    """None where it was too long to be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a line of input asks for: a spec, or the error that it is."""

    number: int
    size_bytes: int
    problem_id: str = ""
    candidate_id: str = ""
    spec: VerificationSpec | None = None
    error: ServiceError | None = None


class LineSplitter:
    """Cuts chunks into lines, and keeps at most `maximum_bytes` of one."""

    def __init__(self, maximum_bytes: int = MAXIMUM_LINE_BYTES) -> None:
        self._maximum = maximum_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that this chunk completes."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._keep(chunk[start : end + 1])
            yield self._line()
            start = end + 1
        self._keep(chunk[start:])

    def end(self) -> Iterator[Line]:
        """The last line, where it has no end."""
        if self._size:
            yield self._line()

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._maximum:
            self._parts.clear()
        else:
            self._parts.append(part)

    def _line(self) -> Line:
        self._number += 1
        text = b"".join(self._parts) if self._size <= self._maximum else None
        line = Line(number=self._number, size_bytes=self._size, text=text)
        self._parts, self._size = [], 0
        return line


def parse_line(line: Line, maximum_bytes: int = MAXIMUM_LINE_BYTES) -> Entry:
    """Reads one line; what is wrong with it becomes its error."""
    if line.text is None:
        text = f"has {line.size_bytes} bytes; a line may have {maximum_bytes}."
        return _refused(line, InvalidSpec.of([Violation("spec", text)]))
    try:
        spec = proto_json.spec_from_json(line.text)
    except ServiceError as error:
        return _refused(line, error)
    except ValueError as error:
        problem = Violation("spec", f"this line is no VerificationSpec in JSON: {error}")
        return _refused(line, InvalidSpec.of([problem]))
    return Entry(
        number=line.number,
        size_bytes=line.size_bytes,
        problem_id=spec.problem.problem_id,
        candidate_id=spec.candidate.candidate_id,
        spec=spec,
    )


def _refused(line: Line, error: ServiceError) -> Entry:
    error.facts = {**error.facts, "line": str(line.number)}
    problem_id, candidate_id = _ids_of_bad_line(line.text or b"")
    return Entry(
        number=line.number,
        size_bytes=line.size_bytes,
        problem_id=problem_id,
        candidate_id=candidate_id,
        error=error,
    )


def _ids_of_bad_line(text: bytes) -> tuple[str, str]:
    """The ids, where the line is JSON at least; else empty strings."""
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(text)
        return (
            _text_at(value, "problem", "problemId", "problem_id"),
            _text_at(value, "candidate", "candidateId", "candidate_id"),
        )
    return "", ""


def _text_at(value: Any, outer: str, *names: str) -> str:
    inner = value.get(outer) if isinstance(value, dict) else None
    for name in names:
        text = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(text, str):
            return _SURROGATE.sub("\ufffd", text)
    return ""


def output_line(entry: Entry, result: Verdict | ServiceError) -> bytes:
    """The line of output for one line of input."""
    line: dict[str, Any] = {"problemId": entry.problem_id, "candidateId": entry.candidate_id}
    if isinstance(result, Verdict):
        line["verdict"] = proto_json.verdict_json(result)
    else:
        line["error"] = proto_json.error_json(result)
    return proto_json.compact(line).encode() + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLine:
    """A line of output that an earlier run wrote."""

    problem_id: str
    candidate_id: str
    outcome: str
    """As the proto names it; empty where the line holds an error."""


def parse_kept_line(text: bytes) -> KeptLine | None:
    """Reads a line of output; None where it is none."""
    try:
        line = json.loads(text)
        problem_id, candidate_id = line["problemId"], line["candidateId"]
        outcome = line["verdict"]["outcome"] if "verdict" in line else ""
        known = "verdict" in line or "error" in line
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not known or not all(isinstance(x, str) for x in (problem_id, candidate_id, outcome)):
        return None
    return KeptLine(problem_id=problem_id, candidate_id=candidate_id, outcome=outcome)
