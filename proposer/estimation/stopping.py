"""When to stop, and what to do next: sample, repair, audit or stop.

Prices and values are in units of one right answer. A false positive that is returned costs
`Prices.false_positive`; returning nothing is worth 0.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from scipy import special

from proposer.estimation.definitions import Prices

__all__ = [
    "Action",
    "Belief",
    "Certificate",
    "Progress",
    "Recommendation",
    "majority_certificate",
    "most_samples",
    "recommend",
    "worth_of_acceptance",
]

Answer = TypeVar("Answer", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Generic[Answer]):
    """Whether the leading answer of a vote is what most samples would say.

    Attributes:
        leader: The answer with the most votes.
        votes: Its votes.
        runner_up: The votes of the next.
        e_value: Evidence that the leader leads; if it doesn't, 1/α is reached at any time with
            probability at most α.
        certified: Whether the evidence suffices for the level that was asked for.
    """

    leader: Answer
    votes: int
    runner_up: int
    e_value: float
    certified: bool


def majority_certificate(answers: Sequence[Answer], level: float = 0.95) -> Certificate[Answer]:
    """A vote that may be counted after every sample, and stopped as soon as it is certified.

    For leader a and any b, votes for one of them are coin tosses; if b is as likely as a, then
    ∫ over p from 1/2 to 1 of (2p)^s·(2 − 2p)^f, times 2, is a supermartingale in s = votes of a
    after its first and f = votes of b. The leader isn't known beforehand: the j-th answer to
    appear is given the share 1/(j(j + 1)) of the error, which adds up to 1. After Cordero-Encinar
    and Duncan, "Certified Self-Consistency" (2025), §3 (martingale majority certificate).

    It certifies what the model would say most often, which may be wrong.

    Args:
        answers: In the order in which they came, at least one; samples independent.
        level: Probability that no wrong leader is ever certified.

    Raises:
        ValueError: There is no answer, or the level is not between 0 and 1.
    """
    if not answers or not 0 < level < 1:
        raise ValueError("A vote needs an answer, and a level between 0 and 1, such as 0.95.")
    (leader, most), *others = Counter(answers).most_common(2)
    runner_up = others[0][1] if others else 0
    place = 1 + list(dict.fromkeys(answers)).index(leader)
    evidence = math.exp(min(_log_evidence(most - 1, runner_up), 700.0)) / (place * (place + 1))
    return Certificate(
        leader=leader,
        votes=most,
        runner_up=runner_up,
        e_value=evidence,
        certified=evidence >= 1 / (1 - level),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is believed of a rate: Beta(hits, misses), as if that much had been seen.

    `BetaBinomial.strengths()` gives that of a problem drawn from those already seen.

    Raises:
        ValueError: One of them is not above 0.
    """

    hits: float
    misses: float

    def __post_init__(self) -> None:
        if not (self.hits > 0 and self.misses > 0):
            raise ValueError(f"Beta({self.hits}, {self.misses}) is no belief; both are above 0.")

    @property
    def mean(self) -> float:
        """The expected rate."""
        return self.hits / (self.hits + self.misses)

    def after(self, hits: float, misses: float) -> Belief:
        """The belief after seeing more."""
        return Belief(hits=self.hits + hits, misses=self.misses + misses)


class Action(enum.StrEnum):
    """What a campaign can do next for a problem."""

    SAMPLE = "sample"
    REPAIR = "repair"
    AUDIT = "audit"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One problem as it stands. Inconclusive verdicts count as nothing: no news.

    Attributes:
        rejected: Fresh samples that the verifier rejected.
        unrepaired: Rejected ones among them that no repair was tried of.
        failed_repairs: Repairs that the verifier rejected.
        accepted: Whether an accepted candidate, not audited, is in hand.
        found_wrong: Acceptances of this problem that an audit found wrong.
        found_right: Whether an audit found one right.
    """

    rejected: int = 0
    unrepaired: int = 0
    failed_repairs: int = 0
    accepted: bool = False
    found_wrong: int = 0
    found_right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Beliefs:
    """What is believed of a problem before anything was tried on it.

    Attributes:
        sampled: The rate at which fresh samples are accepted.
        repaired: The rate at which repairs are accepted.
        wrong: The rate at which acceptances are wrong, from a calibration.
    """

    sampled: Belief
    repaired: Belief
    wrong: Belief


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to do next, and why.

    Attributes:
        action: What to do. STOP means to return what is in hand if `returns`, else nothing.
        returns: Whether a candidate is in hand that is worth returning.
        reason: One sentence.
        gains: What each possible action is expected to bring beyond stopping now.
        wrong: Chance that the candidate in hand, or the next to be accepted, is wrong.
    """

    action: Action
    returns: bool
    reason: str
    wrong: float
    gains: Mapping[Action, float] = field(default_factory=dict)


