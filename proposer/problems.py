"""Problems of a campaign: what is asked of the model, and what its candidates have to pass.

One line of a problems file is a `VerificationSpec` in proto3 JSON without a candidate, and beside
it a `statement`, for the model, and perhaps `examples`, a list of texts.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format

from verifier_service import wire
from verifier_service.model import (
    CallCases,
    Candidate,
    InvalidSpec,
    LeanTheorem,
    PythonTests,
    TestCode,
    VerificationSpec,
)
from verifier_service.v1 import verifier_pb2

__all__ = ["InvalidProblems", "Task", "read_tasks", "task_from_json"]

_MOST_BYTES: Final = 64 * 1024**2


class InvalidProblems(ValueError):
    """A file of problems that can't be used; the message names the line and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One problem of a campaign."""

    spec: VerificationSpec
    """Its candidate is empty."""
    statement: str
    """What the model is asked."""
    examples: tuple[str, ...] = ()
    """Shown to the model: asserts, calls with results, or whatever the kind of problem has."""
    source: dict[str, Any] = field(default_factory=dict, compare=False)
    """The line that it comes from."""

    @property
    def problem_id(self) -> str:
        """Unique in a campaign."""
        return self.spec.problem.problem_id

    def renamed(self, problem_id: str) -> Task:
        """The same problem under another name, as in campaigns that repeat each one."""
        problem = dataclasses.replace(self.spec.problem, problem_id=problem_id)
        return dataclasses.replace(self, spec=dataclasses.replace(self.spec, problem=problem))

    @property
    def entry_point(self) -> str:
        """Name that a candidate must define; empty where none is known."""
        match self.spec.problem.criterion:
            case PythonTests(form=TestCode(entry_point=name) | CallCases(entry_point=name)):
                return name
            case LeanTheorem(name=name):
                return name
        return ""

    def spec_for(self, candidate: str, candidate_id: str) -> VerificationSpec:
        """What the service is asked about a candidate."""
        return dataclasses.replace(
            self.spec, candidate=Candidate(source=candidate, candidate_id=candidate_id)
        )


def read_tasks(path: Path) -> list[Task]:
    """The problems of a file.

    Raises:
        InvalidProblems: It can't be read, a line says no problem, or two have one id.
    """
    tasks = list(_read(path))
    if not tasks:
        raise InvalidProblems(f"{path} has no problems. Write one a line.")
    refuse_duplicates(tasks, str(path))
    return tasks


def refuse_duplicates(tasks: Sequence[Task], where: str) -> None:
    """Raises InvalidProblems where two tasks have one id."""
    seen: set[str] = set()
    for task in tasks:
        if task.problem_id in seen:
            raise InvalidProblems(
                f"{where}: two problems are named {task.problem_id[:100]!r}. Give each its own "
                "problem.problemId."
            )
        seen.add(task.problem_id)


def _read(path: Path) -> Iterator[Task]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidProblems(f"{path} is larger than {_MOST_BYTES} bytes, the most there is.")
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InvalidProblems(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidProblems(
            f"{path} is not UTF-8: byte {error.start} can't be decoded."
        ) from error
    for number, text in enumerate(lines, start=1):
        if text.strip():
            try:
                line = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise InvalidProblems(f"{path}, line {number} is no JSON: {error}.") from error
            yield task_from_json(line, f"{path}, line {number}")


def task_from_json(line: Any, where: str) -> Task:
    """The problem that one line says.

    Args:
        line: The parsed line.
        where: Begins the message of an error.

    Raises:
        InvalidProblems: It says none.
    """
    if not isinstance(line, dict):
        raise InvalidProblems(f"{where} is no object, {{ … }}.")
    if "candidate" in line:
        raise InvalidProblems(f"{where} has a candidate. Leave it out: the model writes it.")
    rest = {key: value for key, value in line.items() if key not in ("statement", "examples")}
    statement, examples = line.get("statement"), line.get("examples", [])
    if not isinstance(statement, str) or not statement.strip():
        raise InvalidProblems(f"{where}: `statement` is needed, a text that says what is asked.")
    if not isinstance(examples, list) or not all(isinstance(one, str) for one in examples):
        raise InvalidProblems(f"{where}: `examples` is a list of texts.")
    try:
        message = json_format.ParseDict(rest, verifier_pb2.VerificationSpec())
        message.candidate.source = "x"
        spec = wire.spec_from_proto(message)
    except (json_format.ParseError, ValueError, TypeError, RecursionError, InvalidSpec) as error:
        told = " ".join(str(error).split())[:300]
        raise InvalidProblems(f"{where} is no VerificationSpec in JSON: {told}") from error
    if not spec.problem.problem_id:
        raise InvalidProblems(f"{where}: `problem.problemId` is needed, a name for the problem.")
    return Task(
        spec=dataclasses.replace(spec, candidate=Candidate(source="")),
        statement=statement,
        examples=tuple(examples),
        source=line,
    )
