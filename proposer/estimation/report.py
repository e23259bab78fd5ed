"""A report on files of verdicts: the numbers as JSON, and pictures of them in one HTML page.

The page needs nothing else, neither a network nor scripts. Whatever comes from files, candidates'
names among it, is escaped.
"""

from __future__ import annotations

import contextlib
import datetime
import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import stats

from proposer.estimation import pictures
from proposer.estimation.audits import next_audits
from proposer.estimation.counts import Answer, Counts, Floats, NotEstimable, Truth
from proposer.estimation.definitions import (
    Prices,
    accuracy,
    best_of,
    false_discovery_proportion,
    largest_k,
    optimal_samples,
    pass_at,
    utility,
)
from proposer.estimation.hierarchy import BetaBinomial
from proposer.estimation.intervals import Interval, recommended
from proposer.estimation.plans import acceptances, accepted
from proposer.estimation.power_law import power_law
from proposer.estimation.ratios import Ratio
from proposer.estimation.records import Record, UnusableRecords, observations
from proposer.estimation.summary import interval_json, line_json, summary

__all__ = ["Run", "html_page", "numbers"]

_MOST_POINTS: Final = 24
"""Points of a curve."""
_MOST_AUDITS: Final = 200
_FIRST_AUDITS: Final = 10
_BINS: Final = 5
_LEAST_FILES: Final = 3
"""Points that a line can be fitted to, with something left to say how well it fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A file of verdicts: for instance one model's."""

    name: str
    records: Sequence[Record]


def numbers(runs: Sequence[Run], prices: Sequence[Prices]) -> dict[str, Any]:
    """All that a report says, as JSON; what can't be estimated has `missing` and the reason.

    Args:
        runs: What to report on.
        prices: A utility curve for each.
    """
    return {
        "made": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
        "runs": [_run(run, prices) for run in runs],
        "accuracyAndFalseDiscoveries": _told(lambda: _accuracy_and_false(runs)),
    }


def _run(run: Run, prices: Sequence[Prices]) -> dict[str, Any]:
    counts = Counts.of(observations(run.records))
    cells = counts.cells.sum(axis=0)
    ks = _ks(largest_k(counts))
    return {
        "name": run.name,
        "problems": len(counts.problems),
        "accepted": int(cells[Answer.ACCEPTED].sum()),
        "rejected": int(cells[Answer.REJECTED].sum()),
        "inconclusive": int(cells[Answer.INCONCLUSIVE].sum()),
        "acceptedOfKnownTruth": int(cells[Answer.ACCEPTED, : Truth.UNKNOWN].sum()),
        "quantities": [
            line_json(line) for line in summary(counts, _ks(_largest_known_k(counts))[-1:])
        ],
        "coverage": [_coverage(counts, k) for k in ks],
        "powerLaw": _told(lambda: _power_law(counts)),
        "utility": _told(lambda: _utilities(counts, prices)),
        "calibration": _told(lambda: _calibration(run.records)),
        "audits": _told(lambda: _audits(run.records)),
    }


def _ks(largest: int) -> list[int]:
    if largest < 1:
        return []
    return sorted({round(k) for k in np.geomspace(1, largest, _MOST_POINTS)})


def _coverage(counts: Counts, k: int) -> dict[str, Any]:
    point: dict[str, Any] = {"k": k}
    point["accepted"] = interval_json(recommended(best_of(_trusting(counts), k).returned))
    with contextlib.suppress(NotEstimable):
        point["right"] = interval_json(recommended(pass_at(counts, k)))
    return point


def _trusting(counts: Counts) -> Counts:
    """As if every acceptance were right: what coverage looks like to the verifier."""
    cells = counts.cells.copy()
    cells[:, Answer.ACCEPTED, Truth.RIGHT] = counts.accepted
    cells[:, Answer.ACCEPTED, Truth.WRONG] = 0
    cells[:, Answer.ACCEPTED, Truth.UNKNOWN] = 0
    return Counts(counts.problems, cells)


def _power_law(counts: Counts) -> dict[str, Any]:
    """The law that coverage follows, up to the k that each problem has samples of known truth for.

    Raises:
        NotEstimable: There are too few of them.
    """
    largest = _largest_known_k(counts)
    law = power_law(counts, largest)
    return {
        "scale": interval_json(law.scale),
        "exponent": interval_json(law.exponent),
        "largestError": law.largest_error,
        "curve": [{"k": k, "coverage": law.coverage(k)} for k in _ks(largest)],
    }


def _largest_known_k(counts: Counts) -> int:
    known = counts.right + counts.wrong
    return int(known.min()) if len(known) else 0


