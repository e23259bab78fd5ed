"""How many of a set of candidates pass, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["PassRate"]

_Z = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRate:
    """A rate with its 95 % interval; all three are fractions from 0 to 1."""

    rate: float
    lower: float
    upper: float

    @classmethod
    def of(cls, passed: int, total: int) -> PassRate:
        """Wilson's score interval, without continuity correction.

        E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
        JASA 22 (1927) 209-212; as equation (4) in Brown, Cai and DasGupta, "Interval Estimation
        for a Binomial Proportion", Statistical Science 16 (2001). Unlike the normal
        approximation, it is right for rates near 0 and 1 and for small sets.

        Raises:
            ValueError: There are no observations, or more passes than observations.
        """
        if not 0 <= passed <= total or total == 0:
            raise ValueError(f"{passed} of {total} is no rate.")
        rate, square = passed / total, _Z * _Z
        centre = (rate + square / (2 * total)) / (1 + square / total)
        spread = math.sqrt(rate * (1 - rate) / total + square / (4 * total * total))
        margin = _Z * spread / (1 + square / total)
        lower = 0.0 if passed == 0 else max(0.0, centre - margin)
        upper = 1.0 if passed == total else min(1.0, centre + margin)
        return cls(rate=rate, lower=lower, upper=upper)
