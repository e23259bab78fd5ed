"""From files of verdicts to observations.

A file of verdicts is what `verifier batch` writes: `{"problemId": …, "candidateId": …, "verdict":
{…}}` on a line, or `error` in place of `verdict`. What is true of a candidate comes from a second
such file, by a stronger verifier, or from `"truth": "right"` and `"truth": "wrong"` on a line,
which need no verdict beside them.

Exports of campaigns have such lines too, and others for samples without a verdict: a sample in
which there was no candidate that could be judged is rejected, and one that did not come, or about
which there was an error, is inconclusive.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from proposer.estimation.counts import Answer, Observation, Truth

__all__ = [
    "Record",
    "UnusableRecords",
    "objects",
    "observations",
    "read_records",
    "read_truths",
    "require_one_source",
    "require_same_candidates",
    "trusting_rejections",
    "with_truth",
]

MAXIMUM_LINE_BYTES: Final = 128 * 1024**2
"""As long as a line of `verifier batch` can be."""

_ANSWERS: Final = {
    "OUTCOME_ACCEPTED": Answer.ACCEPTED,
    "OUTCOME_REJECTED": Answer.REJECTED,
    "OUTCOME_INCONCLUSIVE": Answer.INCONCLUSIVE,
}
_TRUTH_OF: Final = {
    Answer.ACCEPTED: Truth.RIGHT,
    Answer.REJECTED: Truth.WRONG,
    Answer.INCONCLUSIVE: Truth.UNKNOWN,
}
_TRUTHS: Final = {"right": Truth.RIGHT, "wrong": Truth.WRONG, "unknown": Truth.UNKNOWN}
_TOLD: Final = {"verdict", "error", "truth", "judgement", "sample"}
"""A line says something by one of these at least."""
_CRITERIA: Final = {"python": "python_tests", "lean": "lean_theorem", "logic": "logic"}


class UnusableRecords(ValueError):
    """A file of verdicts can't be used; the message says what is missing, and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line about one candidate."""

    problem: str
    candidate: str
    line: int
    """From 1."""
    answer: Answer | None
    """None where the line has truth alone."""
    truth: Truth = Truth.UNKNOWN
    asked: bool = False
    """Whether a stronger verifier was asked, if only to find that it can't tell either."""
    criterion: str = ""
    """"python_tests", "lean_theorem", "logic", or empty where the verdict has no evidence."""
    environment: str = ""
    """`name@digest`; empty where the line has an error."""
    digest: str = ""
    """Of the verification."""
    cases: Mapping[str, bool] = field(default_factory=dict)
    """Whether each test case passed that was decided, by name."""
    case_count: int = 0
    """Cases that there were to run."""

    @property
    def key(self) -> tuple[str, str]:
        """Which candidate of which problem."""
        return self.problem, self.candidate


def read_records(path: Path) -> list[Record]:
    """The verdicts of a file; an error line is an inconclusive answer, since nobody could tell.

    Raises:
        UnusableRecords: It can't be read, is empty or cut off, or has a line of another kind, a
            candidate twice, or a line without a problem.
    """
    records = _read(path)
    for record in records:
        if record.answer is None:
            raise UnusableRecords(
                f"{_at(path, record.line)} has a truth and no verdict. Give the verdicts here, and "
                "truths in a file of their own."
            )
    return records


def read_truths(path: Path) -> list[Record]:
    """What a stronger verifier, or a person, says of candidates: a record's `truth`.

    Raises:
        UnusableRecords: As `read_records`; or a line has no candidate.
    """
    truths = []
    for record in _read(path):
        if not record.candidate:
            raise UnusableRecords(
                f"{_at(path, record.line)} has no candidateId, so it can't be told whom it is "
                "about. Give every candidate an id in the specs, and judge them again."
            )
        told = record.truth
        if told is Truth.UNKNOWN and record.answer is not None:
            told = _TRUTH_OF[record.answer]
        truths.append(replace(record, truth=told))
    return truths