def worth_of_acceptance(wrong: float, prices: Prices) -> float:
    """What an acceptance is worth that is wrong with probability `wrong`.

    The best of returning it unaudited, 1 − f − C·f; of auditing it and returning it if right,
    1 − f − audit; and of returning nothing.
    """
    return max(0.0, 1 - wrong - prices.false_positive * wrong, 1 - wrong - prices.audit)


def most_samples(sampled: Belief, wrong: Belief, prices: Prices) -> int | None:
    """How many samples of a problem to draw at most, if none is accepted; None without limit.

    The next sample is worth drawing while P(accepted) · worth > price. With every rejection the
    belief in P(accepted) sinks, so what isn't worth it now never will be, and looking one step
    ahead is optimal (the monotone case of Chow, Robbins and Siegmund, "Great Expectations: The
    Theory of Optimal Stopping" (1971), ch. 3). With Beta(a, b): a/(a + b + j) · worth > price.
    """
    worth = worth_of_acceptance(wrong.mean, prices)
    if worth == 0 or sampled.mean * worth <= prices.sample:
        return 0
    if prices.sample == 0:
        return None
    limit = sampled.hits * worth / prices.sample - sampled.hits - sampled.misses
    return math.ceil(limit - 1e-9)


def recommend(progress: Progress, beliefs: Beliefs, prices: Prices) -> Recommendation:
    """What to do next for one problem: whatever gains most, or nothing if nothing gains.

    Gains are one step ahead. With nothing in hand, sampling gains P(accepted)·worth − price,
    repairing likewise. With an acceptance in hand, only an audit gains: right, it is worth 1;
    wrong, one goes on as with nothing in hand.
    """
    wrong = beliefs.wrong.after(progress.found_wrong, 0).mean
    if progress.found_right:
        return Recommendation(
            action=Action.STOP, returns=True, wrong=0.0, reason="An audit found it right."
        )
    if progress.accepted:
        return _in_hand(wrong, progress, beliefs, prices)
    worth = worth_of_acceptance(wrong, prices)
    gains = _tries(progress, beliefs, prices, worth)
    best = max(gains, key=lambda action: gains[action])
    if gains[best] <= 0:
        reason = (
            f"No try is worth its price: a sample would be accepted with probability "
            f"{_accepted(progress, beliefs):.3f}, and an acceptance is worth {worth:.3f}."
        )
        return Recommendation(
            action=Action.STOP, returns=False, wrong=wrong, reason=reason, gains=gains
        )
    reason = f"A {best} is expected to gain {gains[best]:.3f}."
    return Recommendation(action=best, returns=False, wrong=wrong, reason=reason, gains=gains)


def _in_hand(wrong: float, progress: Progress, beliefs: Beliefs, prices: Prices) -> Recommendation:
    """Audit the acceptance, or end with it as it is."""
    plain = 1 - wrong - prices.false_positive * wrong
    later = worth_of_acceptance(beliefs.wrong.after(progress.found_wrong + 1, 0).mean, prices)
    tries = _tries(progress, beliefs, prices, later)
    audited = 1 - wrong + wrong * max(0.0, *tries.values()) - prices.audit
    gain = audited - max(0.0, plain)
    odds = f"It is wrong with probability {wrong:.3f}"
    verdict = "it is worth returning" if plain > 0 else "it is better not returned"
    if gain > 0:
        action, reason = Action.AUDIT, f"{odds}; an audit is expected to gain {gain:.3f}."
    else:
        action, reason = (
            Action.STOP,
            f"{odds}; {verdict}, and an audit would cost more than it saves.",
        )
    return Recommendation(
        action=action,
        returns=plain > 0,
        wrong=wrong,
        reason=reason,
        gains={Action.AUDIT: gain},
    )


def _tries(
    progress: Progress, beliefs: Beliefs, prices: Prices, worth: float
) -> dict[Action, float]:
    """Gains of those tries that are possible."""
    gains = {Action.SAMPLE: _accepted(progress, beliefs) * worth - prices.sample}
    if progress.unrepaired:
        repaired = beliefs.repaired.after(0, progress.failed_repairs).mean
        gains[Action.REPAIR] = repaired * worth - prices.repair
    return gains


def _accepted(progress: Progress, beliefs: Beliefs) -> float:
    """Chance that a fresh sample is accepted."""
    accepted = progress.found_wrong + progress.accepted
    return beliefs.sampled.after(accepted, progress.rejected).mean


def _log_evidence(leader: int, other: int) -> float:
    """Log of 2 ∫ from 1/2 to 1 of (2p)^leader · (2 − 2p)^other dp."""
    tail = special.betaincc(leader + 1, other + 1, 0.5)
    if tail == 0:
        return -math.inf
    whole = special.betaln(leader + 1, other + 1)
    return float((leader + other + 1) * np.log(2) + whole + np.log(tail))
