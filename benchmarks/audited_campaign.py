"""A campaign that stops and audits as advised, against fixed budgets, on recorded samples.

    python -m benchmarks.audited_campaign SAMPLES.jsonl.gz [--orders 20] [--json FILE]

A sample has `task_id`, `model`, `config`, `temp` and a reference run's verdicts on weak and strong
inputs: weak is the verifier, strong is the audit. For every configuration with at least ten samples
of forty problems, what is believed is learnt on one half of the problems and used on the other, and
the other way round; each problem's samples come in random order, the same for all policies.

First table: share of problems with a right and with a wrong answer returned, samples and audits per
problem. Second: how well a part of the acceptances, audited, tells the false-discovery proportion.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from proposer.estimation import audits, intervals
from proposer.estimation.audits import Acceptances
from proposer.estimation.counts import Truth
from proposer.estimation.definitions import Prices
from proposer.estimation.hierarchy import BetaBinomial
from proposer.estimation.ratios import Ratio
from proposer.estimation.stopping import Action, Belief, Beliefs, Progress, recommend

__all__ = ["Fate", "Sample", "advised", "beliefs", "fixed", "read"]

PRICES = Prices(false_positive=2, sample=0.01, audit=0.05)
"""A false positive costs two right answers, an audit five samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    accepted: bool
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one problem; shares and means when averaged."""

    right: float
    wrong: float
    samples: float
    audits: float

    @property
    def utility(self) -> float:
        spent = PRICES.sample * self.samples + PRICES.audit * self.audits
        return self.right - PRICES.false_positive * self.wrong - spent


Problems = Mapping[str, Sequence[Sample]]
Policy = Callable[[Sequence[Sample], Beliefs], Fate]


def read(path: Path) -> dict[str, Problems]:
    """Samples by configuration and problem; those that the strong run could not judge left out."""
    found: dict[str, dict[str, list[Sample]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            accepted, right = record["weak"] == "pass", record["strong"] == "pass"
            if accepted and record["strong"] not in ("pass", "fail"):
                continue
            name = f"{record['model']} {record['config']} {record['temp']}"
            found[name][record["task_id"]].append(Sample(accepted=accepted, right=right))
    return {name: problems for name, problems in found.items() if enough(problems)}


def enough(problems: Problems) -> bool:
    return sum(len(samples) >= 10 for samples in problems.values()) >= 40


def beliefs(problems: Problems) -> Beliefs:
    """What half of the problems teaches about the other."""
    samples = [list(samples) for samples in problems.values()]
    accepted = np.array([sum(each.accepted for each in some) for some in samples], np.float64)
    wrong = [sum(each.accepted and not each.right for each in some) for some in samples]
    totals = np.array([len(some) for some in samples], np.float64)
    return Beliefs(
        sampled=Belief(**belief(BetaBinomial.fit(accepted, totals))),
        repaired=Belief(hits=1, misses=1e6),
        wrong=Belief(**belief(BetaBinomial.fit(np.array(wrong, np.float64), accepted))),
    )


def belief(fitted: BetaBinomial) -> dict[str, float]:
    hits, misses = fitted.strengths()
    return {"hits": hits, "misses": misses}


def fixed(budget: int, *, audit: str) -> Policy:
    """`budget` samples of each problem; audits of "none", "until right" or "all" acceptances."""

    def run(samples: Sequence[Sample], _: Beliefs) -> Fate:
        drawn = samples[:budget]
        accepted = [sample.right for sample in drawn if sample.accepted]
        until = accepted.index(True) + 1 if True in accepted else len(accepted)
        asked = {"none": 0, "until right": until, "all": len(accepted)}[audit]
        right = accepted[0] if audit == "none" and accepted else any(accepted[:asked])
        returned = bool(accepted) if audit == "none" else right
        return Fate(right=right, wrong=returned and not right, samples=len(drawn), audits=asked)

    return run


def advised(budget: int) -> Policy:
    """As `recommend` says, with at most `budget` samples of each problem."""

    def run(samples: Sequence[Sample], believed: Beliefs) -> Fate:
        progress, asked, hand = Progress(), 0, False
        waiting = iter(samples[:budget])
        drawn = 0
        while True:
            advice = recommend(progress, believed, PRICES)
            if advice.action is Action.AUDIT:
                asked += 1
                progress = audited(progress, right=hand)
            elif advice.action is Action.SAMPLE and (sample := next(waiting, None)):
                drawn += 1
                hand = sample.right
                progress = replace(
                    progress,
                    accepted=sample.accepted,
                    rejected=progress.rejected + (not sample.accepted),
                )
            else:
                right = advice.returns and hand
                wrong = advice.returns and not hand
                return Fate(right=right, wrong=wrong, samples=drawn, audits=asked)

    return run


def audited(progress: Progress, *, right: bool) -> Progress:
    wrong = progress.found_wrong + (not right)
    return replace(progress, accepted=False, found_right=right, found_wrong=wrong)


def replay(configurations: Mapping[str, Problems], policy: Policy, orders: int) -> list[Fate]:
    """Fates of all problems, each the mean over random orders of its samples."""
    fates: list[Fate] = []
    for problems in configurations.values():
        names = sorted(problems)
        for here, there in ((0, 1), (1, 0)):
            believed = beliefs({name: problems[name] for name in names[there::2]})
            fates += [averaged(problems[name], policy, believed, orders) for name in names[here::2]]
    return fates


def averaged(samples: Sequence[Sample], policy: Policy, believed: Beliefs, orders: int) -> Fate:
    random = np.random.default_rng(len(samples))
    runs = [
        policy([samples[i] for i in random.permutation(len(samples))], believed)
        for _ in range(orders)
    ]
    return mean(runs)


def mean(fates: Sequence[Fate]) -> Fate:
    values = np.array([list(asdict(fate).values()) for fate in fates], np.float64)
    return Fate(**dict(zip(asdict(fates[0]), values.mean(axis=0).tolist(), strict=True)))


def difference(these: Sequence[Fate], those: Sequence[Fate], problems: Sequence[str]) -> str:
    """How much more often these return a right answer, with a 95 % interval by problem."""
    gaps = collections.defaultdict(list)
    for this, that, problem in zip(these, those, problems, strict=True):
        gaps[problem].append(this.right - that.right)
    ratio = Ratio(
        name="difference",
        numerators=np.array([sum(gap) for gap in gaps.values()]),
        denominators=np.array([len(gap) for gap in gaps.values()], np.float64),
        observations=len(problems),
        fraction=False,
    )
    found = intervals.recommended(ratio)
    return f"{found.estimate:+.4f} [{found.lower:+.4f}, {found.upper:+.4f}]"


def acceptances(problems: Problems) -> tuple[Acceptances, Ratio]:
    """Of one configuration: suspected by how rarely its problem's samples are accepted."""
    names, suspicions, wrong = [], [], []
    for name, samples in problems.items():
        share = sum(sample.accepted for sample in samples) / len(samples)
        for sample in samples:
            if sample.accepted:
                names.append(name)
                suspicions.append(min(max(1 - share, 0.05), 0.95))
                wrong.append(not sample.right)
    truths = np.where(wrong, Truth.WRONG, Truth.RIGHT).astype(np.int64)
    everyone = np.ones(len(names))
    complete = Acceptances(
        problems=tuple(names), truths=truths, suspicions=np.array(suspicions), chances=everyone
    )
    return complete, audits.hajek(complete)


