"""What the commands of `verifier estimate` share: options, and how results are shown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from clients.command_line.printing import print_json

if TYPE_CHECKING:  # needs the extra `estimation`
    from proposer.estimation.counts import Counts
    from proposer.estimation.intervals import Interval
    from proposer.estimation.records import Record
    from proposer.estimation.summary import Line

__all__ = [
    "TrustRejectionsOption",
    "TruthOption",
    "VerdictsArgument",
    "counts_of",
    "interval_text",
    "show",
    "table",
]

VerdictsArgument = Annotated[
    Path, typer.Argument(metavar="VERDICTS", help="What `verifier batch` wrote.")
]
TruthOption = Annotated[
    Path | None,
    typer.Option(
        "--truth",
        help="Verdicts of a stronger verifier on the same candidates, or on some of them; or lines "
        'with "truth": "right" or "wrong".',
    ),
]
TrustRejectionsOption = Annotated[
    bool,
    typer.Option(
        "--trust-rejections",
        help="Take what was rejected for wrong where no truth is known: the tests are right.",
    ),
]

_WORDS: Final = {
    "pass-rate": "accepted, of those decided",
    "accuracy": "right, of those known",
    "false-positive-rate": "accepted, of the wrong ones",
    "false-discovery-proportion": "wrong, of the accepted ones",
    "conditional-accuracy": "right, of the accepted ones",
    "ceiling": "right, however long one resamples",
}


def counts_of(records: Iterable[Record]) -> Counts:
    """What estimators count of records."""
    from proposer.estimation.counts import Counts
    from proposer.estimation.records import observations

    return Counts.of(observations(records))


def table(lines: Iterable[Line]) -> list[str]:
    """Lines of text for quantities."""
    shown = []
    for line in lines:
        shown.append(f"{line.name:<27} {_WORDS.get(line.name, '')}".rstrip())
        if line.interval is None:
            shown.append(f"    no estimate: {line.why_none}")
            continue
        shown.append(f"    {interval_text(line.interval)}")
        if line.if_missing is not None:
            lowest, highest = line.if_missing
            shown.append(f"    {lowest:.1%} to {highest:.1%} if all that is missing went one way")
    return shown


def interval_text(interval: Interval) -> str:
    """An estimate with its interval, and what it rests on."""
    return (
        f"{interval.estimate:.1%}, {interval.level:.0%} interval {interval.lower:.1%} to "
        f"{interval.upper:.1%} ({interval.method}, {interval.observations} observations of "
        f"{interval.clusters} problems)"
    )


def show(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Writes the document, or the lines with all control characters visible."""
    if as_json:
        print_json(document)
        return
    from clients.command_line.rendering import visible

    sys.stdout.writelines(f"{visible(line)}\n" for line in lines)
