"""Many samples of one problem, one verdict.

A *vote* is what the service says of one sample: how its premises stand to its goal, or UNKNOWN for
a sample that could not be read or decided. `majority` is the rule of LINC (T. Olausson et al.,
EMNLP 2023): votes that settle nothing don't count, and of answers with equally many votes the one
that was given first wins. `Calibration` weighs votes by how often each kind of vote came with each
right answer on problems whose answers are known: an INDEPENDENT is often the verdict of a broken
formalisation, and then counts for less.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

from verifier_service.model.verdict import Entailment

__all__ = ["ANSWERS", "Calibration", "is_majority_settled", "majority", "vote", "votes_needed"]

ANSWERS = (Entailment.ENTAILED, Entailment.CONTRADICTED, Entailment.INDEPENDENT)
"""What the right answer to a problem can be."""


_TELLING = {"answer-found", "answer-as-expected", "other-answer", "inconsistent-premises"}
"""Reasons of verdicts whose answer is the sample's own."""


def vote(reason: str, entailment: Entailment) -> Entailment | None:
    """What a verdict on one sample votes for.

    Args:
        reason: Of the verdict. The answer of a sample that is suspected of bringing it along, or
            about which engines disagree, votes for nothing: UNKNOWN.
        entailment: Of its evidence.

    Returns:
        None where the service could not judge, through no fault of the sample's.
    """
    if reason == "overloaded":
        return None
    return entailment if reason in _TELLING else Entailment.UNKNOWN


def majority(votes: Iterable[Entailment]) -> Entailment | None:
    """The answer with the most votes, and of several the earliest; None where nothing is voted."""
    counts = Counter(vote for vote in votes if vote in ANSWERS)
    return counts.most_common(1)[0][0] if counts else None


def is_majority_settled(votes: Sequence[Entailment], remaining: int) -> bool:
    """Whether no further votes, as many as remain, can change the majority."""
    leader = majority(votes)
    if leader is None:
        return remaining == 0
    counts = Counter(votes)
    first = {answer: _first(votes, answer) for answer in ANSWERS}
    return all(
        counts[leader] > counts[rival] + remaining
        or (counts[leader] == counts[rival] + remaining and first[leader] < first[rival])
        for rival in ANSWERS
        if rival is not leader
    )


def votes_needed(
    votes: Sequence[Entailment],
    is_settled: Callable[[Sequence[Entailment], int], bool] = is_majority_settled,
) -> int:
    """How many of the votes, in order, had to be known before the rest could change nothing.

    Args:
        votes: All of them.
        is_settled: Told some votes and how many remain; what is settled stays so.
    """
    count = len(votes)
    return bisect_left(range(count), True, key=lambda n: is_settled(votes[:n], count - n))


def _first(votes: Sequence[Entailment], answer: Entailment) -> int:
    return votes.index(answer) if answer in votes else len(votes)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How likely each kind of vote is under each right answer.

    Votes count as independent of each other given the right answer (naive Bayes).

    Attributes:
        counts: For each right answer, how often each kind of vote came with it.
        prior: For each right answer, how many problems had it.
        smoothing: Votes of each kind that are added to each row, so that none is impossible.
    """

    counts: Mapping[Entailment, Mapping[Entailment, int]]
    prior: Mapping[Entailment, int]
    smoothing: float = 1.0

    @classmethod
    def fitted(
        cls, problems: Iterable[tuple[Entailment, Sequence[Entailment]]], smoothing: float = 1.0
    ) -> Calibration:
        """Counts the votes on problems whose right answer is known.

        Args:
            problems: Each with its right answer, which is one of `ANSWERS`, and its votes.
            smoothing: Votes of each kind to add to each row; more than 0.
        """
        counts: dict[Entailment, Counter[Entailment]] = {answer: Counter() for answer in ANSWERS}
        prior = Counter(ANSWERS)
        for answer, votes in problems:
            counts[answer].update(votes)
            prior[answer] += 1
        return cls(counts, prior, smoothing)

    def posterior(self, votes: Iterable[Entailment]) -> dict[Entailment, float]:
        """The probability of each right answer, given the votes; they add up to 1."""
        scores = self._scores(votes)
        highest = max(scores.values())
        weights = {answer: exp(score - highest) for answer, score in scores.items()}
        total = sum(weights.values())
        return {answer: weight / total for answer, weight in weights.items()}

    def verdict(self, votes: Iterable[Entailment]) -> Entailment:
        """The likeliest right answer; one minus its probability says how often that is wrong."""
        scores = self._scores(votes)
        return max(ANSWERS, key=lambda answer: scores[answer])

    def is_settled(self, votes: Sequence[Entailment], remaining: int) -> bool:
        """Whether no further votes, as many as remain, can change the verdict."""
        scores = self._scores(votes)
        leader = self.verdict(votes)
        return all(
            scores[leader] - scores[rival] > remaining * self._largest_gain(leader, rival)
            for rival in ANSWERS
            if rival is not leader
        )

    def _largest_gain(self, leader: Entailment, rival: Entailment) -> float:
        """What one vote can add to a rival's score beyond what it adds to the leader's."""
        return max(self._weight(rival, vote) - self._weight(leader, vote) for vote in Entailment)

    def _scores(self, votes: Iterable[Entailment]) -> dict[Entailment, float]:
        counted = Counter(votes)
        return {
            answer: log(self.prior[answer])
            + sum(times * self._weight(answer, vote) for vote, times in counted.items())
            for answer in ANSWERS
        }

    def _weight(self, answer: Entailment, vote: Entailment) -> float:
        """The logarithm of the probability of a vote under a right answer."""
        row = self.counts[answer]
        total = sum(row.values()) + self.smoothing * len(Entailment)
        return log((row.get(vote, 0) + self.smoothing) / total)
