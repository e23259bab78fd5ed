"""From lines that `verifier batch` wrote for questions of logic to votes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clients.command_line.batch_lines import LineSplitter
from clients.command_line.exit_codes import InvalidInput
from sandboxes.logic.judge import ACCEPTING, SUMMARIES
from verifier_service.model import Entailment
from verifier_service.voting import ANSWERS, Calibration, vote

__all__ = ["Ballot", "read_ballots", "read_calibration"]

_CHUNK: Final = 1 << 16
_PREFIX: Final = "ENTAILMENT_"
_REASONS: Final = {*ACCEPTING, *SUMMARIES}


@dataclass(slots=True)
class Ballot:
    """The votes on one problem.

    Attributes:
        problem_id: Of the problem.
        votes: In the order of the lines; UNKNOWN for what can't be read or says nothing.
        missing: How many candidates have no verdict, through no fault of theirs.
        answer: The right one, where lines say it.
        voters: The line of each candidate that has an id.
    """

    problem_id: str
    votes: list[Entailment] = field(default_factory=list)
    missing: int = 0
    answer: Entailment | None = None
    voters: dict[str, int] = field(default_factory=dict)


def read_ballots(path: Path) -> list[Ballot]:
    """The votes of a file, by problem, in the order in which problems first occur.

    Raises:
        InvalidInput: A line is none that `batch` writes for logic, or a candidate votes twice.
    """
    ballots: dict[str, Ballot] = {}
    for number, text in _lines(path):
        where = f"{path}, line {number}"
        line = _parsed(text, where)
        problem_id, candidate_id = line["problemId"], line["candidateId"]
        ballot = ballots.setdefault(problem_id, Ballot(problem_id))
        if candidate_id:
            before = ballot.voters.setdefault(candidate_id, number)
            if before != number:
                raise InvalidInput(
                    f"{where}: this candidate of this problem has voted on line {before}. Leave "
                    "out one of the two lines."
                )
        _note_answer(ballot, line.get("answer"), where)
        vote = _vote(line, where)
        if vote is None:
            ballot.missing += 1
        else:
            ballot.votes.append(vote)
    if not ballots:
        raise InvalidInput(f"{path} has no lines. Give it what `verifier batch` wrote.")
    return list(ballots.values())


def read_calibration(path: Path) -> Calibration:
    """How much votes are worth, from lines with the right `answer` of each problem.

    Raises:
        InvalidInput: As `read_ballots`; or a problem has no answer.
    """
    known = []
    for ballot in read_ballots(path):
        if ballot.answer is None:
            raise InvalidInput(
                f"{path}: no line of the problem {ballot.problem_id[:100]!r} has an `answer`. Add "
                '"answer": "ENTAILMENT_…" to one of them.'
            )
        known.append((ballot.answer, ballot.votes))
    return Calibration.fitted(known)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    splitter = LineSplitter()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield from _texts(splitter.feed(chunk), path)
            yield from _texts(splitter.end(), path)
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error


def _texts(lines: Iterator[Any], path: Path) -> Iterator[tuple[int, bytes]]:
    for line in lines:
        if line.text is None:
            raise InvalidInput(f"{path}, line {line.number} is too long: {line.size_bytes} bytes.")
        if line.text.strip():
            yield line.number, line.text


def _parsed(text: bytes, where: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if (
        not isinstance(line, dict)
        or not all(isinstance(line.get(key), str) for key in ("problemId", "candidateId"))
        or not isinstance(line.get("verdict", line.get("error")), dict)
    ):
        raise InvalidInput(f"{where} is no line that `verifier batch` writes.")
    for key in ("problemId", "candidateId"):  # what is no text has no bytes
        line[key] = line[key].encode("utf-8", "replace").decode()
    return line


def _vote(line: dict[str, Any], where: str) -> Entailment | None:
    """What a line says; None where the service has no verdict."""
    if "verdict" not in line:
        return None
    verdict = line["verdict"]
    reason = verdict.get("reason")
    if reason not in _REASONS or "python" in verdict or "lean" in verdict:
        raise InvalidInput(f"{where} is no verdict about a question of logic.")
    evidence = verdict.get("logic")
    said = evidence.get("entailment") if isinstance(evidence, dict) else None
    return vote(reason, _entailment(said, f"{where}, verdict.logic.entailment"))


def _note_answer(ballot: Ballot, said: Any, where: str) -> None:
    if said is None:
        return
    answer = _entailment(said, f"{where}, answer")
    if answer not in ANSWERS:
        raise InvalidInput(f"{where}: an answer is entailed, contradicted or independent.")
    if ballot.answer not in (None, answer):
        raise InvalidInput(f"{where}: lines of one problem have one answer, and this has another.")
    ballot.answer = answer


def _entailment(said: Any, where: str) -> Entailment:
    name = said.removeprefix(_PREFIX) if isinstance(said, str) else ""
    if name not in Entailment.__members__:
        raise InvalidInput(
            f"{where} is none of {', '.join(_PREFIX + one.name for one in Entailment)}."
        )
    return Entailment[name]
