"""The command `python -m sandboxes.conformance`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sandboxes.conformance import (
    FORGERIES,
    CommandJudge,
    ExecutorJudge,
    Finding,
    Forgery,
    ServerJudge,
    State,
    UnknownBackend,
    every_check,
    find,
    put,
    subject_of,
)
from sandboxes.conformance.backends import NAMES
from sandboxes.conformance.checks import is_selected
from verifier_service.model import ServiceError

PASSED, FAILED, UNUSABLE, SKIPPED = 0, 1, 2, 3
"""Exit codes: all passed; something failed; it could not be looked at; nothing failed, but
something was skipped, and so is not known to hold."""
_COLOURS: Final = {State.PASSED: "green", State.FAILED: "bold red", State.SKIPPED: "yellow"}

app = typer.Typer(add_completion=False)


@app.command()
def main(
    backend: Annotated[
        str,
        typer.Option(help=f"Sandbox: {', '.join(NAMES)}, or your own as package.module:factory."),
    ] = "bubblewrap",
    image: Annotated[str, typer.Option(help="Worker image, for containers.")] = "",
    server: Annotated[
        str, typer.Option(help="Put the forgeries to a running server, host:port.")
    ] = "",
    verifier: Annotated[
        str, typer.Option(help="Put the forgeries to another verifier, behind this command.")
    ] = "",
    only: Annotated[
        list[str] | None, typer.Option(help="Names of checks, with * and ?; may be repeated.")
    ] = None,
    runs: Annotated[
        int, typer.Option(min=1, help="Verdicts after which nothing may have grown.")
    ] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One finding per line, in JSON.")] = False,
) -> None:
    """Puts a sandbox, a server or another verifier to the test: attacks, leftovers, forgeries."""
    patterns = only or []
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        if server and verifier:
            raise UnknownBackend("Give one of --server and --verifier, not both.")
        if server or verifier:
            findings = _of_judge(
                ServerJudge(server) if server else CommandJudge(verifier), patterns
            )
        else:
            findings = _of_backend(backend, image, patterns, runs)
        code = asyncio.run(_report(findings, as_json=as_json))
        if code == UNUSABLE:
            console.print(f"No check has a name like {' or '.join(patterns)}.")
    except (UnknownBackend, ServiceError) as error:
        console.print(str(error))
        code = UNUSABLE
    sys.exit(code)


async def _of_backend(
    name: str, image: str, patterns: Sequence[str], runs: int
) -> AsyncIterator[Finding]:
    checks = [check for check in every_check(runs=runs) if is_selected(check.name, patterns)]
    async with subject_of(name, image=image) as subject:
        async for finding in find(checks, subject):
            yield finding
        async for finding in put(_forgeries(patterns), ExecutorJudge(subject.executor)):
            yield finding


async def _of_judge(
    judge: CommandJudge | ServerJudge, patterns: Sequence[str]
) -> AsyncIterator[Finding]:
    async with contextlib.aclosing(judge):
        async for finding in put(_forgeries(patterns), judge):
            yield finding


def _forgeries(patterns: Sequence[str]) -> list[Forgery]:
    return [one for name, one in FORGERIES.items() if is_selected(f"forgeries/{name}", patterns)]


async def _report(findings: AsyncIterator[Finding], *, as_json: bool) -> int:
    """Says what is found; returns the exit code."""
    console = Console(highlight=False, emoji=False, markup=False)
    found = []
    with console.status("") if console.is_terminal else contextlib.nullcontext() as status:
        async for finding in findings:
            found.append(finding)
            if as_json:
                console.out(json.dumps(asdict(finding) | {"state": finding.state.value}))
            elif status is not None:
                status.update(f"{len(found)}: {finding.name}")
    counts = Counter(finding.state for finding in found)
    if not as_json:
        console.print(_table(found))
        console.print(", ".join(f"{counts[state]} {state.value}" for state in State))
    if not found:
        return UNUSABLE
    if counts[State.FAILED]:
        return FAILED
    return SKIPPED if counts[State.SKIPPED] else PASSED


def _table(findings: Sequence[Finding]) -> Table:
    table = Table("check", "stopped by", "expected", "got", "", box=None, pad_edge=False)
    for one in findings:
        state = Text(one.state.value, style=_COLOURS[one.state])
        table.add_row(one.name, ", ".join(one.layers), one.expected, one.got, state)
    return table


if __name__ == "__main__":
    app()