def _utilities(counts: Counts, prices: Sequence[Prices]) -> dict[str, Any]:
    """Problems with acceptances of which nobody knows any truth are left out, and counted.

    Raises:
        NotEstimable: There are no others.
    """
    known = counts.true_positives + counts.false_positives
    usable = (counts.accepted == 0) | (known > 0)
    problems = tuple(name for name, use in zip(counts.problems, usable, strict=True) if use)
    if not (known > 0).any():
        raise NotEstimable("The truth of no acceptance is known.")
    kept = Counts(problems, counts.cells[usable])
    ks = _ks(largest_k(kept))
    curves = []
    for price in prices:
        best = optimal_samples(kept, price)
        curves.append(
            {
                "falsePositiveCost": price.false_positive,
                "sampleCost": price.sample,
                "best": best,
                "curve": [
                    {"k": k} | interval_json(recommended(utility(kept, k, price)))
                    for k in sorted({0, best, *ks})
                ],
            }
        )
    return {"problemsLeftOut": int((~usable).sum()), "curves": curves}


def _calibration(records: Sequence[Record]) -> dict[str, Any]:
    """Predicts from every second audited acceptance of a problem, and looks at the others.

    Raises:
        NotEstimable: Too few problems have two audited acceptances.
    """
    halves = _halves(records)
    if len(halves) < 2 * _BINS:
        raise NotEstimable(
            f"{len(halves)} problems have two acceptances or more of known truth; to compare "
            f"predictions with what came of them, {2 * _BINS} are needed."
        )
    hits, trials, later_hits, later_trials = np.array(halves, np.float64).T
    ones, zeros = BetaBinomial.fit(hits, trials).strengths()
    predicted: Floats = (ones + hits) / (ones + zeros + trials)
    bins = []
    for group in np.array_split(np.argsort(predicted, kind="stable"), _BINS):
        observed = Ratio(
            name="share of wrong acceptances",
            numerators=later_hits[group],
            denominators=later_trials[group],
            observations=int(later_trials[group].sum()),
        )
        weights = later_trials[group]
        bins.append(
            {
                "predicted": float(np.average(predicted[group], weights=weights)),
                "observed": interval_json(recommended(observed)),
            }
        )
    return {"bins": bins}


def _halves(records: Iterable[Record]) -> list[tuple[int, int, int, int]]:
    """By problem: wrong and known among every second acceptance, then among the others."""
    by_problem: dict[str, list[bool]] = {}
    for record in records:
        if record.answer is Answer.ACCEPTED and record.truth is not Truth.UNKNOWN:
            by_problem.setdefault(record.problem, []).append(record.truth is Truth.WRONG)
    return [
        (sum(one[::2]), len(one[::2]), sum(one[1::2]), len(one[1::2]))
        for one in by_problem.values()
        if len(one) > 1
    ]


def _audits(records: Sequence[Record]) -> dict[str, Any]:
    """What to audit next, and what each audit is expected to bring.

    Raises:
        NotEstimable: Everything is audited.
        UnusableRecords: Nothing was accepted, or candidates have no ids.
    """
    found = accepted(records)
    planned = next_audits(acceptances(records), _MOST_AUDITS)
    if not planned:
        raise NotEstimable("The truth of all acceptances is known.")
    return {
        "standardErrors": [one.standard_error for one in planned],
        "first": [
            {
                "problemId": one.problem,
                "candidateId": found[one.acceptance].candidate,
                "standardError": one.standard_error,
            }
            for one in planned[:_FIRST_AUDITS]
        ],
    }


def _accuracy_and_false(runs: Sequence[Run]) -> dict[str, Any]:
    """Weaker models fool the same tests more often: fLaws, Fig. 1a.

    Raises:
        NotEstimable: There are fewer than three files whose truth is known.
    """
    points = []
    for run in runs:
        counts = Counts.of(observations(run.records))
        try:
            across = recommended(accuracy(counts))
            up = recommended(false_discovery_proportion(counts))
        except NotEstimable:
            continue
        points.append((run.name, across, up))
    if len(points) < _LEAST_FILES:
        raise NotEstimable(
            f"A line needs {_LEAST_FILES} files of known truth, and there are {len(points)}."
        )
    made: dict[str, Any] = {
        "points": [
            {"run": name, "accuracy": interval_json(x), "falseDiscoveries": interval_json(y)}
            for name, x, y in points
        ]
    }
    return made | _fitted([x for _, x, _ in points], [y for *_, y in points])


def _fitted(across: Sequence[Interval], up: Sequence[Interval]) -> dict[str, float]:
    """Least squares, with a 95 % interval by t; nothing where all accuracies are the same."""
    xs, ys = [one.estimate for one in across], [one.estimate for one in up]
    if np.ptp(xs) == 0:
        return {}
    fit = stats.linregress(xs, ys)
    margin = float(stats.t.ppf(0.975, len(xs) - 2)) * float(fit.stderr)
    return {
        "slope": float(fit.slope),
        "slopeLower": float(fit.slope) - margin,
        "slopeUpper": float(fit.slope) + margin,
        "intercept": float(fit.intercept),
        "correlation": float(fit.rvalue) if np.ptp(ys) else 0.0,
    }


def _told(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except (NotEstimable, UnusableRecords) as reason:
        return {"missing": str(reason)}


# The page ---------------------------------------------------------------------------------------

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>How often an acceptance is wrong</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #ddd;
  vertical-align: top; }}
