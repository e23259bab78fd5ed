"""The quantities, each named once.

For problem i: n_i samples, c_i of them right, m_i accepted, w_i accepted but wrong. Every function
takes `Counts` over P problems and returns a `Ratio` over those problems; `intervals` puts an
interval around it. Fractions are between 0 and 1; utilities are in units of one right answer.

Inconclusive answers and unknown truths are missing, never wrong: they are left out here, and
`missing_bounds` says how far they could move an estimate.

Sources: [HumanEval] Chen et al., "Evaluating Large Language Models Trained on Code" (2021);
[fLaws] Stroebl, Kapoor and Narayanan, "Inference Scaling fLaws: The Limits of LLM Resampling with
Imperfect Verifiers" (2024).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from proposer.estimation.counts import Answer, Counts, Floats, Integers, NotEstimable, Truth
from proposer.estimation.ratios import Ratio

__all__ = [
    "BestOf",
    "Prices",
    "Quantity",
    "accuracy",
    "best_of",
    "ceiling",
    "conditional_accuracy",
    "false_discovery_proportion",
    "false_positive_rate",
    "largest_k",
    "missing_bounds",
    "optimal_samples",
    "pass_at",
    "pass_rate",
    "utility",
]

Quantity = Callable[[Counts], Ratio]


def pass_rate(counts: Counts) -> Ratio:
    """P(accepted) = Σ m / Σ decided: what a pass rate on tests reports."""
    return _ratio("pass rate", counts.accepted, counts.decided)


def accuracy(counts: Counts) -> Ratio:
    """P(right) = Σ c / Σ n over samples of known truth: the single-sample accuracy, pass@1."""
    return _ratio("accuracy", counts.right, counts.right + counts.wrong)


def false_positive_rate(counts: Counts) -> Ratio:
    """P(accepted given wrong) = Σ w / Σ (n − c), over decided samples known to be wrong.

    It says how good the verifier is, whoever writes the candidates. It needs rejected candidates
    of known truth.
    """
    rejected_wrong = counts.of_kind(Answer.REJECTED, Truth.WRONG)
    wrong = counts.false_positives + rejected_wrong
    return _ratio("false-positive rate among wrong candidates", counts.false_positives, wrong)


def false_discovery_proportion(counts: Counts) -> Ratio:
    """P(wrong given accepted) = Σ w / Σ m over acceptances of known truth ([fLaws] §3).

    It says how much an acceptance is worth. It depends on the verifier and on who writes the
    candidates: weak models fool the same tests more often.
    """
    known = counts.false_positives + counts.true_positives
    return _ratio("false-discovery proportion", counts.false_positives, known)


def conditional_accuracy(counts: Counts) -> Ratio:
    """P(right given accepted) = 1 − false-discovery proportion ([fLaws] §3)."""
    known = counts.false_positives + counts.true_positives
    return _ratio("conditional accuracy", counts.true_positives, known)


def pass_at(counts: Counts, k: int) -> Ratio:
    """Coverage, pass@k: 1 − C(n − c, k) / C(n, k), averaged over problems ([HumanEval] eq. 1).

    Unbiased: the chance that k samples, drawn without repetition from those there are, hold a
    right one. To know how often some sample is *accepted*, read `best_of(counts, k).returned`.

    Raises:
        NotEstimable: A problem has fewer than k samples of known truth.
    """
    known = counts.right + counts.wrong
    _enough(counts, known, k, "samples of known truth")
    return _mean(f"pass@{k}", 1 - _none_among(known, counts.right, k)[:, k], known)


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOf:
    """What comes of drawing samples until one is accepted, at most k; all over problems.

    Attributes:
        right: P(a sample is returned, and is right): success of best-of-k.
        wrong: P(a sample is returned, and is wrong).
        samples: E[samples drawn], between 1 and k; 0 for k = 0.
    """

    right: Ratio
    wrong: Ratio
    samples: Ratio

    @property
    def returned(self) -> Ratio:
        """P(a sample is returned): pass@k as the verifier sees it."""
        numerators = self.right.numerators + self.wrong.numerators
        return _mean("share of problems with an acceptance", numerators, self.right.observations)


def best_of(counts: Counts, k: int) -> BestOf:
    """Best of k under an imperfect verifier: the first accepted sample is returned ([fLaws] §2).

    For one problem P(right) = (1 − C(n − m, k) / C(n, k)) · (m − w) / m, which is unbiased like
    pass@k: the returned sample is equally likely any of the accepted ones.

    Raises:
        NotEstimable: A problem has fewer than k decided samples, or acceptances of which none has
            a known truth.
    """
    _enough(counts, counts.decided, k, "decided samples", least=0)
    misses = _none_among(counts.decided, counts.accepted, k)
    returned, shares = 1 - misses[:, k], _right_shares(counts)
    return BestOf(
        right=_mean(f"success of best-of-{k}", returned * shares, counts.decided),
        wrong=_mean(f"wrong answers of best-of-{k}", returned * (1 - shares), counts.decided),
        samples=_mean(
            f"samples drawn by best-of-{k}",
            misses[:, :k].sum(axis=1),
            counts.decided,
            fraction=False,
        ),
    )


def ceiling(counts: Counts) -> Ratio:
    """What best-of-k tends to as k grows: E[P(right) / P(accepted)] ([fLaws] §2-3).

    The mean of (m − w) / m over problems with an acceptance of known truth. No budget lifts
    success above it, among the problems on which anything gets accepted at all.
    """
    known = counts.true_positives + counts.false_positives
    return Ratio(
        name="ceiling of resampling",
        numerators=_shares(counts),
        denominators=(known > 0).astype(np.float64),
        observations=int(known.sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What things cost, in units of the benefit of one right answer.

    Raises:
        ValueError: A price is negative or not finite.
    """

    false_positive: float = 1.0
    sample: float = 0.0
    audit: float = 0.0
    repair: float = 0.0

    def __post_init__(self) -> None:
        for field in ("false_positive", "sample", "audit", "repair"):
            price = getattr(self, field)
            if not (np.isfinite(price) and price >= 0):
                raise ValueError(f"The price of a {field} is {price}; give a number from 0 up.")


