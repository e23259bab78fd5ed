"""What a file of verdicts says, quantity by quantity, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from proposer.estimation.counts import Answer, Counts, NotEstimable, Truth
from proposer.estimation.definitions import (
    accuracy,
    best_of,
    ceiling,
    conditional_accuracy,
    false_discovery_proportion,
    false_positive_rate,
    missing_bounds,
    pass_at,
    pass_rate,
)
from proposer.estimation.intervals import Interval, recommended
from proposer.estimation.ratios import Ratio

__all__ = ["Line", "interval_json", "line_json", "summary"]

_RATES: Final[Sequence[tuple[str, Callable[[Counts], Ratio]]]] = (
    ("pass-rate", pass_rate),
    ("accuracy", accuracy),
    ("false-positive-rate", false_positive_rate),
    ("false-discovery-proportion", false_discovery_proportion),
    ("conditional-accuracy", conditional_accuracy),
)
"""Those that are ratios of sums over samples, so that what is missing can be bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One quantity.

    Attributes:
        name: Its stable name, such as "false-discovery-proportion".
        interval: The estimate; None where there is none.
        if_missing: The smallest and largest estimate that inconclusive answers and unknown truths
            allow, where they can change it.
        why_none: What is missing, where there is no estimate.
    """

    name: str
    interval: Interval | None = None
    if_missing: tuple[float, float] | None = None
    why_none: str = ""


def summary(
    counts: Counts, ks: Iterable[int] = (), interval_of: Callable[[Ratio], Interval] = recommended
) -> list[Line]:
    """All quantities of `definitions`, in the order in which they are best read.

    Args:
        counts: What was observed.
        ks: Numbers of samples to give coverage and the success of best-of-k for.
        interval_of: Puts an interval around each.
    """
    lines = [_rate(name, quantity, counts, interval_of) for name, quantity in _RATES]
    lines.append(_line("ceiling", partial(ceiling, counts), interval_of))
    for k in ks:
        for name, quantity in (
            (f"pass@{k}", partial(pass_at, counts, k)),
            (f"best-of-{k}-right", partial(_best, counts, k, "right")),
            (f"best-of-{k}-wrong", partial(_best, counts, k, "wrong")),
        ):
            lines.append(_line(name, quantity, interval_of))
    return lines


def line_json(line: Line) -> dict[str, Any]:
    """A line as JSON."""
    made: dict[str, Any] = {"quantity": line.name}
    if line.interval is None:
        return made | {"missing": line.why_none}
    made |= interval_json(line.interval)
    if line.if_missing is not None:
        made["ifMissing"] = {"lowest": line.if_missing[0], "highest": line.if_missing[1]}
    return made


def interval_json(interval: Interval) -> dict[str, Any]:
    """An interval as JSON."""
    return {
        "estimate": interval.estimate,
        "lower": interval.lower,
        "upper": interval.upper,
        "level": interval.level,
        "method": interval.method,
        "observations": interval.observations,
        "problems": interval.clusters,
    }


def _best(counts: Counts, k: int, outcome: Literal["right", "wrong"]) -> Ratio:
    best = best_of(counts, k)
    return best.right if outcome == "right" else best.wrong


def _rate(
    name: str,
    quantity: Callable[[Counts], Ratio],
    counts: Counts,
    interval_of: Callable[[Ratio], Interval],
) -> Line:
    line = _line(name, partial(quantity, counts), interval_of)
    if line.interval is None or not _can_change(name, counts):
        return line
    return Line(name=name, interval=line.interval, if_missing=missing_bounds(quantity, counts))


def _can_change(name: str, counts: Counts) -> bool:
    """Whether something is missing that this quantity depends on."""
    cells = counts.cells
    if cells[:, Answer.INCONCLUSIVE].any():
        return True
    unknown = cells[:, :, Truth.UNKNOWN]
    match name:
        case "pass-rate":
            return False
        case "false-discovery-proportion" | "conditional-accuracy":
            return bool(unknown[:, Answer.ACCEPTED].any())
    return bool(unknown.any())


def _line(
    name: str, quantity: Callable[[], Ratio], interval_of: Callable[[Ratio], Interval]
) -> Line:
    try:
        return Line(name=name, interval=interval_of(quantity()))
    except NotEstimable as nothing:
        return Line(name=name, why_none=str(nothing))
