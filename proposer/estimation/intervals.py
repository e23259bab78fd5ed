"""Intervals for ratios over clusters, and the two for independent observations.

All take a `Ratio` and return an `Interval`. `recommended` is the one to use; docs/estimation.md
tables how often each covers the truth.

Where every cluster says the same (no false positive at all, or nothing else), nothing can be
learnt about how alike the samples of a problem are. Then the clustered methods count each problem
as one observation, which is right even if all its samples always agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from proposer.estimation.counts import NotEstimable
from proposer.estimation.ratios import Ratio

__all__ = [
    "Interval",
    "Method",
    "bootstrap",
    "effective_logit_t",
    "effective_wilson",
    "exact",
    "korn_graubard",
    "logit_t",
    "recommended",
    "student_t",
    "wilson",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate and what it could be.

    Attributes:
        estimate: The point estimate.
        lower: Lower end.
        upper: Upper end.
        level: Confidence, for instance 0.95.
        method: How it was made, for instance "logit-t".
        observations: Single observations behind it.
        clusters: Independent problems behind it.
    """

    estimate: float
    lower: float
    upper: float
    level: float
    method: str
    observations: int
    clusters: int

    @property
    def width(self) -> float:
        """Upper end less lower end."""
        return self.upper - self.lower


Method = Callable[[Ratio, float], Interval]


def exact(ratio: Ratio, level: float = 0.95) -> Interval:
    """Clopper and Pearson's interval; right only if all observations are independent.

    Biometrika 26 (1934) 404-413, by scipy.

    Raises:
        NotEstimable: The ratio counts no whole observations.
    """
    return _binomial(ratio, level, "exact")


def wilson(ratio: Ratio, level: float = 0.95) -> Interval:
    """Wilson's score interval; right only if all observations are independent.

    JASA 22 (1927) 209-212, by scipy.

    Raises:
        NotEstimable: The ratio counts no whole observations.
    """
    return _binomial(ratio, level, "wilson")


def student_t(ratio: Ratio, level: float = 0.95) -> Interval:
    """R ± t·√variance with effective degrees of freedom: for utilities, which have no bounds.

    Cochran, "Sampling Techniques" (1977), §6.4-6.5.

    Raises:
        NotEstimable: There is a single cluster.
    """
    margin = math.sqrt(_variance(ratio)) * _quantile(ratio.degrees_of_freedom, level)
    return _interval(ratio, ratio.estimate - margin, ratio.estimate + margin, level, "student-t")


def logit_t(ratio: Ratio, level: float = 0.95) -> Interval:
    """Logit R ± t·√variance / (R(1 − R)), P − 1 degrees of freedom, turned back into fractions.

    Korn and Graubard, "Analysis of Health Surveys" (1999), §2.4; `svyciprop(method="xlogit")` of
    R's survey package.

    Raises:
        NotEstimable: There is a single cluster, or the ratio is no fraction.
    """
    return _logit(ratio, level, ratio.clusters - 1, "logit-t")


def effective_logit_t(ratio: Ratio, level: float = 0.95) -> Interval:
    """As `logit_t`, with as many degrees of freedom as the clusters' influences are worth.

    Where false positives come from few problems, the variance itself is hardly known, and P − 1
    degrees of freedom make an interval too narrow. `Ratio.degrees_of_freedom` counts them by the
    kurtosis of the influences.

    Raises:
        NotEstimable: There is a single cluster, or the ratio is no fraction.
    """
    return _logit(ratio, level, ratio.degrees_of_freedom, "effective-logit-t")


def korn_graubard(ratio: Ratio, level: float = 0.95) -> Interval:
    """Clopper and Pearson's interval for as many observations as the clusters are worth.

    n* = R(1 − R) / variance · (t_{n−1} / t_{P−1})², at most n. Korn and Graubard, "Confidence
    Intervals for Proportions with Small Expected Number of Positive Counts Estimated from Survey
    Data", Survey Methodology 24 (1998) 193-201.

    Raises:
        NotEstimable: There is a single cluster, or the ratio is no fraction.
    """
    if _fraction(ratio) in (0, 1) or _variance(ratio) == 0:
        return _unanimous(ratio, level, "korn-graubard")
    size = _effective_size(ratio, level)
    lower, upper = _beta_limits(ratio.estimate * size, size, level)
    return _interval(ratio, lower, upper, level, "korn-graubard")


def effective_wilson(ratio: Ratio, level: float = 0.95) -> Interval:
    """Wilson's interval for as many observations as the clusters are worth, with t for z.

    Dean and Pagano, "Evaluating Confidence Interval Methods for Binomial Proportions in Clustered
    Surveys", Journal of Survey Statistics and Methodology 3 (2015) 484-503.

    Raises:
        NotEstimable: There is a single cluster, or the ratio is no fraction.
    """
    rate = _fraction(ratio)
    if rate in (0, 1) or _variance(ratio) == 0:
        return _unanimous(ratio, level, "effective-wilson")
    size = min(rate * (1 - rate) / ratio.variance, ratio.observations)
    square = _quantile(ratio.clusters - 1, level) ** 2
    centre = (rate + square / (2 * size)) / (1 + square / size)
    spread = math.sqrt(square * rate * (1 - rate) / size + square**2 / (4 * size**2))
    margin = spread / (1 + square / size)
    return _interval(ratio, centre - margin, centre + margin, level, "effective-wilson")


