"""Sums over sums, cluster by cluster: the one form that all estimates and intervals share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proposer.estimation.counts import Floats, NotEstimable

__all__ = ["Ratio"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ratio:
    """The ratio R = Σ numerators / Σ denominators over independent clusters.

    With denominators of 1 it is a mean over clusters.

    Attributes:
        name: What is estimated, as a noun phrase for messages.
        numerators: Shape (P,); whole numbers where observations are counted, not weighted.
        denominators: Shape (P,), none negative.
        observations: Single observations behind it, for instance the audited acceptances.
        fraction: Whether R lies between 0 and 1 by what it means; utilities don't.
        weights: Shape (P,): what the observations of a cluster stand for, where only some were
            drawn; 0 for a cluster of which nothing is known. None if all were.

    Raises:
        NotEstimable: All denominators are 0.
        ValueError: The shapes differ, or a denominator is negative.
    """

    name: str
    numerators: Floats
    denominators: Floats
    observations: int
    fraction: bool = True
    weights: Floats | None = None

    def __post_init__(self) -> None:
        if self.numerators.ndim != 1 or self.numerators.shape != self.denominators.shape:
            raise ValueError(f"The {self.name} needs one numerator and denominator per problem.")
        if (self.denominators < 0).any():
            raise ValueError(f"A denominator of the {self.name} is negative.")
        if not self.denominators.sum() > 0:
            raise NotEstimable(f"There is no observation to estimate the {self.name} from.")

    @property
    def estimate(self) -> float:
        """The ratio itself."""
        return float(self.numerators.sum() / self.denominators.sum())

    @property
    def clusters(self) -> int:
        """Clusters that say anything: those with a denominator above 0."""
        return int(np.count_nonzero(self.denominators))

    @property
    def effective_clusters(self) -> float:
        """As many clusters of equal weight as those observed are worth, at most `clusters`.

        (Σ weight)² / Σ weight²: Kish, "Survey Sampling" (1965), §11.7.
        """
        if self.weights is None:
            return float(self.clusters)
        worth = float(self.weights.sum()) ** 2 / float((self.weights**2).sum())
        return min(worth, float(self.clusters))

    @property
    def influences(self) -> Floats:
        """Shape (P,): by how much each cluster moves the ratio, (N_i − R·D_i) / Σ D.

        Linearisation of a ratio of means: Cochran, "Sampling Techniques" (1977), eq. 6.13.
        """
        residuals = self.numerators - self.estimate * self.denominators
        return np.asarray(residuals / self.denominators.sum(), np.float64)

    @property
    def variance(self) -> float:
        """Variance of the ratio over samples of clusters; not a number for a single cluster.

        P/(P − 1) · Σ influence², with P the clusters that say anything.
        """
        if self.clusters < 2:
            return float("nan")
        squares = float((self.influences**2).sum())
        return squares * self.clusters / (self.clusters - 1)

    @property
    def degrees_of_freedom(self) -> float:
        """What the variance is worth: P − 1, or fewer where few clusters make it up.

        2P / (κ − (P − 3)/(P − 1)) with κ the kurtosis of the influences, by matching moments of
        the sample variance: O'Neill, "Some Useful Moment Results in Sampling Problems", The
        American Statistician 68 (2014) 282-296, §4.
        """
        count, influences = self.clusters, self.influences[self.denominators > 0]
        squares = float((influences**2).sum())
        if count < 2 or squares == 0:
            return float(count - 1)
        kurtosis = count * float((influences**4).sum()) / squares**2
        return min(count - 1, 2 * count / (kurtosis - (count - 3) / (count - 1)))
