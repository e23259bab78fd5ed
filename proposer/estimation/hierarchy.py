"""The hierarchical beta-binomial model: every problem has a rate of its own, rates are alike.

Problem i has x_i hits of n_i trials, x_i ~ Binomial(n_i, p_i), and p_i ~ Beta(a, b) with mean
μ = a / (a + b) and clustering ρ = 1 / (a + b + 1), the correlation of two samples of one problem.
Gelman et al., "Bayesian Data Analysis" (3rd ed., 2013), §5.3; here with the priors μ ~
Beta(1/2, 1/2) and ρ ~ Uniform(0, 1), integrated on a grid.

It takes the rate of a problem to have nothing to do with its number of trials. Where hard problems
have fewer acceptances and worse ones, it estimates the mean over problems, which is not the
proportion among acceptances; a ratio interval has no such trouble.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from proposer.estimation.counts import Floats, NotEstimable
from proposer.estimation.intervals import Interval
from proposer.estimation.ratios import Ratio

__all__ = ["BetaBinomial", "beta_binomial"]

_MEANS = stats.beta(0.5, 0.5).ppf((np.arange(200) + 0.5) / 200)
"""Midpoints of 200 slices of the prior of μ, each of the same prior weight."""
_CLUSTERINGS = (np.arange(30) + 0.5) / 30


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BetaBinomial:
    """What the rates of a set of problems have in common, after the data.

    Attributes:
        weights: Shape (200, 30), posterior weights of the grid over μ and ρ; they add up to 1.
    """

    weights: Floats

    @classmethod
    def fit(cls, hits: Floats, trials: Floats) -> BetaBinomial:
        """The posterior, given hits and trials of each problem, both of shape (P,).

        Raises:
            NotEstimable: There is no trial.
            ValueError: A problem has more hits than trials, or fewer than none.
        """
        if ((hits < 0) | (hits > trials)).any():
            raise ValueError("A problem has more hits than trials, or fewer than none.")
        if not trials.sum() > 0:
            raise NotEstimable("There is no trial to fit rates of problems to.")
        ones, zeros = _prior_strengths()
        likelihood = _rise(ones, hits) + _rise(zeros, trials - hits) - _rise(ones + zeros, trials)
        weights = np.exp(likelihood - likelihood.max())
        return cls(weights=weights / weights.sum())

    @property
    def mean(self) -> float:
        """Posterior mean of μ, the rate of a problem yet unseen."""
        return float(self.weights.sum(axis=1) @ _MEANS)

    @property
    def clustering(self) -> float:
        """Posterior mean of ρ: 0 where samples are independent, 1 where a problem's are alike."""
        return float(self.weights.sum(axis=0) @ _CLUSTERINGS)

    def limits(self, level: float) -> tuple[float, float]:
        """Equal-tailed credible limits of μ."""
        below = np.concatenate([[0.0], np.cumsum(self.weights.sum(axis=1))])
        edges = stats.beta(0.5, 0.5).ppf(np.linspace(0, 1, len(_MEANS) + 1))
        lower, upper = np.interp([(1 - level) / 2, (1 + level) / 2], below, edges)
        return float(lower), float(upper)

    def sample(self, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Draws of a and b from the posterior, each of shape (count,)."""
        cells = random.choice(self.weights.size, size=count, p=self.weights.ravel())
        ones, zeros = _prior_strengths()
        return ones.ravel()[cells], zeros.ravel()[cells]

    def strengths(self) -> tuple[float, float]:
        """One Beta(a, b) that stands for the rates of problems: at the posterior means of μ, ρ.

        Good as a prior for the next problem (empirical Bayes).
        """
        total = 1 / self.clustering - 1
        return self.mean * total, (1 - self.mean) * total


def beta_binomial(ratio: Ratio, level: float = 0.95) -> Interval:
    """Credible interval of the mean rate over problems.

    Raises:
        NotEstimable: The ratio counts no whole observations, or has one problem only.
    """
    whole = np.all(ratio.numerators % 1 == 0) and np.all(ratio.denominators % 1 == 0)
    if not whole or ratio.clusters < 2:
        raise NotEstimable(
            f"The {ratio.name} has weighted observations, or those of one problem only; the "
            "beta-binomial model needs counts of at least two problems."
        )
    fitted = BetaBinomial.fit(ratio.numerators, ratio.denominators)
    lower, upper = fitted.limits(level)
    return Interval(
        estimate=fitted.mean,
        lower=lower,
        upper=upper,
        level=level,
        method="beta-binomial",
        observations=ratio.observations,
        clusters=ratio.clusters,
    )


def _prior_strengths() -> tuple[Floats, Floats]:
    """Shape (200, 30) each: a and b at the points of the grid."""
    totals = 1 / _CLUSTERINGS - 1
    return _MEANS[:, None] * totals, (1 - _MEANS)[:, None] * totals


def _rise(start: Floats, steps: Floats) -> Floats:
    """Σ log Γ(start + step) − log Γ(start), over steps; of the shape of start."""
    sizes, times = np.unique(steps, return_counts=True)
    total = np.zeros_like(start)
    for size, count in zip(sizes, times, strict=True):
        total += count * special.gammaln(start + size)
    rise: Floats = total - len(steps) * special.gammaln(start)
    return rise