def bootstrap(
    ratio: Ratio, level: float = 0.95, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Percentiles of the ratio over resampled clusters, by scipy.

    Davison and Hinkley, "Bootstrap Methods and their Application" (1997), §2.4 and §3.8. It is
    too narrow for few clusters.

    Raises:
        NotEstimable: There is a single cluster.
    """
    if _variance(ratio) == 0:
        return _unanimous(ratio, level, "cluster-bootstrap")
    some = ratio.denominators > 0
    found = stats.bootstrap(
        (ratio.numerators[some], ratio.denominators[some]),
        lambda tops, bottoms, axis: tops.sum(axis=axis) / bottoms.sum(axis=axis),
        paired=True,
        vectorized=True,
        confidence_level=level,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return _interval(ratio, float(found.low), float(found.high), level, "cluster-bootstrap")


def recommended(ratio: Ratio, level: float = 0.95) -> Interval:
    """The interval that the simulation study found to cover best; Student's t for utilities.

    Raises:
        NotEstimable: There is a single cluster.
    """
    return effective_logit_t(ratio, level) if ratio.fraction else student_t(ratio, level)


def _binomial(ratio: Ratio, level: float, method: Literal["exact", "wilson"]) -> Interval:
    hits, total = float(ratio.numerators.sum()), float(ratio.denominators.sum())
    if not (hits.is_integer() and total.is_integer() and 0 <= hits <= total):
        raise NotEstimable(
            f"The {method} interval counts whole observations, and the {ratio.name} has weighted "
            "or averaged ones. Take a clustered interval."
        )
    found = stats.binomtest(int(hits), int(total)).proportion_ci(level, method=method)
    return _interval(ratio, float(found.low), float(found.high), level, method)


def _logit(ratio: Ratio, level: float, freedom: float, method: str) -> Interval:
    rate = _fraction(ratio)
    if rate in (0, 1) or _variance(ratio) == 0:
        return _unanimous(ratio, level, method)
    margin = _quantile(freedom, level) * math.sqrt(ratio.variance) / (rate * (1 - rate))
    logit = math.log(rate / (1 - rate))
    return _interval(ratio, _sigmoid(logit - margin), _sigmoid(logit + margin), level, method)


def _unanimous(ratio: Ratio, level: float, method: str) -> Interval:
    """All clusters say the same: each that was observed counts as one observation."""
    worth = max(ratio.effective_clusters, 1.0)
    rate = min(max(ratio.estimate, 0.0), 1.0)
    lower, upper = _beta_limits(rate * worth, worth, level)
    return _interval(ratio, min(lower, rate), max(upper, rate), level, method)


def _effective_size(ratio: Ratio, level: float) -> float:
    rate, count = ratio.estimate, ratio.observations
    quantiles = _quantile(max(count - 1, 1), level) / _quantile(ratio.clusters - 1, level)
    return min(rate * (1 - rate) / ratio.variance * quantiles**2, count)


def _beta_limits(hits: float, total: float, level: float) -> tuple[float, float]:
    """Clopper and Pearson's limits, for counts that need not be whole."""
    tail = (1 - level) / 2
    lower = 0.0 if hits <= 0 else float(stats.beta.ppf(tail, hits, total - hits + 1))
    upper = 1.0 if hits >= total else float(stats.beta.ppf(1 - tail, hits + 1, total - hits))
    return lower, upper


def _quantile(freedom: float, level: float) -> float:
    """Two-sided quantile of Student's t."""
    if not 0 < level < 1:
        raise ValueError(f"The level is {level}; give a number between 0 and 1, such as 0.95.")
    return float(stats.t.ppf((1 + level) / 2, freedom))


def _variance(ratio: Ratio) -> float:
    if ratio.clusters < 2:
        raise NotEstimable(
            f"The {ratio.name} has observations of one problem only. Samples of one problem are "
            "not independent: an interval needs at least two problems."
        )
    return ratio.variance


def _fraction(ratio: Ratio) -> float:
    if not ratio.fraction:
        raise NotEstimable(f"The {ratio.name} is no fraction; take the student-t interval.")
    return min(max(ratio.estimate, 0.0), 1.0)


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _interval(ratio: Ratio, lower: float, upper: float, level: float, method: str) -> Interval:
    estimate = min(max(ratio.estimate, 0.0), 1.0) if ratio.fraction else ratio.estimate
    return Interval(
        estimate=estimate,
        lower=max(0.0, lower) if ratio.fraction else lower,
        upper=min(1.0, upper) if ratio.fraction else upper,
        level=level,
        method=method,
        observations=ratio.observations,
        clusters=ratio.clusters,
    )