def with_truth(
    records: Sequence[Record], truths: Iterable[Record], *, names: tuple[Path, Path]
) -> list[Record]:
    """The records, each with what is known of its candidate.

    Args:
        records: Of the verifier whose acceptances are in question.
        truths: Of `read_truths`; some candidates may be missing.
        names: The two files, for messages.

    Raises:
        UnusableRecords: The truths are about other candidates or problems, or are these very
            verdicts: no verifier can say how often itself is wrong.
    """
    weak, strong = names
    told = {record.key: record for record in truths}
    known = {record.key: record for record in records}
    _refuse_strangers(told, known, weak, strong)
    paired = []
    for record in records:
        truth = told.get(record.key)
        if truth is None:
            paired.append(record)
            continue
        if truth.digest and truth.digest == record.digest:
            raise UnusableRecords(
                f"{_at(strong, truth.line)} is the same verification as line {record.line} of "
                f"{weak}: "
                "the same tests can't say how often they are wrong. Give verdicts of a stronger "
                "verifier; `verifier estimate amplify` makes one."
            )
        paired.append(replace(record, truth=truth.truth, asked=True))
    return paired


def _refuse_strangers(
    told: Mapping[tuple[str, str], Record],
    known: Mapping[tuple[str, str], Record],
    weak: Path,
    strong: Path,
) -> None:
    strangers = [record for key, record in told.items() if key not in known]
    if not strangers:
        return
    problems = {problem for problem, _ in known}
    first = strangers[0]
    if not any(problem in problems for problem, _ in told):
        raise UnusableRecords(
            f"{strong} is about other problems than {weak}: {_short(first.problem)} and "
            f"{_short(next(iter(problems)))}, for instance. Give verdicts on the same problems."
        )
    raise UnusableRecords(
        f"{len(strangers)} of {len(told)} lines of {strong} are about candidates that {weak} does "
        f"not have; the first is line {first.line}, candidate {_short(first.candidate)} of problem "
        f"{_short(first.problem)}. Give both verifiers the same candidates, or leave these lines "
        "out."
    )


def require_same_candidates(
    first: Sequence[Record], second: Sequence[Record], *, names: tuple[Path, Path]
) -> None:
    """Lets two files pass that are about the same candidates, which all have ids.

    Raises:
        UnusableRecords: One has a candidate that the other has not, or one without an id.
    """
    keys = [{record.key for record in one} for one in (first, second)]
    for name, records in zip(names, (first, second), strict=True):
        unnamed = next((record.line for record in records if not record.candidate), None)
        if unnamed is not None:
            raise UnusableRecords(
                f"{_at(name, unnamed)} has no candidateId. Give every candidate an id in the specs."
            )
    if different := keys[0] ^ keys[1]:
        problem, candidate = min(different)
        has = names[0] if (problem, candidate) in keys[0] else names[1]
        raise UnusableRecords(
            f"{names[0]} and {names[1]} are not about the same candidates: {len(different)} are in "
            f"one alone, for instance {_short(candidate)} of problem {_short(problem)} in {has}."
        )


def require_one_source(records: Sequence[Record], path: Path) -> tuple[str, str]:
    """The kind of problem and the environment that all verdicts share.

    Raises:
        UnusableRecords: They are of several, or there is no verdict.
    """
    criterion = _only([one.criterion for one in records], records, path, "kinds of problem")
    environment = _only([one.environment for one in records], records, path, "environments")
    return criterion, environment


def _only(values: Sequence[str], records: Sequence[Record], path: Path, what: str) -> str:
    counted = Counter(filter(None, values))
    if not counted:
        raise UnusableRecords(
            f"{path} names no {what}: it has no verdict that shows any. Give it what "
            "`verifier batch` wrote."
        )
    if len(counted) > 1:
        (most, _), (other, _), *_ = counted.most_common()
        line = records[values.index(other)].line
        raise UnusableRecords(
            f"{path} mixes {len(counted)} {what}: {_short(most)} and, on line {line}, "
            f"{_short(other)}. What holds for one need not hold for another: give a file for each."
        )
    return next(iter(counted))


def trusting_rejections(records: Iterable[Record]) -> list[Record]:
    """The records, with every rejected candidate of unknown truth taken for wrong.

    That is right where the tests are: what fails a right test is wrong.
    """
    return [
        replace(record, truth=Truth.WRONG)
        if record.answer is Answer.REJECTED and record.truth is Truth.UNKNOWN
        else record
        for record in records
    ]


def observations(records: Iterable[Record]) -> list[Observation]:
    """What the estimators count."""
    return [
        Observation(problem=record.problem, answer=record.answer, truth=record.truth)
        for record in records
        if record.answer is not None
    ]


def _read(path: Path) -> list[Record]:
    records: list[Record] = []
    seen: dict[tuple[str, str], int] = {}
    for number, value in objects(path):
        record = _record(value, number, path)
        if record.candidate:
            before = seen.setdefault(record.key, number)
            if before != number:
                raise UnusableRecords(
                    f"{_at(path, number)} is about candidate {_short(record.candidate)} of problem "
                    f"{_short(record.problem)}, and so is line {before}. Counted twice, an "
                    "interval would be too narrow: leave one of them out."
                )
        records.append(record)
    if not records:
        raise UnusableRecords(f"{path} has no lines. Give it what `verifier batch` wrote.")
    return records


