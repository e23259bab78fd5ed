"""`verifier batch`: many candidates, from a file to a file."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from clients.command_line import options
from clients.command_line.batch_files import (
    KeptOutput,
    StandardOutput,
    input_size,
    open_input,
    open_output,
    read_lines,
)
from clients.command_line.batch_progress import BatchProgress
from clients.command_line.batch_run import BatchRun, OutputMismatch, Tally
from clients.command_line.exit_codes import ExitCode, InvalidInput
from clients.command_line.printing import print_json
from clients.command_line.rendering import error_console, tally_text
from clients.command_line.service import Service, run_async
from clients.pass_rate import PassRate
from verifier_service.model import CachePolicy, CallOptions, ServiceError

__all__ = ["batch"]


def batch(
    specs: Annotated[
        Path, typer.Argument(help="Specs in JSON Lines; - for standard input.", metavar="SPECS")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Verdicts in JSON Lines; - for standard output."),
    ] = Path("-"),
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over: throw away what OUTPUT holds.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Run anew, even where a verdict is kept.")
    ] = False,
    priority: Annotated[int, typer.Option("--priority", help="Lower runs sooner.")] = 0,
    session_id: Annotated[
        str, typer.Option("--session-id", help="Name of this run in the server's records.")
    ] = "",
    window: Annotated[int, typer.Option("--window", min=1, help="Lines in hand at a time.")] = 1024,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Judges every line of a file, and writes a line for each, in the same order.

    One line of SPECS is one VerificationSpec; one line of OUTPUT holds its ids and its verdict or
    error. The same command goes on where an earlier run ended. Exit codes: 0 every line has its
    verdict or error, 2 wrong usage, 4 the run could not go on.
    """
    if as_json and str(output) == "-":
        raise InvalidInput("--json writes the summary to standard output: give -o FILE too.")
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    call = CallOptions(
        cache_policy=CachePolicy.REFRESH if refresh else CachePolicy.USE,
        priority=priority,
        session_id=session_id,
    )
    with open_input(specs) as source, _sink(output, source, restart=restart) as sink:
        try:
            tally, seconds = run_async(_run(service, source, sink, call, window))
        except OutputMismatch as error:
            raise InvalidInput(
                f"{output} is not the output of this input: {error} Give another file, or start "
                "it over with --restart."
            ) from error
        except OSError as error:
            raise ServiceError(f"The run can't go on: {error}.") from error
    if as_json:
        print_json(_summary(tally, seconds))
    error_console().print(tally_text(tally, seconds), soft_wrap=True)
    return ExitCode.ACCEPTED


@contextlib.contextmanager
def _sink(
    output: Path, source: BinaryIO, *, restart: bool
) -> Iterator[KeptOutput | StandardOutput]:
    if str(output) == "-":
        yield StandardOutput()
        return
    with open_output(output, source, restart=restart) as sink:
        yield sink


async def _run(
    service: Service,
    source: BinaryIO,
    sink: KeptOutput | StandardOutput,
    call: CallOptions,
    window: int,
) -> tuple[Tally, float]:
    began = time.monotonic()
    async with service.open() as verifier:
        run = BatchRun(verifier, sink, options=call, window_lines=window)
        with BatchProgress(error_console(), run.tally, input_size(source)) as progress:
            run.on_change(progress.show)
            try:
                await run.run(read_lines(source))
            except (asyncio.CancelledError, ServiceError):
                if isinstance(sink, KeptOutput):
                    progress.say_how_to_resume()
                raise
    return run.tally, time.monotonic() - began


def _summary(tally: Tally, seconds: float) -> dict[str, object]:
    summary: dict[str, object] = {
        "lines": tally.total,
        "accepted": tally.accepted,
        "rejected": tally.rejected,
        "inconclusive": tally.inconclusive,
        "errors": tally.errors,
        "kept": tally.kept,
        "errorReasons": tally.reasons,
        "seconds": round(seconds, 3),
    }
    if decided := tally.accepted + tally.rejected:
        rate = PassRate.of(tally.accepted, decided)
        summary["passRate"] = {"rate": rate.rate, "lower": rate.lower, "upper": rate.upper}
    return {"summary": summary}
