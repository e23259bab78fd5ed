"""From verdicts to decisions: what to do next for each problem, and which candidate to return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from proposer.estimation.counts import Answer, Counts, NotEstimable, Truth
from proposer.estimation.definitions import Prices
from proposer.estimation.hierarchy import BetaBinomial
from proposer.estimation.records import Record, UnusableRecords, observations
from proposer.estimation.selection import Passed
from proposer.estimation.stopping import Belief, Beliefs, Progress, Recommendation, recommend

__all__ = ["Matrix", "Overlap", "matrices", "next_steps", "overlap"]


def next_steps(
    records: Sequence[Record], prices: Prices, repairs: Sequence[Record] = ()
) -> dict[str, Recommendation]:
    """What to do next for each problem.

    What is believed of a problem beforehand is what all problems have in common (empirical Bayes).

    Args:
        records: Verdicts on fresh samples, with truth where it is known.
        prices: Of what can be done, and of a false positive.
        repairs: Verdicts on repaired candidates; without any, repairs are not considered.

    Raises:
        NotEstimable: The truth of no acceptance is known.
    """
    counts = Counts.of(observations([*records, *repairs]))
    beliefs = Beliefs(
        sampled=_belief(Counts.of(observations(records))),
        repaired=_belief(Counts.of(observations(repairs))) if repairs else Belief(hits=1, misses=1),
        wrong=_wrong(counts),
    )
    by_problem: dict[str, list[Record]] = {}
    for record in records:
        by_problem.setdefault(record.problem, []).append(record)
    repaired: dict[str, list[Record]] = {}
    for record in repairs:
        repaired.setdefault(record.problem, []).append(record)
    return {
        problem: recommend(_progress(found, repaired.get(problem, []), repairs), beliefs, prices)
        for problem, found in by_problem.items()
    }


def _belief(counts: Counts) -> Belief:
    ones, zeros = BetaBinomial.fit(
        counts.accepted.astype(np.float64), counts.decided.astype(np.float64)
    ).strengths()
    return Belief(hits=ones, misses=zeros)


def _wrong(counts: Counts) -> Belief:
    wrong = counts.false_positives.astype(np.float64)
    known = wrong + counts.true_positives
    if not known.any():
        raise NotEstimable(
            "The truth of no acceptance is known, and what to do next depends on how often they "
            "are wrong. Have a stronger verifier judge some, and give its verdicts as --truth."
        )
    ones, zeros = BetaBinomial.fit(wrong, known).strengths()
    return Belief(hits=ones, misses=zeros)


def _progress(
    found: Sequence[Record], repaired: Sequence[Record], repairs: Sequence[Record]
) -> Progress:
    rejected = sum(one.answer is Answer.REJECTED for one in found)
    accepted = [one for one in (*found, *repaired) if one.answer is Answer.ACCEPTED]
    return Progress(
        rejected=rejected,
        unrepaired=max(0, rejected - len(repaired)) if repairs else 0,
        failed_repairs=sum(one.answer is Answer.REJECTED for one in repaired),
        accepted=any(one.truth is Truth.UNKNOWN for one in accepted),
        found_wrong=sum(one.truth is Truth.WRONG for one in accepted),
        found_right=any(one.truth is Truth.RIGHT for one in accepted),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Matrix:
    """The candidates of one problem, and which test cases each passed.

    Attributes:
        candidates: S records, those that could not be judged left out.
        tests: T names of cases.
        passed: Shape (S, T).
    """

    candidates: tuple[Record, ...]
    tests: tuple[str, ...]
    passed: Passed


def matrices(records: Iterable[Record]) -> dict[str, Matrix]:
    """The matrix of solutions and tests of each problem.

    A candidate that was rejected before any case ran, since it does not load, passes none.

    Raises:
        UnusableRecords: A verdict does not show all cases, so that nobody knows which it passes.
    """
    by_problem: dict[str, list[Record]] = {}
    for record in records:
        if record.answer in (Answer.ACCEPTED, Answer.REJECTED):
            by_problem.setdefault(record.problem, []).append(record)
    return {problem: _matrix(found) for problem, found in by_problem.items()}


def _matrix(found: Sequence[Record]) -> Matrix:
    tests = tuple(dict.fromkeys(name for record in found for name in record.cases))
    if not tests:
        raise UnusableRecords(
            f"Line {found[0].line}: no verdict on the problem {found[0].problem[:80]!r} shows a "
            "test case, and a selection goes by which cases each candidate passes."
        )
    for record in found:
        shown = len(record.cases)
        if shown and shown < max(len(tests), record.case_count):
            raise UnusableRecords(
                f"Line {record.line} shows {shown} of {max(len(tests), record.case_count)} cases. "
                "Judge with keepGoing, and with at most 100 cases a problem, so that every "
                "verdict has them all."
            )
    passed = np.array([[record.cases.get(name, False) for name in tests] for record in found])
    return Matrix(candidates=tuple(found), tests=tests, passed=passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How many candidates two suites rejected: both, one of them alone, neither."""

    both: int = 0
    first: int = 0
    second: int = 0
    neither: int = 0


def overlap(first: Iterable[Record], second: Mapping[tuple[str, str], Record]) -> Overlap:
    """What two suites rejected of the same candidates, where both could tell.

    Args:
        first: Verdicts by the one.
        second: Verdicts by the other, by problem and candidate.
    """
    counted = Counter(
        (record.answer, other.answer)
        for record in first
        if (other := second.get(record.key)) is not None
    )
    return Overlap(
        both=counted[Answer.REJECTED, Answer.REJECTED],
        first=counted[Answer.REJECTED, Answer.ACCEPTED],
        second=counted[Answer.ACCEPTED, Answer.REJECTED],
        neither=counted[Answer.ACCEPTED, Answer.ACCEPTED],
    )