def partly(complete: Acceptances, share: float, seed: int) -> Acceptances:
    """The same with a part of it audited, drawn by worth."""
    start = Acceptances.unaudited(complete.problems, complete.suspicions)
    count = max(2, round(share * len(complete.problems)))
    chances = audits.chances(audits.worths(start), count)
    chosen = audits.draw(chances, seed)
    return start.drawn(chances, {int(i): Truth(complete.truths[i]) for i in chosen})


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    configurations = read(options.samples)
    figures = {
        "policies": policies(configurations, options.orders),
        "audits": parts(configurations),
    }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def policies(configurations: Mapping[str, Problems], orders: int) -> list[dict[str, object]]:
    names = [name for problems in configurations.values() for name in halves(problems)]
    count = len(set(names))
    print(f"{len(configurations)} configurations, {count} problems\n")
    print("| policy | right | wrong | samples | audits | utility | right, more than audit all |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    budget = 10
    tried = {
        "fixed, audit all": fixed(budget, audit="all"),
        "fixed, audit until right": fixed(budget, audit="until right"),
        "fixed, no audit": fixed(budget, audit="none"),
        "as advised": advised(budget),
    }
    fates = {name: replay(configurations, policy, orders) for name, policy in tried.items()}
    rows = []
    for name, some in fates.items():
        fate = mean(some)
        gap = difference(some, fates["fixed, audit all"], names)
        print(
            f"| {name} | {fate.right:.4f} | {fate.wrong:.4f} | {fate.samples:.2f} | "
            f"{fate.audits:.2f} | {fate.utility:.3f} | {gap} |"
        )
        rows.append({"policy": name, **asdict(fate), "utility": fate.utility, "difference": gap})
    return rows


def halves(problems: Problems) -> list[str]:
    """Problems in the order in which `replay` goes through them."""
    names = sorted(problems)
    return names[0::2] + names[1::2]


def parts(configurations: Mapping[str, Problems]) -> list[dict[str, object]]:
    print("\n| audited | audits | width | of the width with all | off by |")
    print("| --- | --- | --- | --- | --- |")
    rows = []
    for share in (0.1, 0.2, 0.3, 0.5, 1.0):
        found = []
        for problems in configurations.values():
            complete, whole = acceptances(problems)
            if len(complete.problems) < 100:
                continue
            full = intervals.recommended(whole)
            for seed in range(1 if share == 1 else 10):
                some = complete if share == 1 else partly(complete, share, seed)
                part = intervals.recommended(audits.prediction_powered(some))
                error = abs(part.estimate - full.estimate)
                found.append((part.observations, part.width, part.width / full.width, error))
        audited_, width, stretch, error = np.mean(found, axis=0)
        print(f"| {share:.0%} | {audited_:.0f} | {width:.3f} | {stretch:.2f} | {error:.4f} |")
        rows.append({"share": share, "audits": audited_, "width": width, "stretch": stretch})
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