td.number {{ font-variant-numeric: tabular-nums; white-space: nowrap; }}
figure {{ margin: 1.5rem 0; }}
figcaption, .quiet {{ color: #555; font-size: 0.9rem; }}
svg {{ max-width: 100%; height: auto; }}
</style>
</head>
<body>
<h1>How often an acceptance is wrong</h1>
<p class="quiet">Made {made}. Intervals are 95 % intervals over problems, samples of one problem
taken together. What was inconclusive is missing, never wrong.</p>
{body}
</body>
</html>
"""


def html_page(told: Mapping[str, Any]) -> str:
    """The page for what `numbers` returned."""
    runs = told["runs"]
    parts = []
    if any(run["coverage"] for run in runs):
        parts.append(
            _figure(
                "Coverage",
                pictures.coverage(runs),
                "Problems for which k samples hold a right one, or an accepted one. Where the two "
                "part, more samples buy wrong acceptances.",
            )
        )
    points = told["accuracyAndFalseDiscoveries"]
    parts.append(
        _either(
            "Accuracy and false discoveries",
            points,
            pictures.accuracy_and_false,
            "A point is a file. Where the line falls, weaker authors fool the tests more often.",
        )
    )
    parts += [_section(run) for run in runs]
    return _PAGE.format(made=html.escape(told["made"]), body="\n".join(parts))


def _section(run: Mapping[str, Any]) -> str:
    known = (
        f"{run['problems']} problems: {run['accepted']} accepted, {run['rejected']} rejected, "
        f"{run['inconclusive']} inconclusive. The truth is known of "
        f"{run['acceptedOfKnownTruth']} acceptances."
    )
    parts = [
        f"<h2>{html.escape(run['name'])}</h2>",
        f"<p>{known}</p>",
        _quantities(run["quantities"]),
        f"<p>{html.escape(_law_text(run['powerLaw']))}</p>",
    ]
    left_out = run["utility"].get("problemsLeftOut", 0)
    parts.append(
        _either(
            "Utility",
            run["utility"],
            pictures.utility,
            "What best-of-k is worth when a wrong answer costs. Dots are the best k."
            + (f" {left_out} problems without any audit are left out." if left_out else ""),
        )
    )
    parts.append(
        _either(
            "Calibration",
            run["calibration"],
            pictures.calibration,
            "Predicted for each problem from every second acceptance, and seen on the others.",
        )
    )
    parts.append(
        _either(
            "Audits",
            run["audits"],
            pictures.audits,
            "How far audits, the most telling first, shrink what is unknown of these acceptances.",
        )
    )
    if "first" in run["audits"]:
        parts.append(_audit_table(run["audits"]["first"]))
    return "\n".join(parts)


def _either(
    title: str, told: Mapping[str, Any], draw: Callable[[Mapping[str, Any]], str], caption: str
) -> str:
    if "missing" in told:
        return f"<h3>{title}</h3><p class='quiet'>{html.escape(told['missing'])}</p>"
    return _figure(title, draw(told), caption)


def _figure(title: str, svg: str, caption: str) -> str:
    return f"<figure><h3>{title}</h3>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _law_text(law: Mapping[str, Any]) -> str:
    if "missing" in law:
        return f"No power law was fitted to coverage. {law['missing']}"
    scale, exponent = law["scale"], law["exponent"]
    return (
        f"Coverage grows as exp(a·k^b) with a = {scale['estimate']:.3f} ({scale['lower']:.3f} to "
        f"{scale['upper']:.3f}) and b = {exponent['estimate']:.3f} ({exponent['lower']:.3f} to "
        f"{exponent['upper']:.3f}); the curve is at most {law['largestError']:.1%} off."
    )


def _quantities(lines: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for line in lines:
        name = html.escape(line["quantity"])
        if "missing" in line:
            rows.append(
                f"<tr><td>{name}</td><td colspan='3'>{html.escape(line['missing'])}</td></tr>"
            )
            continue
        rows.append(
            f"<tr><td>{name}</td><td class='number'>{line['estimate']:.1%}</td>"
            f"<td class='number'>{line['lower']:.1%} to {line['upper']:.1%}</td>"
            f"<td>{line['observations']} observations of {line['problems']} problems"
            f"{_missing_text(line)}</td></tr>"
        )
    head = "<tr><th>quantity</th><th>estimate</th><th>95 % interval</th><th>from</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _missing_text(line: Mapping[str, Any]) -> str:
    if (bounds := line.get("ifMissing")) is None:
        return ""
    return (
        f"; {bounds['lowest']:.1%} to {bounds['highest']:.1%} if all that is missing went one way"
    )


def _audit_table(first: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(one['problemId'])}</td><td>{html.escape(one['candidateId'])}</td>"
        f"<td class='number'>{one['standardError']:.2%}</td></tr>"
        for one in first
    )
    head = "<tr><th>problem</th><th>candidate</th><th>standard error after it</th></tr>"
    return f"<p>The first audits:</p><table>{head}{rows}</table>"
