"""Pictures of a report's numbers, as SVG for a page. Text in them is drawn, and never markup."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

__all__ = ["accuracy_and_false", "audits", "calibration", "coverage", "utility"]

_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which colour-blind people can tell apart."""
_SAMPLE_TICKS: Final = [0.0, *(first * 10.0**power for power in range(7) for first in (1, 2, 5))]
_LONGEST_NAME: Final = 40


def coverage(runs: Sequence[Mapping[str, Any]]) -> str:
    """Problems with a right sample among k, and with an accepted one, with bands and fitted law."""

    def draw(axes: Axes) -> None:
        laws = 0
        for run, colour in _coloured(runs):
            name = _short(run["name"])
            for what, style, label in (
                ("right", "-", f"{name}: a right one"),
                ("accepted", ":", f"{name}: an accepted one"),
            ):
                known = [point for point in run["coverage"] if what in point]
                if known:
                    ks = [point["k"] for point in known]
                    _band(axes, ks, [point[what] for point in known], colour, style, label)
            if "curve" in (law := run["powerLaw"]):
                ks = [point["k"] for point in law["curve"]]
                fitted = [point["coverage"] for point in law["curve"]]
                axes.plot(ks, fitted, "--", color="black", lw=1, label="" if laws else "power law")
                laws += 1
        axes.set_xscale("log")
        _sample_ticks(axes)
        axes.set_ylim(0, 1.02)
        _labels(axes, "samples k", "share of problems", percent=True)

    return _svg(draw)


def accuracy_and_false(numbers: Mapping[str, Any]) -> str:
    """Each file's accuracy and false discoveries, and the line fitted through them."""

    def draw(axes: Axes) -> None:
        for point, colour in _coloured(numbers["points"]):
            across, up = point["accuracy"], point["falseDiscoveries"]
            axes.errorbar(
                across["estimate"],
                up["estimate"],
                xerr=_arms(across),
                yerr=_arms(up),
                fmt="o",
                color=colour,
                capsize=2,
                lw=1,
                label=_short(point["run"]),
            )
        if "slope" in numbers:
            ends = [point["accuracy"]["estimate"] for point in numbers["points"]]
            line = [min(ends), max(ends)]
            axes.plot(
                line,
                [numbers["intercept"] + numbers["slope"] * x for x in line],
                "k--",
                lw=1,
                label=f"slope {numbers['slope']:.2f} ({numbers['slopeLower']:.2f} to "
                f"{numbers['slopeUpper']:.2f}), correlation {numbers['correlation']:.2f}",
            )
        _labels(axes, "accuracy of one sample", "wrong, of the accepted", percent=True)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_ylim(bottom=0)

    return _svg(draw)


def utility(told: Mapping[str, Any]) -> str:
    """Utility of best-of-k against k, for each price of a false positive, and the best k."""

    def draw(axes: Axes) -> None:
        for curve, colour in _coloured(told["curves"]):
            ks = [point["k"] for point in curve["curve"]]
            label = f"a false positive costs {curve['falsePositiveCost']:g}: best k {curve['best']}"
            _band(axes, ks, curve["curve"], colour, "-", label)
            best = next(point for point in curve["curve"] if point["k"] == curve["best"])
            axes.plot([best["k"]], [best["estimate"]], "o", color=colour)
        axes.axhline(0, color="black", lw=0.8)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(left=0)
        _sample_ticks(axes)
        _labels(axes, "samples k (0: abstain)", "utility, in right answers", percent=False)

    return _svg(draw)


def calibration(told: Mapping[str, Any]) -> str:
    """Predicted against observed shares of wrong acceptances, problems grouped by prediction."""

    def draw(axes: Axes) -> None:
        bins = told["bins"]
        across = [one["predicted"] for one in bins]
        up = [one["observed"]["estimate"] for one in bins]
        arms = [_arms(one["observed"]) for one in bins]
        axes.errorbar(
            across,
            up,
            yerr=[[one[0][0] for one in arms], [one[1][0] for one in arms]],
            fmt="o",
            color=_COLOURS[0],
            capsize=3,
            label="observed on the other half",
        )
        most = max([*across, *(one["observed"]["upper"] for one in bins)])
        axes.plot([0, most], [0, most], "k--", lw=1, label="as predicted")
        axes.set_xlim(0, 1.05 * max(across) + 0.01)
        axes.set_ylim(0, min(1.02, 1.05 * most + 0.01))
        _labels(axes, "predicted share of wrong acceptances", "observed", percent=True)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))

    return _svg(draw)


def audits(told: Mapping[str, Any]) -> str:
    """Expected standard error of the share of wrong acceptances against audits to come."""

    def draw(axes: Axes) -> None:
        errors = told["standardErrors"]
        axes.plot(range(1, len(errors) + 1), errors, "-", color=_COLOURS[0])
        first = len(told["first"])
        axes.plot(
            range(1, first + 1), errors[:first], "o", color=_COLOURS[1], label=f"the first {first}"
        )
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _labels(axes, "audits", "expected standard error", percent=True)
        axes.yaxis.set_major_formatter(PercentFormatter(1))

    return _svg(draw)


def _sample_ticks(axes: Axes) -> None:
    """Numbers of samples as one says them: 1, 2, 5, 10."""
    axes.xaxis.set_major_locator(FixedLocator(_SAMPLE_TICKS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{k:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _band(
    axes: Axes,
    ks: Sequence[int],
    points: Sequence[Mapping[str, float]],
    colour: str,
    style: str,
    label: str,
) -> None:
    axes.plot(ks, [one["estimate"] for one in points], style, color=colour, label=label)
    lower, upper = [one["lower"] for one in points], [one["upper"] for one in points]
    axes.fill_between(ks, lower, upper, color=colour, alpha=0.12, lw=0)


def _arms(interval: Mapping[str, float]) -> list[list[float]]:
    estimate = interval["estimate"]
    return [[estimate - interval["lower"]], [interval["upper"] - estimate]]


def _labels(axes: Axes, across: str, up: str, *, percent: bool) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9)


def _coloured(ones: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], str]]:
    return [(one, _COLOURS[index % len(_COLOURS)]) for index, one in enumerate(ones)]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"


def _svg(draw: Callable[[Axes], None]) -> str:
    style: dict[Any, Any] = {
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.size": 10.0,
        "grid.color": "#e4e4e4",
        "legend.frameon": False,
        "svg.fonttype": "path",
        "svg.hashsalt": "report",
        "text.parse_math": False,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        draw(figure.add_subplot())
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = written.getvalue()
    return text[text.index("<svg") :]
