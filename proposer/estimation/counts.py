"""What the estimators count: verdicts by truth, problem by problem."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Answer", "Counts", "Floats", "Integers", "NotEstimable", "Observation", "Truth"]

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]


class NotEstimable(ValueError):
    """The data can't answer the question; the message says what is missing."""


class Answer(enum.IntEnum):
    """What the verifier said of a sample."""

    ACCEPTED = 0
    REJECTED = 1
    INCONCLUSIVE = 2


class Truth(enum.IntEnum):
    """What a stronger verifier said of it; UNKNOWN where none was asked, or none could tell."""

    RIGHT = 0
    WRONG = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One sample of one problem."""

    problem: str
    answer: Answer
    truth: Truth = Truth.UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How many samples of each problem got which answer, by their truth.

    Problems are the clusters of every interval: samples of one problem are not independent, and
    problems are taken as drawn independently from those one wants to speak about.

    Attributes:
        problems: Names, all different; P of them.
        cells: Shape (P, 3, 3), samples by `Answer` and `Truth`.

    Raises:
        ValueError: The shapes differ, a count is negative, or a problem is named twice.
    """

    problems: tuple[str, ...]
    cells: Integers

    def __post_init__(self) -> None:
        wanted = (len(self.problems), len(Answer), len(Truth))
        if self.cells.shape != wanted:
            raise ValueError(f"Counts have the shape {self.cells.shape}, not {wanted}.")
        if len(set(self.problems)) != len(self.problems):
            raise ValueError("A problem is named twice; add its counts up first.")
        if (self.cells < 0).any():
            raise ValueError("A count is negative.")

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> Counts:
        """Counts of single samples; problems in the order in which they first appear."""
        rows: dict[str, Integers] = {}
        for seen in observations:
            row = rows.setdefault(seen.problem, np.zeros((len(Answer), len(Truth)), np.int64))
            row[seen.answer, seen.truth] += 1
        cells = np.array([*rows.values()], np.int64).reshape(-1, len(Answer), len(Truth))
        return cls(tuple(rows), cells)

    def of_kind(self, answer: Answer, truth: Truth) -> Integers:
        """Shape (P,): samples with this answer and this truth."""
        found: Integers = self.cells[:, answer, truth]
        return found

    @property
    def accepted(self) -> Integers:
        """Shape (P,): samples that the verifier accepted, of whatever truth."""
        found: Integers = self.cells[:, Answer.ACCEPTED].sum(axis=1)
        return found

    @property
    def decided(self) -> Integers:
        """Shape (P,): samples that the verifier accepted or rejected."""
        found: Integers = self.accepted + self.cells[:, Answer.REJECTED].sum(axis=1)
        return found

    @property
    def right(self) -> Integers:
        """Shape (P,): samples known to be right."""
        found: Integers = self.cells[:, :, Truth.RIGHT].sum(axis=1)
        return found

    @property
    def wrong(self) -> Integers:
        """Shape (P,): samples known to be wrong."""
        found: Integers = self.cells[:, :, Truth.WRONG].sum(axis=1)
        return found

    @property
    def false_positives(self) -> Integers:
        """Shape (P,): samples accepted and known to be wrong."""
        return self.of_kind(Answer.ACCEPTED, Truth.WRONG)

    @property
    def true_positives(self) -> Integers:
        """Shape (P,): samples accepted and known to be right."""
        return self.of_kind(Answer.ACCEPTED, Truth.RIGHT)

    @property
    def unknown(self) -> int:
        """Samples that were inconclusive, or whose truth nobody knows."""
        known = self.cells[:, : Answer.INCONCLUSIVE, : Truth.UNKNOWN].sum()
        return int(self.cells.sum() - known)

    def completions(self) -> Iterator[Counts]:
        """Every table in which what is missing went all one way, group by group.

        A group is what shares an answer and a truth, one of them missing. A quantity that is a
        ratio of sums over samples is smallest and largest, over all ways to fill in what is
        missing, at one of these (a ratio of linear functions is extreme at a vertex).
        """
        answers = (Answer.ACCEPTED, Answer.REJECTED)
        truths = (Truth.RIGHT, Truth.WRONG)
        groups = [
            (answer, truth)
            for answer, truth in itertools.product(Answer, Truth)
            if answer is Answer.INCONCLUSIVE or truth is Truth.UNKNOWN
            if self.cells[:, answer, truth].any()
        ]
        ways = [
            [
                (to_answer, to_truth)
                for to_answer in (answers if answer is Answer.INCONCLUSIVE else (answer,))
                for to_truth in (truths if truth is Truth.UNKNOWN else (truth,))
            ]
            for answer, truth in groups
        ]
        for way in itertools.product(*ways):
            cells = self.cells.copy()
            for old, new in zip(groups, way, strict=True):
                cells[:, new[0], new[1]] += self.cells[:, old[0], old[1]]
                cells[:, old[0], old[1]] = 0
            yield Counts(self.problems, cells)