def utility(counts: Counts, k: int, prices: Prices) -> Ratio:
    """P(return right) − C·P(return wrong) − s·E[samples drawn] of best-of-k ([fLaws] §4).

    In units of one right answer, per problem; C = `prices.false_positive`, s = `prices.sample`.
    Abstaining (k = 0) is worth 0.

    Raises:
        NotEstimable: As `best_of`.
    """
    best = best_of(counts, k)
    numerators = (
        best.right.numerators
        - prices.false_positive * best.wrong.numerators
        - prices.sample * best.samples.numerators
    )
    return _mean(f"utility of best-of-{k}", numerators, counts.decided, fraction=False)


def optimal_samples(counts: Counts, prices: Prices, most: int | None = None) -> int:
    """The k from 0 to `most` with the highest estimated utility; the smallest one among equals.

    `most` is at most `largest_k(counts)`, and that if left out.

    Raises:
        NotEstimable: As `best_of`.
    """
    last = largest_k(counts) if most is None else most
    utilities = [utility(counts, k, prices).estimate for k in range(last + 1)]
    return int(np.argmax(utilities))


def largest_k(counts: Counts) -> int:
    """The largest k for which every problem has enough decided samples."""
    return int(counts.decided.min(initial=np.iinfo(np.int64).max)) if counts.problems else 0


def missing_bounds(quantity: Quantity, counts: Counts) -> tuple[float, float]:
    """The smallest and the largest estimate that inconclusive answers and unknown truths allow.

    Manski's worst-case bounds ("Partial Identification of Probability Distributions", 2003,
    ch. 1), for quantities that are a ratio of sums over samples: `pass_rate`, `accuracy`,
    `false_positive_rate`, `false_discovery_proportion`, `conditional_accuracy`.

    Raises:
        NotEstimable: However the missing is filled in, there is nothing to estimate from.
    """
    estimates = []
    for completed in counts.completions():
        try:
            estimates.append(quantity(completed).estimate)
        except NotEstimable as nothing:
            reason = nothing
    if not estimates:
        raise reason
    return min(estimates), max(estimates)


def _ratio(name: str, numerators: Integers, denominators: Integers) -> Ratio:
    return Ratio(
        name=name,
        numerators=numerators.astype(np.float64),
        denominators=denominators.astype(np.float64),
        observations=int(denominators.sum()),
    )


def _mean(
    name: str, values: Floats, observations: Integers | int, *, fraction: bool = True
) -> Ratio:
    return Ratio(
        name=name,
        numerators=values,
        denominators=np.ones_like(values),
        observations=int(np.sum(observations)),
        fraction=fraction,
    )


def _none_among(totals: Integers, marked: Integers, k: int) -> Floats:
    """Shape (P, k + 1): P(the first j drawn without repetition hold no marked one), j = 0 … k."""
    drawn = np.arange(k)
    left = np.maximum(totals[:, None] - drawn, 1)
    factors = np.clip((totals - marked)[:, None] - drawn, 0, None) / left
    return np.concatenate([np.ones((len(totals), 1)), np.cumprod(factors, axis=1)], axis=1)


def _shares(counts: Counts) -> Floats:
    """Shape (P,): share of right ones among acceptances of known truth; 0 where there are none."""
    right, known = counts.true_positives, counts.true_positives + counts.false_positives
    shares: Floats = right / np.maximum(known, 1)
    return shares


def _right_shares(counts: Counts) -> Floats:
    """The same, where every problem with an acceptance has one of known truth."""
    known = counts.true_positives + counts.false_positives
    unaudited = (counts.accepted > 0) & (known == 0)
    if unaudited.any():
        first = counts.problems[int(np.argmax(unaudited))]
        raise NotEstimable(
            f"Of {int(unaudited.sum())} problems with acceptances nobody knows the truth of any, "
            f"for instance of {first!r}. Audit one acceptance of each, or leave them out."
        )
    return _shares(counts)


def _enough(counts: Counts, samples: Integers, k: int, what: str, least: int = 1) -> None:
    if k < least:
        raise ValueError(f"k is {k}; give a whole number from {least} up.")
    few = samples < k
    if few.any():
        first = int(np.argmax(few))
        raise NotEstimable(
            f"k = {k} needs {k} {what} of each problem; {int(few.sum())} of {len(few)} problems "
            f"have fewer, for instance {counts.problems[first]!r} with {samples[first]}. "
            "Take a smaller k, draw more samples, or leave those problems out."
        )
