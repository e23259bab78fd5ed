"""How coverage grows with the number of samples: an exponentiated power law.

Brown et al., "Large Language Monkeys: Scaling Inference Compute with Repeated Sampling" (2024), §3:
log C(k) ≈ a·k^b with a, b < 0. On the unbiased estimates of `definitions.pass_at`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from proposer.estimation.counts import Counts, Floats, NotEstimable
from proposer.estimation.definitions import pass_at
from proposer.estimation.intervals import Interval

__all__ = ["PowerLaw", "power_law"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """C(k) = exp(a·k^b), and how well it fits.

    Attributes:
        scale: a, below 0.
        exponent: b, below 0 where coverage grows.
        largest_error: The largest distance between the curve and the estimates it was fitted to,
            in coverage.
    """

    scale: Interval
    exponent: Interval
    largest_error: float

    def coverage(self, k: float) -> float:
        """C(k). Beyond the k that it was fitted to, it is a guess."""
        return float(np.exp(self.scale.estimate * k**self.exponent.estimate))


def power_law(counts: Counts, largest_k: int, level: float = 0.95) -> PowerLaw:
    """The line through log(−log C(k)) over log k, for k = 1, 2, 4, … up to `largest_k`.

    Least squares; intervals by the delete-one-problem jackknife with P − 1 degrees of freedom
    (Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 11).

    Raises:
        NotEstimable: Fewer than three k have a coverage between 0 and 1, or as `pass_at`.
    """
    ks = [2**i for i in range(max(largest_k, 1).bit_length())]
    solved = np.stack([pass_at(counts, k).numerators for k in ks])
    coverage = solved.mean(axis=1)
    usable = (coverage > 0) & (coverage < 1)
    if usable.sum() < 3 or solved.shape[1] < 3:
        raise NotEstimable(
            f"A power law needs at least 3 problems, and 3 numbers of samples among {ks} with a "
            f"coverage between 0 and 1; {int(usable.sum())} have. Draw more samples."
        )
    places, solved = np.log(np.array(ks)[usable]), solved[usable]
    count = solved.shape[1]
    without = (solved.sum(axis=1, keepdims=True) - solved) / (count - 1)
    whole = _line(places, coverage[usable][:, None])[:, 0]
    left_out = _line(places, np.clip(without, 1e-9, 1 - 1e-9))
    spread = np.sqrt((count - 1) * left_out.var(axis=1))
    margin = spread * stats.t.ppf((1 + level) / 2, count - 1)
    fitted = np.exp(-np.exp(whole[1] + whole[0] * places))

    def interval(estimate: float, lower: float, upper: float) -> Interval:
        return Interval(
            estimate=estimate,
            lower=lower,
            upper=upper,
            level=level,
            method="jackknife",
            observations=int((counts.right + counts.wrong).sum()),
            clusters=count,
        )

    slope, height = whole
    return PowerLaw(
        scale=interval(
            -float(np.exp(height)),
            -float(np.exp(height + margin[1])),
            -float(np.exp(height - margin[1])),
        ),
        exponent=interval(float(slope), float(slope - margin[0]), float(slope + margin[0])),
        largest_error=float(np.abs(fitted - coverage[usable]).max()),
    )


def _line(places: Floats, coverage: Floats) -> Floats:
    """Shape (2, N): slopes and heights of N lines, from coverages of shape (K, N)."""
    line: Floats = np.polyfit(places, np.log(-np.log(coverage)), 1)
    return line
