"""`verifier report`: verdicts in pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line import options
from clients.command_line.estimate_files import estimation, read_verdicts
from clients.command_line.exit_codes import ExitCode, InvalidInput
from clients.command_line.printing import print_json

if TYPE_CHECKING:  # needs the extra `estimation`
    from proposer.estimation.report import Run

__all__ = ["report"]


def report(
    verdicts: Annotated[
        list[Path],
        typer.Argument(metavar="VERDICTS…", help="What `verifier batch` wrote, a file a model."),
    ],
    truth: Annotated[
        list[Path] | None,
        typer.Option("--truth", help="Verdicts of a stronger verifier; one for each VERDICTS."),
    ] = None,
    trust_rejections: Annotated[
        bool,
        typer.Option("--trust-rejections", help="Take what was rejected for wrong."),
    ] = False,
    false_positive_cost: Annotated[
        list[float] | None,
        typer.Option(
            "--false-positive-cost",
            min=0,
            help="What a wrong answer costs, in right answers; may be repeated. 1 and 4 if left "
            "out.",
        ),
    ] = None,
    sample_cost: Annotated[
        float, typer.Option("--sample-cost", min=0, help="What a sample costs, likewise.")
    ] = 0.0,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The page; its numbers go beside it, as .json.")
    ] = Path("report.html"),
    as_json: options.JsonOption = False,
) -> int:
    """Writes a page with pictures, which needs nothing else, and the numbers behind it.

    verifier report a.jsonl b.jsonl --truth a-strong.jsonl --truth b-strong.jsonl -o report.html
    """
    runs = _runs(verdicts, truth or [], trust_rejections=trust_rejections)
    with estimation():
        from proposer.estimation.definitions import Prices
        from proposer.estimation.report import html_page, numbers

        costs = false_positive_cost or [1.0, 4.0]
        told = numbers(runs, [Prices(false_positive=cost, sample=sample_cost) for cost in costs])
        page = html_page(told)
    beside = output.with_suffix(".json")
    if beside == output:
        raise InvalidInput(f"{output} is the name of the numbers. Give the page another ending.")
    for path, text in ((output, page), (beside, json.dumps(told, indent=1) + "\n")):
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"{path} can't be written: {error.strerror}.") from error
    if as_json:
        print_json(told)
    else:
        typer.echo(f"{output} has the page, {beside} the numbers.")
    return ExitCode.ACCEPTED


def _runs(verdicts: Sequence[Path], truths: Sequence[Path], *, trust_rejections: bool) -> list[Run]:
    if truths and len(truths) != len(verdicts):
        raise InvalidInput(
            f"There are {len(verdicts)} files of verdicts and {len(truths)} of --truth. Give one "
            "for each, in the same order."
        )
    with estimation():
        from proposer.estimation.report import Run
    told: Sequence[Path | None] = truths or [None] * len(verdicts)
    return [
        Run(
            name=path.stem,
            records=read_verdicts(path, truth, trust_rejections=trust_rejections),
        )
        for path, truth in zip(verdicts, told, strict=True)
    ]
