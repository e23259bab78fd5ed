"""How often intervals cover the truth, how wide they are, and how far off their estimates.

    python -m benchmarks.estimation [--rounds 2000] [--only 'rare*'] [--estimators NAME …]
                                    [--json FILE]

Draws campaigns whose false-discovery proportion is known, in the regimes below, and asks each
estimator for its 95 % interval. Prints one row per regime and estimator: share of intervals that
hold the truth, share that lie wholly below and wholly above it, mean width, mean error.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import special

from proposer.estimation import audits, intervals, sequences
from proposer.estimation.audits import Acceptances
from proposer.estimation.counts import Answer, Counts, Floats, Integers, NotEstimable, Truth
from proposer.estimation.definitions import Prices, best_of, utility
from proposer.estimation.hierarchy import beta_binomial
from proposer.estimation.intervals import Interval
from proposer.estimation.ratios import Ratio

__all__ = ["REGIMES", "Regime", "Row", "study"]

LEVEL = 0.95
SAMPLES = 20
"""Samples of each problem where they count, not only acceptances."""
LARGEST = 10
"""The most acceptances of one problem where intervals are looked at early."""

Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Campaign:
    """Acceptances by problem, and how many of them are wrong, each of shape (P,)."""

    accepted: Integers
    wrong: Integers

    @property
    def ratio(self) -> Ratio:
        return Ratio(
            name="false-discovery proportion",
            numerators=self.wrong.astype(np.float64),
            denominators=self.accepted.astype(np.float64),
            observations=int(self.accepted.sum()),
        )

    @property
    def counts(self) -> Counts:
        """As verdicts on `SAMPLES` of each problem: what is not accepted is wrong."""
        cells = np.zeros((len(self.accepted), 3, 3), np.int64)
        cells[:, Answer.ACCEPTED, Truth.WRONG] = self.wrong
        cells[:, Answer.ACCEPTED, Truth.RIGHT] = self.accepted - self.wrong
        cells[:, Answer.REJECTED, Truth.WRONG] = SAMPLES - self.accepted
        return Counts(tuple(str(place) for place in range(len(self.accepted))), cells)


Estimator = Callable[[Campaign, Random, float], tuple[Interval, float]]
"""Of a campaign and its kind's truth: an interval, and the truth that this interval is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Campaigns of one kind.

    Attributes:
        campaign: Draws one.
        truth: Its false-discovery proportion, over all problems that there could be.
        estimators: By name.
    """

    campaign: Callable[[Random], Campaign]
    truth: float
    estimators: Mapping[str, Estimator]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one estimator in one regime, over `rounds` campaigns."""

    regime: str
    estimator: str
    rounds: int
    covered: float
    below: float
    above: float
    width: float
    bias: float


def drawn(random: Random, accepted: Integers, mean: Floats | float, clustering: float) -> Campaign:
    """Each problem has a rate of its own, beta-distributed; clustering 0 gives all the same."""
    rates = np.broadcast_to(np.asarray(mean, np.float64), accepted.shape)
    if clustering:
        strength = 1 / clustering - 1
        rates = random.beta(rates * strength, (1 - rates) * strength)
    return Campaign(accepted=accepted, wrong=random.binomial(accepted, rates))


def even(problems: int, size: int, mean: float, clustering: float) -> Callable[[Random], Campaign]:
    """As many acceptances of every problem."""
    return lambda random: drawn(random, np.full(problems, size), mean, clustering)


def sparse(random: Random) -> Campaign:
    """None to three acceptances of a problem."""
    return drawn(random, random.integers(0, 4, 164), 0.1, 0.3)


def skewed(random: Random) -> Campaign:
    """Sizes from 1 to 40, most of them small, unrelated to rates."""
    return drawn(random, np.minimum(random.geometric(0.1, 164), 40), 0.1, 0.3)


def telling(random: Random) -> Campaign:
    """Hard problems have fewer acceptances and more of them wrong: as in real samples."""
    hardness = random.uniform(size=164)
    accepted = random.binomial(20, 1 - 0.8 * hardness)
    return drawn(random, accepted, 0.02 + 0.3 * hardness, 0.3)


def telling_truth() -> float:
    hardness = (np.arange(100_000) + 0.5) / 100_000
    sizes = 1 - 0.8 * hardness
    return float((sizes * (0.02 + 0.3 * hardness)).sum() / sizes.sum())


def sampled(random: Random) -> Campaign:
    """Acceptances of SAMPLES samples, a tenth of them wrong."""
    return drawn(random, drawn(random, np.full(82, SAMPLES), 0.4, 0.3).wrong, 0.1, 0.3)


def misses(k: int) -> float:
    """Chance that none of k samples of a problem is accepted, with rates as in `sampled`."""
    strength = 1 / 0.3 - 1
    none = special.betaln(0.4 * strength, 0.6 * strength + k)
    return float(np.exp(none - special.betaln(0.4 * strength, 0.6 * strength)))


