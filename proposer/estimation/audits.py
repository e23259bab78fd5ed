"""Audits: which acceptances to check with a stronger verifier, and what follows from those checked.

Two ways to choose. `draw` takes acceptances at random with known chances, larger where a cheap
signal makes an audit worth more; what it finds is unbiased whatever the signal is worth. And
`next_audits` names those that say most under the beta-binomial model; `posterior` is the estimate
that goes with it. It knows nothing of signals, so audits chosen by a signal would mislead it.

The estimates speak of different things: `horvitz_thompson`, `hajek` and `prediction_powered` of
problems like these, and `posterior` of this very set of acceptances.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from proposer.estimation.counts import Floats, Integers, NotEstimable, Truth
from proposer.estimation.hierarchy import BetaBinomial
from proposer.estimation.intervals import Interval
from proposer.estimation.ratios import Ratio

__all__ = [
    "Acceptances",
    "PlannedAudit",
    "chances",
    "draw",
    "hajek",
    "horvitz_thompson",
    "next_audits",
    "posterior",
    "prediction_powered",
    "worths",
]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Acceptances:
    """The accepted candidates of a campaign, and what is known of each; A of them.

    Attributes:
        problems: A names of problems.
        truths: Shape (A,), of `Truth`: UNKNOWN until audited.
        suspicions: Shape (A,): the chance that it is wrong as a cheap signal tells it, between 0
            and 1; for instance the share of other accepted candidates that disagree with it on
            generated inputs. Without a signal, one number for all.
        chances: Shape (A,): with which chance it was audited; 1 for those whose truth was known
            before.

    Raises:
        ValueError: The shapes differ, a number is no chance, or one with chance 0 was audited.
    """

    problems: tuple[str, ...]
    truths: Integers
    suspicions: Floats
    chances: Floats

    def __post_init__(self) -> None:
        for name in ("truths", "suspicions", "chances"):
            if getattr(self, name).shape != (len(self.problems),):
                raise ValueError(f"There are {len(self.problems)} acceptances, but not as {name}.")
        for name in ("suspicions", "chances"):
            numbers = getattr(self, name)
            if not ((numbers >= 0) & (numbers <= 1)).all():
                raise ValueError(f"One of the {name} is not between 0 and 1.")
        if (self.audited & (self.chances == 0)).any():
            raise ValueError("An acceptance was audited whose chance to be audited was 0.")

    @classmethod
    def unaudited(cls, problems: tuple[str, ...], suspicions: Floats | None = None) -> Acceptances:
        """Acceptances of which nothing is known yet but perhaps a cheap signal."""
        even = np.full(len(problems), 0.5)
        return cls(
            problems=problems,
            truths=np.full(len(problems), Truth.UNKNOWN, np.int64),
            suspicions=even if suspicions is None else suspicions,
            chances=np.zeros(len(problems)),
        )

    @property
    def audited(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Shape (A,): whether its truth is known."""
        known: np.ndarray[tuple[int], np.dtype[np.bool_]] = self.truths != Truth.UNKNOWN
        return known

    @property
    def wrong(self) -> Floats:
        """Shape (A,): 1 where it was audited and found wrong, else 0."""
        return np.asarray(self.truths == Truth.WRONG, np.float64)

    def drawn(self, chances: Floats, found: dict[int, Truth]) -> Acceptances:
        """After one more round: drawn with these chances, with what the audits found.

        What was known before keeps counting, with chance 1, so rounds may follow each other, each
        planned by what the one before found. An audit that could not tell stays UNKNOWN, which is
        no finding; where there are such, take `hajek`, which does not count them.
        """
        truths = self.truths.copy()
        for index, truth in found.items():
            truths[index] = truth
        return replace(self, truths=truths, chances=np.where(self.audited, 1.0, chances))

    def by_problem(self, values: Floats) -> Floats:
        """Shape (P,): sums over each problem's acceptances, problems in order of their names."""
        names, places = np.unique(self.problems, return_inverse=True)
        sums: Floats = np.bincount(places, weights=values, minlength=len(names)).astype(np.float64)
        return sums


def chances(worth: Floats, audits: int) -> Floats:
    """Shape (A,): chances in proportion to worth, at most 1, that add up to `audits`.

    Särndal, Swensson and Wretman, "Model Assisted Survey Sampling" (1992), §3.6.2. A worth of 0
    gives no chance, so that nothing can be learnt about such an acceptance but what the audits of
    others say.

    Raises:
        ValueError: There are fewer acceptances of any worth than audits.
    """
    if not 0 < audits <= np.count_nonzero(worth):
        raise ValueError(
            f"{audits} audits can't be drawn from {np.count_nonzero(worth)} unaudited acceptances."
        )
    certain = np.zeros(len(worth), np.bool_)
    while True:
        rest: Floats = np.where(certain, 0.0, worth)
        scaled: Floats = rest * (audits - certain.sum()) / max(rest.sum(), np.finfo(float).tiny)
        over = scaled >= 1
        if not over.any():
            return np.asarray(np.where(certain, 1.0, scaled), np.float64)
        certain |= over


