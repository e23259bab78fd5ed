"""How many candidates are wrong, from what two independent test suites catch.

Each suite catches some of the wrong candidates; how many both catch tells how many both miss. That
holds if a wrong candidate that escapes one suite is as likely to be caught by the other as any.
Bugs that are hard to see are hard for both, so it usually fails in one direction: the estimate is
then too low. `independence` looks; read the estimate as a lower bound unless it finds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from proposer.estimation.counts import NotEstimable
from proposer.estimation.intervals import Interval

__all__ = ["Dependence", "chapman", "independence"]


def chapman(both: int, first: int, second: int, level: float = 0.95) -> Interval:
    """The number of wrong candidates, caught or not, if the suites are independent.

    (n₁ + 1)(n₂ + 1)/(m + 1) − 1 with n₁ and n₂ caught by each and m by both: Chapman (1951), as
    in Seber, "The Estimation of Animal Abundance" (2nd ed., 1982), §3.1.4. The interval takes
    the number that both miss as log-normal: Chao, Biometrics 43 (1987) 783-791, eq. 12. Where
    problems differ in how easily mistakes in them are caught, it is too low and too narrow.

    Args:
        both: Caught by both suites.
        first: Caught by the first alone.
        second: Caught by the second alone.
        level: Confidence, as far as the suites are independent.

    Raises:
        NotEstimable: Nothing was caught.
        ValueError: A count is negative.
    """
    if min(both, first, second) < 0:
        raise ValueError("A count of caught candidates is negative.")
    caught = both + first + second
    if caught == 0:
        raise NotEstimable("Neither suite caught a candidate; there is nothing to estimate from.")
    missed = first * second / (both + 1)
    # A half more of each, lest a suite that adds nothing seem to prove that nothing is missed.
    likely = (first + 0.5) * (second + 0.5) / (both + 1)
    variance = likely * (first + both + 1) * (second + both + 1) / ((both + 1) * (both + 2))
    spread = math.sqrt(math.log1p(variance / likely**2))
    factor = math.exp(float(stats.norm.ppf((1 + level) / 2)) * spread)
    return Interval(
        estimate=caught + missed,
        lower=caught + min(missed, likely / factor),
        upper=caught + likely * factor,
        level=level,
        method="chapman",
        observations=caught,
        clusters=caught,
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
