"""Confidence sequences: intervals that may be looked at after every observation.

With probability `level` the truth lies in all of them at once, so one may stop when one likes. That
costs width: for a size fixed beforehand, `intervals` is narrower.

They follow Ville's inequality: a nonnegative martingale that starts at 1 exceeds 1/α at any time
with probability at most α. Ville, "Étude critique de la notion de collectif" (1939).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, special, stats

from proposer.estimation.counts import Floats
from proposer.estimation.intervals import Interval
from proposer.estimation.ratios import Ratio

__all__ = ["betting", "betting_path", "independent", "without_replacement"]

_RATES = stats.beta(0.5, 0.5).ppf(np.linspace(0, 1, 501))[1:-1]
"""Rates at which the betting sequence is tried: closer together near 0 and 1."""
_STAKES = np.geomspace(0.05, 0.95, 6)
"""Shares of what may be lost at most in one bet."""


def independent(hits: int, trials: int, level: float = 0.95) -> Interval:
    """For independent trials, for instance acceptances of one problem while it is sampled.

    All rates p with B(1 + hits, 1 + misses) / (p^hits · (1 − p)^misses) < 1/α, the ratio of a
    uniform prior to its posterior: Waudby-Smith and Ramdas, "Confidence Sequences for Sampling
    without Replacement" (2020), §2; Robbins (1970).
    """
    _check(hits, trials, level)
    misses = trials - hits
    evidence = special.betaln(1 + hits, 1 + misses) + np.log(1 - level)

    def excess(rate: float) -> float:
        likelihood = special.xlogy(hits, rate) + special.xlog1py(misses, -rate)
        return float(evidence - likelihood)

    estimate = hits / trials if trials else 0.5
    lower = 0.0 if hits == 0 else _root(excess, 0.0, estimate)
    upper = 1.0 if misses == 0 else _root(excess, estimate, 1.0)
    return Interval(
        estimate=estimate,
        lower=lower,
        upper=upper,
        level=level,
        method="prior-posterior-ratio",
        observations=trials,
        clusters=trials,
    )


def without_replacement(hits: int, audited: int, population: int, level: float = 0.95) -> Interval:
    """For audits of a fixed set in random order: the share of hits in the whole set.

    It speaks about these very acceptances, so problems need not be independent, and it shrinks to
    a point when all are audited. All totals N with prior(N) / posterior(N) < 1/α under a uniform
    prior: Waudby-Smith and Ramdas (2020), Theorem 2.1.

    Args:
        hits: Audited ones that were wrong.
        audited: Audited ones, drawn at random from the set.
        population: Size of the set.
        level: Confidence, for all times at once.
    """
    _check(hits, audited, level)
    if population < max(audited, 1):
        raise ValueError(f"{audited} of {population} can't have been audited.")
    left = population - audited
    totals = np.arange(hits, hits + left + 1)
    more, misses = totals - hits, audited - hits
    ways = special.gammaln(left + 1) - special.gammaln(more + 1) - special.gammaln(left - more + 1)
    posterior = ways + special.betaln(1 + totals, 1 + population - totals)
    posterior -= special.betaln(1 + hits, 1 + misses)
    kept = totals[posterior > np.log(1 - level) - np.log(population + 1)]
    return Interval(
        estimate=hits / audited if audited else 0.5,
        lower=float(kept.min() / population),
        upper=float(kept.max() / population),
        level=level,
        method="prior-posterior-ratio, without replacement",
        observations=audited,
        clusters=population,
    )


def betting(ratio: Ratio, largest: float, level: float = 0.95) -> Interval:
    """For a ratio over problems that are taken one after another: see `betting_path`.

    Args:
        ratio: Clusters in an order drawn beforehand. Not as they happen to finish: easy problems
            finish first, and would speak for the hard ones.
        largest: The largest denominator that a cluster can have, fixed beforehand: for acceptances,
            the samples drawn per problem.
        level: Confidence, for all times at once.
    """
    lower, upper = betting_path(ratio, largest, level)[-1]
    return Interval(
        estimate=ratio.estimate,
        lower=float(min(lower, ratio.estimate)),
        upper=float(max(upper, ratio.estimate)),
        level=level,
        method="betting",
        observations=ratio.observations,
        clusters=ratio.clusters,
    )


def betting_path(ratio: Ratio, largest: float, level: float = 0.95) -> Floats:
    """Shape (P, 2): lower and upper limits after each cluster, each within the one before.

    At the true R the gains g_i = (N_i − R·D_i) / largest have mean 0 for independent problems and
    lie in [−R, 1 − R]. So 1 + λ·g_i multiplies up to a martingale for every stake λ between −1/(1 −
    R) and 1/R; a mixture over stakes, half of them on each side, is one too. R is left out when it
    exceeds 1/α. Waudby-Smith and Ramdas, "Estimating Means of Bounded Random Variables by
    Betting", JRSS B 86 (2024), §4; here for a ratio, whose numerator and denominator are bounded
    together.

    Raises:
        ValueError: A cluster is larger than `largest`, or the ratio is not between 0 and 1 in it.
    """
    tops, bottoms = ratio.numerators, ratio.denominators
    if (bottoms > largest).any() or (tops < 0).any() or (tops > bottoms).any():
        raise ValueError(
            f"Betting on the {ratio.name} needs 0 ≤ numerator ≤ denominator ≤ {largest} in each "
            "problem."
        )
    gains = (tops[:, None] - _RATES * bottoms[:, None]) / largest
    wealth = np.stack(
        [
            np.cumsum(np.log1p(share * scale * gains), axis=0)
            for share in _STAKES
            for scale in (1 / _RATES, -1 / (1 - _RATES))
        ]
    )
    mixed = special.logsumexp(wealth, axis=0) - np.log(len(wealth))
    kept = np.maximum.accumulate(mixed, axis=0) < -np.log(1 - level)
    limits = np.array([_hull(row) for row in kept])
    return _narrowing(limits)


def _hull(kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[float, float]:
    """The tried rates next to those that are kept, on the outer side; all if none is kept."""
    (places,) = np.nonzero(kept)
    if not len(places):
        return 0.0, 1.0
    edges = np.concatenate([[0.0], _RATES, [1.0]])
    return float(edges[places[0]]), float(edges[places[-1] + 2])


def _narrowing(limits: Floats) -> Floats:
    """Limits that never widen."""
    lower = np.maximum.accumulate(limits[:, 0])
    upper = np.minimum.accumulate(limits[:, 1])
    return np.stack([lower, upper], axis=1)


def _root(excess: Callable[[float], float], left: float, right: float) -> float:
    return float(optimize.brentq(excess, left, right))


def _check(hits: int, trials: int, level: float) -> None:
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} of {trials} is no count of hits among trials.")
    if not 0 < level < 1:
        raise ValueError(f"The level is {level}; give a number between 0 and 1, such as 0.95.")