def draw(chance: Floats, seed: int) -> Integers:
    """Which to audit: systematic sampling in random order, each with its chance.

    Särndal, Swensson and Wretman (1992), §3.6.2. As many as the chances add up to.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(chance))
    ends = np.cumsum(chance[order])
    marks = random.uniform() + np.arange(round(float(ends[-1])))
    return np.sort(order[np.minimum(np.searchsorted(ends, marks), len(order) - 1)])


def horvitz_thompson(acceptances: Acceptances) -> Ratio:
    """False-discovery proportion: each audited one counts for 1/chance acceptances.

    Σ wrong/chance over Σ acceptances. Horvitz and Thompson, JASA 47 (1952) 663-685. With chances
    that are equal within strata it is the stratified estimate.

    Raises:
        NotEstimable: Nothing was audited.
    """
    everyone = np.ones(len(acceptances.problems))
    return _ratio(acceptances, acceptances.wrong * _weights(acceptances), everyone)


def hajek(acceptances: Acceptances) -> Ratio:
    """False-discovery proportion: Σ wrong/chance over Σ 1/chance of the audited ones.

    Hájek (1971); Särndal, Swensson and Wretman (1992), §5.7. Steadier than `horvitz_thompson`
    where chances differ.

    Raises:
        NotEstimable: Nothing was audited.
    """
    weights = _weights(acceptances)
    return _ratio(acceptances, acceptances.wrong * weights, weights)


def prediction_powered(acceptances: Acceptances) -> Ratio:
    """False-discovery proportion by the cheap signal, put right by the audits.

    Σ (λf + (wrong − λf)/chance) over Σ acceptances, f the suspicion, λ between 0 and 1 such that
    the variance is least: Angelopoulos, Duchi and Zrnic, "PPI++: Efficient Prediction-Powered
    Inference" (2023), §2 and eq. 9, with chances and clusters; the difference estimator of
    Särndal, Swensson and Wretman (1992), §6.3. Never far worse than `horvitz_thompson`, better
    the more the signal knows, and unbiased whatever it knows.

    Raises:
        NotEstimable: Nothing was audited.
    """
    weights, everyone = _weights(acceptances), np.ones(len(acceptances.problems))
    plain = _ratio(acceptances, acceptances.wrong * weights, everyone)
    shift = _ratio(acceptances, acceptances.suspicions * (1 - weights), everyone)
    power = -float(plain.influences @ shift.influences)
    square = float(shift.influences @ shift.influences)
    share = min(max(power / square, 0.0), 1.0) if square > 0 else 0.0
    return replace(plain, numerators=plain.numerators + share * shift.numerators)


def posterior(acceptances: Acceptances, level: float = 0.95, seed: int = 0) -> Interval:
    """False-discovery proportion of this very set, under the beta-binomial model.

    Known ones count as they are; those not audited are drawn from their problem's posterior. It
    takes audits that were drawn evenly, or chosen by `next_audits` in one round or several, but not
    such that a suspicion led to. It takes the model for true: rates of problems alike, and
    unrelated to how many acceptances a problem has.

    Raises:
        NotEstimable: Nothing was audited.
    """
    _weights(acceptances)
    wrong, audited = _audited(acceptances)
    total = acceptances.by_problem(np.ones(len(acceptances.problems)))
    fitted, random = BetaBinomial.fit(wrong, audited), np.random.default_rng(seed)
    before = fitted.sample(2000, random)
    rates = random.beta(before[0][:, None] + wrong, before[1][:, None] + audited - wrong)
    unseen = random.binomial((total - audited).astype(np.int64), rates)
    shares = (wrong.sum() + unseen.sum(axis=1)) / total.sum()
    lower, upper = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        estimate=float(shares.mean()),
        lower=float(lower),
        upper=float(upper),
        level=level,
        method="beta-binomial, this set",
        observations=int(audited.sum()),
        clusters=int(np.count_nonzero(audited)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAudit:
    """One acceptance to audit, and what that is expected to bring.

    Attributes:
        acceptance: Its index.
        problem: Its problem.
        standard_error: Of the false-discovery proportion of this set, expected after this audit
            and those planned before it.
    """

    acceptance: int
    problem: str
    standard_error: float


def next_audits(acceptances: Acceptances, count: int, seed: int = 0) -> tuple[PlannedAudit, ...]:
    """The `count` audits that shrink the interval of `posterior` most, best first.

    Each is the one that takes most from the posterior variance of the number of wrong acceptances,
    given those planned before it. In a problem whose rate is believed to be Beta(a, b), with u
    acceptances unaudited, s = a + b and p = a/s, an audit tells about the others too: it takes
    p(1 − p)·((s + u)/(s + 1))², the variance of the posterior mean of what is wrong there. Which
    of one problem's acceptances is audited is drawn by lot.

    Raises:
        ValueError: `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"{count} audits were asked for; give a whole number from 1 up.")
    names, places = np.unique(acceptances.problems, return_inverse=True)
    open_ones = np.flatnonzero(~acceptances.audited)
    waiting: list[list[int]] = [[] for _ in names]
    for index in np.random.default_rng(seed).permutation(open_ones):
        waiting[places[index]].append(int(index))
    mean, strength = _beliefs(acceptances, np.full(len(names), 0.5))
    left = np.array([len(queue) for queue in waiting], np.float64)
    planned: list[PlannedAudit] = []
    while len(planned) < count and left.any():
        gain = _gains(mean, strength, left)
        best = int(np.argmax(gain))
        chosen = waiting[best].pop()
        strength[best], left[best] = strength[best] + 1, left[best] - 1
        planned.append(
            PlannedAudit(
                acceptance=chosen,
                problem=str(names[best]),
                standard_error=float(np.sqrt(_variances(mean, strength, left).sum()) / len(places)),
            )
        )
    return tuple(planned)


def worths(acceptances: Acceptances) -> Floats:
    """Shape (A,): how uncertain each is, √(p(1 − p)), and 0 if it is audited already.

    With p the chance that it is wrong, believed from suspicions and from the audits so far, kept
    between 0.02 and 0.98 lest a signal that errs leave anything out. `chances(worths(…), n)` is
    Neyman's optimal allocation (JRSS 97 (1934) 558-625).
    """
    _, places = np.unique(acceptances.problems, return_inverse=True)
    sizes = acceptances.by_problem(np.ones(len(places)))
    suspicion = np.maximum(acceptances.by_problem(acceptances.suspicions) / sizes, 1e-9)
    mean, _ = _beliefs(acceptances, suspicion)
    belief = np.clip((mean / suspicion)[places] * acceptances.suspicions, 0.02, 0.98)
    worth: Floats = np.where(acceptances.audited, 0.0, np.sqrt(belief * (1 - belief)))
    return worth


def _beliefs(acceptances: Acceptances, suspicion: Floats) -> tuple[Floats, Floats]:
    """Mean and strength a + b of the belief about each problem's rate, both of shape (P,).

    Suspicions, by problem, tell problems apart; audits say how many are wrong. Before any audit,
    suspicions are believed as they are, with the strength of two observations.
    """
    wrong, audited = _audited(acceptances)
    if not audited.any():
        return np.clip(suspicion, 0.01, 0.99), np.full(len(suspicion), 2.0)
    ones, zeros = BetaBinomial.fit(wrong, audited).strengths()
    sizes = acceptances.by_problem(np.ones(len(acceptances.problems)))
    prior = ones / (ones + zeros) * suspicion / np.average(suspicion, weights=sizes)
    strength = ones + zeros + audited
    mean = ((ones + zeros) * np.clip(prior, 0.001, 0.999) + wrong) / strength
    return mean, strength


def _gains(mean: Floats, strength: Floats, left: Floats) -> Floats:
    gains: Floats = mean * (1 - mean) * ((strength + left) / (strength + 1)) ** 2
    return np.where(left > 0, gains, 0.0)


def _variances(mean: Floats, strength: Floats, left: Floats) -> Floats:
    """Of the number of wrong ones among those left: beta-binomial."""
    variances: Floats = left * mean * (1 - mean) * (strength + left) / (strength + 1)
    return variances


def _audited(acceptances: Acceptances) -> tuple[Floats, Floats]:
    """Found wrong and audited, by problem, both of shape (P,)."""
    known = np.asarray(acceptances.audited, np.float64)
    return acceptances.by_problem(acceptances.wrong), acceptances.by_problem(known)


def _weights(acceptances: Acceptances) -> Floats:
    """Shape (A,): 1/chance of the audited ones, 0 of the others."""
    if not acceptances.audited.any():
        raise NotEstimable("No acceptance was audited. Draw some, and have them checked.")
    known = acceptances.audited
    weights: Floats = known / np.where(known, acceptances.chances, 1.0)
    return weights


def _ratio(acceptances: Acceptances, tops: Floats, bottoms: Floats) -> Ratio:
    return Ratio(
        name="false-discovery proportion",
        numerators=acceptances.by_problem(tops),
        denominators=acceptances.by_problem(bottoms),
        observations=int(acceptances.audited.sum()),
        weights=acceptances.by_problem(_weights(acceptances)),
    )
