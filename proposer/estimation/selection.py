"""Which of many candidates to return when no verifier can be trusted.

Of solutions tried on tests, some solutions and some tests are wrong, and nobody knows which. Each
rule here takes the matrix of what passed and ranks groups of solutions. Votes take plain answers.

Sources: [CodeT] Chen et al., "CodeT: Code Generation with Generated Tests" (2022); [B4] Chen et
al., "B4: Towards Optimal Assessment of Plausible Code Solutions with Plausible Tests" (2024);
[BoM] Di et al., "Best-of-Majority: Minimax-Optimal Strategy for Pass@k Inference Scaling" (2025).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "B4Prior",
    "Group",
    "Passed",
    "b4",
    "best_of_majority",
    "codet",
    "largest_group",
    "most_passed",
    "votes",
]

Passed: TypeAlias = npt.NDArray[np.bool_]
"""Shape (solutions, tests): whether the solution passed the test."""

Answer = TypeVar("Answer", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Solutions that pass the same tests, and what a rule thinks of them.

    Attributes:
        members: Their indices, ascending.
        tests: How many tests they pass.
        score: The higher, the better; comparable within one ranking only.
    """

    members: tuple[int, ...]
    tests: int
    score: float


def largest_group(passed: Passed) -> tuple[Group, ...]:
    """Majority: the more solutions behave alike, the better.

    MBR-Exec: Shi et al., "Natural Language to Code Translation with Execution" (2022), §3.

    Raises:
        ValueError: There is no solution or no test.
    """
    return _ranked(passed, lambda members, _: float(members.sum()))


def most_passed(passed: Passed) -> tuple[Group, ...]:
    """The more tests are passed, the better.

    Raises:
        ValueError: There is no solution or no test.
    """
    return _ranked(passed, lambda _, tests: float(tests.sum()))


def codet(passed: Passed) -> tuple[Group, ...]:
    """|solutions in the group| · |tests that they pass| ([CodeT] §3.2, eq. 1).

    Raises:
        ValueError: There is no solution or no test.
    """
    return _ranked(passed, lambda members, tests: float(members.sum() * tests.sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class B4Prior:
    """What is believed before any test is run; each rate has a beta prior.

    The defaults do well both where B4's model holds and on what models wrote. Its authors take 10
    and 10 for the one, 1e3 and 1e4 to 1e6 for the other.

    Attributes:
        correct: First parameter of Beta(·, 1) for the share of right solutions, and of right
            tests: large where both are usually right.
        strict: Second parameter of Beta(1, ·) for how often a wrong test passes a wrong solution:
            large where that hardly happens.
    """

    correct: float = 10.0
    strict: float = 1e3


def b4(passed: Passed, prior: B4Prior | None = None) -> tuple[Group, ...]:
    """Log posterior that just these solutions and the tests they pass are right ([B4] eq. 5-8).

    Log of four integrals over rates with beta priors: of right solutions, of right tests, of
    wrong solutions that pass a right test, and of wrong solutions that pass a wrong test. Right
    solutions pass every right test and fail every wrong one.

    Raises:
        ValueError: There is no solution or no test.
    """
    beliefs = prior or B4Prior()

    def score(members: Passed, tests: Passed) -> float:
        others = passed[~members]
        return float(
            _evidence(members, beliefs.correct, 1)
            + _evidence(tests, beliefs.correct, 1)
            + _evidence(others[:, tests], 1, 1)
            + _evidence(others[:, ~tests], 1, beliefs.strict)
        )

    return _ranked(passed, score)


def votes(
    answers: Sequence[Answer], weights: Iterable[float] | None = None
) -> list[tuple[Answer, float]]:
    """Answers with their share of the votes, most first; equal ones in order of appearance.

    Majority vote without weights; with them, each vote counts for its weight (0 or more).

    Raises:
        ValueError: There is no answer, a weight is negative, or all are 0.
    """
    counted: Counter[Answer] = Counter()
    for answer, weight in zip(
        answers, [1.0] * len(answers) if weights is None else weights, strict=True
    ):
        if not weight >= 0:
            raise ValueError(f"The weight of a vote is {weight}; give a number from 0 up.")
        counted[answer] += weight  # type: ignore[assignment]  # Counter adds any numbers
    total = sum(counted.values())
    if not total > 0:
        raise ValueError("There is no vote to count.")
    return [(answer, weight / total) for answer, weight in counted.most_common()]


def best_of_majority(
    answers: Sequence[Answer], rewards: Sequence[float], *, share: float, count: int = 1
) -> list[Answer]:
    """The `count` answers of highest reward among those that are frequent ([BoM] Algorithm 1).

    Args:
        answers: One of each sample.
        rewards: One of each sample, by a verifier or a model; an answer has the mean of its own.
        share: The least share of samples that an answer needs, between 0 and 1. Rare answers are
            where rewards err most.
        count: How many answers may be returned, best first; fewer if fewer are frequent.

    Raises:
        ValueError: There is no answer, or not as many rewards.
    """
    summed: Counter[Answer] = Counter()
    for answer, reward in zip(answers, rewards, strict=True):
        summed[answer] += reward  # type: ignore[assignment]  # Counter adds any numbers
    frequent = [answer for answer, part in votes(answers) if part >= share]
    times = Counter(answers)
    return sorted(frequent, key=lambda answer: -summed[answer] / times[answer])[:count]


def _ranked(passed: Passed, score: Callable[[Passed, Passed], float]) -> tuple[Group, ...]:
    """Groups of solutions that pass the same tests, best first.

    Equal scores: more tests passed, then more members, then the first member.
    """
    if passed.ndim != 2 or 0 in passed.shape:
        raise ValueError(
            f"The matrix of what passed has the shape {passed.shape}; give one row "
            "for each solution and one column for each test."
        )
    layouts, places = np.unique(passed, axis=0, return_inverse=True)
    groups = []
    for index, tests in enumerate(layouts):
        members = places.ravel() == index
        groups.append(
            Group(
                members=tuple(int(i) for i in np.flatnonzero(members)),
                tests=int(tests.sum()),
                score=score(members, tests),
            )
        )
    return tuple(sorted(groups, key=_place))


def _place(group: Group) -> tuple[float, int, int, tuple[int, ...]]:
    return -group.score, -group.tests, -len(group.members), group.members


def _evidence(outcomes: Passed, ones: float, zeros: float) -> float:
    """Log ∫ p^(ones − 1 + hits)·(1 − p)^(zeros − 1 + misses) dp."""
    hits = int(outcomes.sum())
    return float(special.betaln(ones + hits, zeros + outcomes.size - hits))