PRICES = Prices(false_positive=2, sample=0.01)
UTILITY = (1 - misses(5)) * (0.9 - 2 * 0.1) - 0.01 * sum(misses(k) for k in range(5))


def of_samples(
    quantity: Callable[[Counts], Ratio],
) -> Estimator:
    return lambda campaign, _, truth: (intervals.recommended(quantity(campaign.counts)), truth)


def audited(campaign: Campaign, random: Random, count: int, *, signal: bool) -> Acceptances:
    """A campaign of which `count` acceptances were audited: by a signal's worth, or evenly."""
    acceptances, wrong = unaudited(campaign, random, signal=signal)
    worth = audits.worths(acceptances) if signal else np.ones(len(wrong))
    chances = audits.chances(worth, min(count, len(wrong)))
    chosen = audits.draw(chances, int(random.integers(2**32)))
    return acceptances.drawn(chances, truths(wrong, chosen))


def planned(campaign: Campaign, random: Random, count: int) -> Acceptances:
    """A campaign audited as `next_audits` says, in four rounds."""
    acceptances, wrong = unaudited(campaign, random, signal=False)
    for _ in range(4):
        plan = audits.next_audits(acceptances, count // 4, int(random.integers(2**32)))
        chosen = np.array([audit.acceptance for audit in plan])
        acceptances = acceptances.drawn(np.ones(len(wrong)), truths(wrong, chosen))
    return acceptances


def truths(wrong: Integers, chosen: Integers) -> dict[int, Truth]:
    return {int(i): Truth.WRONG if wrong[i] else Truth.RIGHT for i in chosen}


def unaudited(campaign: Campaign, random: Random, *, signal: bool) -> tuple[Acceptances, Integers]:
    """Acceptances of a campaign one by one; a signal is right about two thirds of the time."""
    places = np.repeat(np.arange(len(campaign.accepted)), campaign.accepted)
    firsts = np.cumsum(campaign.accepted) - campaign.accepted
    wrong = (np.arange(len(places)) - firsts[places] < campaign.wrong[places]).astype(np.int64)
    hints = np.where(wrong, random.beta(2, 1, len(wrong)), random.beta(1, 4, len(wrong)))
    suspicions = hints if signal else None
    return Acceptances.unaudited(tuple(f"{place:04}" for place in places), suspicions), wrong


def full(method: intervals.Method) -> Estimator:
    """Everything audited; the truth is that of all problems there could be."""
    return lambda campaign, _, truth: (method(campaign.ratio, LEVEL), truth)


def partial(estimate: Callable[[Acceptances], Ratio], count: int, *, signal: bool) -> Estimator:
    """Some audited, by chance."""

    def ask(campaign: Campaign, random: Random, truth: float) -> tuple[Interval, float]:
        found = estimate(audited(campaign, random, count, signal=signal))
        return intervals.recommended(found, LEVEL), truth

    return ask


def modelled(count: int) -> Estimator:
    """Some audited, as planned; the truth is that of this very campaign."""

    def ask(campaign: Campaign, random: Random, _: float) -> tuple[Interval, float]:
        found = audits.posterior(planned(campaign, random, count), LEVEL)
        return found, campaign.wrong.sum() / campaign.accepted.sum()

    return ask


def bet(campaign: Campaign, _: Random, truth: float) -> tuple[Interval, float]:
    """The betting sequence, looked at after each problem: its last interval lies in all others."""
    return sequences.betting(campaign.ratio, LARGEST, LEVEL), truth


def tempted(campaign: Campaign, _: Random, truth: float) -> tuple[Interval, float]:
    """The recommended interval, looked at after each problem from the tenth on until it is off."""
    for count in range(10, len(campaign.accepted) + 1):
        part = Campaign(accepted=campaign.accepted[:count], wrong=campaign.wrong[:count])
        found = intervals.recommended(part.ratio, LEVEL)
        if not found.lower <= truth <= found.upper:
            break
    return found, truth


def in_random_order(campaign: Campaign, random: Random, _: float) -> tuple[Interval, float]:
    """Audits in random order, looked at after each, until the interval is off."""
    total, wrong = int(campaign.accepted.sum()), int(campaign.wrong.sum())
    order = random.permutation(np.repeat([1, 0], [wrong, total - wrong]))
    share = wrong / total
    for count in range(1, min(total, 150) + 1):
        hits = int(order[:count].sum())
        found = sequences.without_replacement(hits, count, total, LEVEL)
        if not found.lower <= share <= found.upper:
            break
    return found, share


FULL = {
    "exact": full(intervals.exact),
    "wilson": full(intervals.wilson),
    "cluster-bootstrap": full(
        lambda ratio, level: intervals.bootstrap(ratio, level, resamples=400)
    ),
    "beta-binomial": full(beta_binomial),
    "korn-graubard": full(intervals.korn_graubard),
    "effective-wilson": full(intervals.effective_wilson),
    "logit-t": full(intervals.logit_t),
    "recommended": full(intervals.recommended),
}
EVEN = {
    "horvitz-thompson": partial(audits.horvitz_thompson, 300, signal=False),
    "hajek": partial(audits.hajek, 300, signal=False),
    "beta-binomial, planned": modelled(300),
}
SIGNAL = {
    "horvitz-thompson": partial(audits.horvitz_thompson, 300, signal=True),
    "hajek": partial(audits.hajek, 300, signal=True),
    "prediction-powered": partial(audits.prediction_powered, 300, signal=True),
}
PEEKING = {
    "recommended, peeked at": tempted,
    "betting": bet,
    "without-replacement": in_random_order,
}

REGIMES = {
    "ordinary": Regime(campaign=even(164, 20, 0.1, 0.3), truth=0.1, estimators=FULL),
    "independent samples": Regime(campaign=even(164, 20, 0.1, 0), truth=0.1, estimators=FULL),
    "strong clustering": Regime(campaign=even(164, 20, 0.1, 0.7), truth=0.1, estimators=FULL),
    "half of all": Regime(campaign=even(164, 20, 0.5, 0.3), truth=0.5, estimators=FULL),
    "few problems": Regime(campaign=even(20, 20, 0.25, 0.2), truth=0.25, estimators=FULL),
    "ten problems": Regime(campaign=even(10, 20, 0.05, 0.3), truth=0.05, estimators=FULL),
    "rare": Regime(campaign=even(164, 20, 0.01, 0.1), truth=0.01, estimators=FULL),
    "rare, clustered": Regime(campaign=even(164, 20, 0.01, 0.3), truth=0.01, estimators=FULL),
    "few acceptances": Regime(campaign=sparse, truth=0.1, estimators=FULL),
    "unequal sizes": Regime(campaign=skewed, truth=0.1, estimators=FULL),
    "telling sizes": Regime(campaign=telling, truth=telling_truth(), estimators=FULL),
    "partial audits": Regime(campaign=even(164, 10, 0.1, 0.3), truth=0.1, estimators=EVEN),
    "audits by a signal": Regime(campaign=even(164, 10, 0.1, 0.3), truth=0.1, estimators=SIGNAL),
    "optional stopping": Regime(
        campaign=even(60, LARGEST, 0.1, 0.3), truth=0.1, estimators=PEEKING
    ),
    "acceptances at 10": Regime(
        campaign=sampled,
        truth=1 - misses(10),
        estimators={"recommended": of_samples(lambda counts: best_of(counts, 10).returned)},
    ),
    "success of best-of-10": Regime(
        campaign=sampled,
        truth=0.9 * (1 - misses(10)),
        estimators={"recommended": of_samples(lambda counts: best_of(counts, 10).right)},
    ),
    "utility of best-of-5": Regime(
        campaign=sampled,
        truth=UTILITY,
        estimators={"recommended": of_samples(lambda counts: utility(counts, 5, PRICES))},
    ),
}


def study(name: str, rounds: int, *, estimators: Collection[str] = (), seed: int = 0) -> list[Row]:
    """What becomes of estimators in one regime, all of them or those named, on equal campaigns."""
    regime = REGIMES[name]
    asked = {
        key: ask for key, ask in regime.estimators.items() if key in estimators or not estimators
    }
    random, lots = np.random.default_rng(seed).spawn(2)
    found: dict[str, list[tuple[bool, bool, float, float]]] = {}
    for _ in range(rounds):
        campaign = regime.campaign(random)
        for estimator, ask in asked.items():
            try:
                interval, truth = ask(campaign, lots, regime.truth)
            except NotEstimable:
                continue
            fate = (interval.upper < truth, interval.lower > truth)
            error = interval.estimate - truth
            found.setdefault(estimator, []).append((*fate, interval.width, error))
    return [row(name, estimator, fates) for estimator, fates in found.items()]


def row(regime: str, estimator: str, fates: list[tuple[bool, bool, float, float]]) -> Row:
    below, above, width, bias = np.mean(np.array(fates, np.float64), axis=0)
    return Row(
        regime=regime,
        estimator=estimator,
        rounds=len(fates),
        covered=float(1 - below - above),
        below=float(below),
        above=float(above),
        width=float(width),
        bias=float(bias),
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--only", default="*", help="regimes, as a pattern")
    parser.add_argument("--estimators", nargs="*", default=[], help="by name; all if left out")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rows = []
    print("| regime | estimator | covered | below | above | width | bias |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in fnmatch.filter(REGIMES, options.only):
        for each in study(name, options.rounds, estimators=options.estimators):
            rows.append(each)
            figures = f"{each.covered:.3f} | {each.below:.3f} | {each.above:.3f}"
            print(
                f"| {name} | {each.estimator} | {figures} | {each.width:.3f} | {each.bias:+.4f} |",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in rows], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
