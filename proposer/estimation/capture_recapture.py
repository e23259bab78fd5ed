"""How many candidates are wrong, from what two independent test suites catch.

Each suite catches some of the wrong candidates; how many both catch tells how many both miss. That
holds if a wrong candidate that escapes one suite is as likely to be caught by the other as any.
Bugs that are hard to see are hard for both, so it usually fails in one direction: the estimate is
then too low. `independence` looks; read the estimate as a lower bound unless it finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from proposer.estimation.counts import Floats, Integers, NotEstimable
from proposer.estimation.intervals import Interval

__all__ = ["Captures", "Dependence", "chapman", "independence"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Captures:
    """Candidates that the suites caught, by problem; all of shape (P,).

    Attributes:
        both: Caught by both.
        first: Caught by the first alone.
        second: Caught by the second alone.

    Raises:
        ValueError: The shapes differ, or a count is negative.
    """

    both: Integers
    first: Integers
    second: Integers

    def __post_init__(self) -> None:
        counts = (self.both, self.first, self.second)
        if len({count.shape for count in counts}) != 1 or self.both.ndim != 1:
            raise ValueError("Captures need three counts for each problem.")
        if any((count < 0).any() for count in counts):
            raise ValueError("A count of captures is negative.")


def chapman(captures: Captures, level: float = 0.95) -> Interval:
    """The number of wrong candidates, caught or not, if the suites are independent.

    (n₁ + 1)(n₂ + 1)/(m + 1) − 1 with n₁ and n₂ caught by each and m by both: Chapman (1951), as
    in Seber, "The Estimation of Animal Abundance" (2nd ed., 1982), §3.1.4. The interval is the
    delete-one-problem jackknife on the log of those that both miss, never below those seen.

    Raises:
        NotEstimable: Fewer than two problems have captures.
    """
    seen = captures.both + captures.first + captures.second
    some = seen > 0
    if some.sum() < 2:
        raise NotEstimable(
            "Capture-recapture needs caught candidates of at least two problems; "
            f"{int(some.sum())} has some."
        )
    both, first, second = (
        part[some].astype(np.float64) for part in (captures.both, captures.first, captures.second)
    )
    count, caught = len(both), float(seen.sum())
    missed = _missed(both.sum(), first.sum(), second.sum())
    without = np.log1p(_missed(both.sum() - both, first.sum() - first, second.sum() - second))
    spread = float(np.sqrt((count - 1) * without.var()))
    margin = spread * float(stats.t.ppf((1 + level) / 2, count - 1))
    centre = float(np.log1p(missed))
    return Interval(
        estimate=caught + float(missed),
        lower=caught + max(0.0, float(np.expm1(centre - margin))),
        upper=caught + float(np.expm1(centre + margin)),
        level=level,
        method="chapman, jackknife",
        observations=int(caught),
        clusters=count,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """How two suites go together among candidates known to be wrong.

    Attributes:
        odds_ratio: Above 1, what escapes one suite tends to escape the other, and `chapman` is
            too low; below 1, too high.
        p_value: Of no dependence, by Fisher's exact test.
    """

    odds_ratio: float
    p_value: float

    @property
    def reading(self) -> str:
        """What it means for the estimate."""
        if self.p_value >= 0.05:
            return "No dependence was found, which is no proof that there is none."
        if self.odds_ratio > 1:
            return "The suites miss the same candidates: the estimate is a lower bound."
        return "Each suite catches what the other misses: the estimate is too high."


def independence(both: int, first: int, second: int, neither: int) -> Dependence:
    """Whether two suites catch independently, from candidates that a third way says are wrong.

    Args:
        both: Of these candidates, caught by both suites.
        first: By the first alone.
        second: By the second alone.
        neither: By neither; known only because the third way found them wrong.

    Raises:
        NotEstimable: There is no such candidate.
    """
    if both + first + second + neither == 0:
        raise NotEstimable(
            "Whether two suites are independent shows only on candidates known to be wrong. Audit "
            "some that both accepted."
        )
    found = stats.fisher_exact(np.array([[both, first], [second, neither]]))
    return Dependence(odds_ratio=float(found.statistic), p_value=float(found.pvalue))


def _missed(both: Floats, first: Floats, second: Floats) -> Floats:
    """Chapman's estimate, less those seen: (first · second) / (both + 1)."""
    missed: Floats = first * second / (both + 1)
    return missed