def objects(path: Path) -> Iterator[tuple[int, Any]]:
    """The lines of a file of JSON, with their numbers; blank ones are passed over.

    Raises:
        UnusableRecords: It can't be read, or a line is no JSON.
    """
    try:
        with path.open("rb") as file:
            for number, (text, whole) in enumerate(_lines(file), start=1):
                if text.strip():
                    yield number, _parsed(text, number, path, whole=whole)
    except OSError as error:
        raise UnusableRecords(f"{path} can't be read: {error.strerror}.") from error


def _lines(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Each line, and whether it has its end."""
    while text := file.readline(MAXIMUM_LINE_BYTES):
        yield text, text.endswith(b"\n")


def _parsed(text: bytes, number: int, path: Path, *, whole: bool) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if not whole:
            raise UnusableRecords(
                f"{_at(path, number)} is cut off: the run that wrote it did not end, or the file "
                "was not copied whole. Run the same `verifier batch` again; it goes on from there."
            ) from None
        raise UnusableRecords(f"{_at(path, number)} is no JSON.") from None


def _record(value: Any, number: int, path: Path) -> Record:
    where = _at(path, number)
    if not isinstance(value, dict) or not _TOLD & value.keys():
        raise UnusableRecords(_not_a_line(path, number))
    problem, candidate = (value.get(name, "") for name in ("problemId", "candidateId"))
    if not isinstance(problem, str) or not isinstance(candidate, str):
        raise UnusableRecords(_not_a_line(path, number))
    if not problem:
        raise UnusableRecords(
            f"{where} has no problemId. Samples of one problem resemble each other, and intervals "
            "need to know which belong together: give every problem an id in the specs."
        )
    truth = value.get("truth", "unknown")
    if not isinstance(truth, str) or truth not in _TRUTHS:
        raise UnusableRecords(f'{where}: truth is none of "right", "wrong" and "unknown".')
    record = Record(
        problem=problem,
        candidate=candidate,
        line=number,
        answer=None,
        truth=_TRUTHS[truth],
        asked="truth" in value,
    )
    if "verdict" in value:
        return _judged(record, value["verdict"], path)
    if "judgement" in value or "sample" in value:
        return replace(record, answer=_campaigns_answer(value.get("judgement")))
    return replace(record, answer=Answer.INCONCLUSIVE) if "error" in value else record


def _campaigns_answer(judgement: Any) -> Answer:
    outcome = judgement.get("outcome") if isinstance(judgement, dict) else None
    return Answer.REJECTED if outcome in ("NO_CANDIDATE", "UNUSABLE") else Answer.INCONCLUSIVE


def _judged(record: Record, verdict: Any, path: Path) -> Record:
    outcome = verdict.get("outcome") if isinstance(verdict, dict) else None
    if not isinstance(outcome, str) or outcome not in _ANSWERS:
        raise UnusableRecords(_not_a_line(path, record.line))
    provenance = verdict.get("provenance")
    origin = provenance if isinstance(provenance, dict) else {}
    return replace(
        record,
        answer=_ANSWERS[outcome],
        criterion=next((kind for key, kind in _CRITERIA.items() if key in verdict), ""),
        environment=str(origin.get("environment", "")),
        digest=str(origin.get("verificationDigest", "")),
        cases=_cases(verdict.get("python")),
        case_count=_case_count(verdict.get("python")),
    )


def _cases(evidence: Any) -> dict[str, bool]:
    cases = evidence.get("cases") if isinstance(evidence, dict) else None
    return {
        str(case.get("name", "")): case["outcome"] == "OUTCOME_ACCEPTED"
        for case in (cases if isinstance(cases, list) else ())
        if isinstance(case, dict)
        and case.get("outcome") in ("OUTCOME_ACCEPTED", "OUTCOME_REJECTED")
    }


def _case_count(evidence: Any) -> int:
    count = evidence.get("totalCount", 0) if isinstance(evidence, dict) else 0
    return count if isinstance(count, int) else 0


def _not_a_line(path: Path, number: int) -> str:
    return (
        f"{_at(path, number)} is no line that `verifier batch` writes: it needs problemId, "
        "candidateId and verdict, error or truth."
    )


def _at(path: Path, line: int) -> str:
    return f"{path}, line {line},"


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")
