"""Files of audits: which acceptances to check, with which chance, and how suspicious they are.

A line is `{"problemId": …, "candidateId": …, "chance": 0.2}` or has `"suspicion": 0.3` in place of
`chance`. `verifier estimate audits --draw` writes the one, `verifier estimate amplify
--suspicions` the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from proposer.estimation.audits import Acceptances
from proposer.estimation.counts import Answer, Truth
from proposer.estimation.records import Record, UnusableRecords, objects

__all__ = ["Key", "acceptances", "accepted", "read_numbers", "write_numbers"]

Key = tuple[str, str]
"""Problem id and candidate id."""

Kind = Literal["chance", "suspicion"]


def read_numbers(path: Path, kind: Kind) -> dict[Key, float]:
    """The chances or suspicions of a file.

    Raises:
        UnusableRecords: It can't be read, is cut off or has a line of another kind, or a candidate
            twice.
    """
    found: dict[Key, float] = {}
    for number, value in objects(path):
        match value:
            case {"problemId": str(problem), "candidateId": str(candidate), **rest} if (
                isinstance(share := rest.get(kind), int | float) and 0 <= share <= 1
            ):
                key = problem, candidate
            case _:
                raise UnusableRecords(
                    f'{path}, line {number}, needs problemId, candidateId and "{kind}", a number '
                    "from 0 to 1."
                )
        if key in found:
            raise UnusableRecords(f"{path}, line {number}, names a candidate a second time.")
        found[key] = float(share)
    return found


def write_numbers(path: Path, numbers: Mapping[Key, float], kind: Kind) -> None:
    """Writes a file that `read_numbers` reads.

    Raises:
        UnusableRecords: It can't be written.
    """
    lines = [
        json.dumps({"problemId": problem, "candidateId": candidate, kind: number})
        for (problem, candidate), number in numbers.items()
    ]
    try:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise UnusableRecords(f"{path} can't be written: {error.strerror}.") from error


def accepted(records: Iterable[Record]) -> list[Record]:
    """Those that were accepted, in order: what an index of `Acceptances` points to.

    Raises:
        UnusableRecords: There is none, or one has no candidate id, so that it can't be named.
    """
    found = [record for record in records if record.answer is Answer.ACCEPTED]
    if not found:
        raise UnusableRecords("No candidate was accepted, so there is nothing to audit.")
    for record in found:
        if not record.candidate:
            raise UnusableRecords(
                f"The accepted candidate of line {record.line} has no candidateId, so an audit "
                "can't name it. Give every candidate an id in the specs."
            )
    return found


def acceptances(
    records: Iterable[Record],
    *,
    chances: Mapping[Key, float] | None = None,
    suspicions: Mapping[Key, float] | None = None,
) -> Acceptances:
    """What is known of the accepted ones.

    Args:
        records: Verdicts, with truth where it is known.
        chances: With which each was drawn for audit; without, those of known truth count for
            themselves alone.
        suspicions: By the cheap signal; those without one get the mean of the others.

    Raises:
        UnusableRecords: As `accepted`; or one was audited that the plan could not draw.
    """
    found = accepted(records)
    return Acceptances(
        problems=tuple(record.problem for record in found),
        truths=np.array([record.truth for record in found], np.int64),
        suspicions=np.array(_suspicions(found, suspicions or {})),
        chances=np.array([_chance(record, chances) for record in found]),
    )


def _chance(record: Record, chances: Mapping[Key, float] | None) -> float:
    known = record.truth is not Truth.UNKNOWN
    if chances is None:
        return 1.0 if known else 0.0
    chance = chances.get(record.key, 0.0)
    if known and not chance:
        raise UnusableRecords(
            f"Candidate {record.candidate[:80]!r} of problem {record.problem[:80]!r} was audited "
            "and the plan gives it no chance of that. Leave its truth out, or plan with it known."
        )
    return chance


def _suspicions(found: Sequence[Record], suspicions: Mapping[Key, float]) -> list[float]:
    known = [suspicions[record.key] for record in found if record.key in suspicions]
    usual = sum(known) / len(known) if known else 0.5
    return [suspicions.get(record.key, usual) for record in found]
