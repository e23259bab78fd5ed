"""`verifier step`: a proof made tactic by tactic, at the keyboard or by another program."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import typer

from clients.command_line import options, proto_json
from clients.command_line.check_command import LIMITS
from clients.command_line.exit_codes import ExitCode, InvalidInput, exit_code_of_verdict
from clients.command_line.lean_commands import lean_theorem_of
from clients.command_line.printing import print_json
from clients.command_line.reading import refuse_two_standard_inputs
from clients.command_line.service import Service, run_async
from verifier_service import lean_steps_wire
from verifier_service.model import CallOptions, RequestedLimits, Verdict
from verifier_service.model.lean_steps import (
    OpenedSession,
    ProofFinished,
    ProofGivenUp,
    StepResult,
    TacticFailed,
    TacticState,
    TacticStopped,
    TheoremToProve,
)

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app"]

app = typer.Typer(
    help="Proves step by step, and has what is finished judged.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_HELP: Final = (
    "A line is a tactic on the present state; one that ends in \\ goes on in the next. "
    ":goto N goes to state N, :undo to the one before, :goals shows the present one, :quit ends."
)


class _Session(Protocol):
    @property
    def opened(self) -> OpenedSession: ...

    async def step(
        self, state_id: int, tactics: list[str], *, limits: RequestedLimits
    ) -> list[StepResult]: ...


@app.callback()
def _group() -> None:
    """Keeps `verifier step` a group while it has one command."""


@app.command("lean")
def step_lean(
    theorem: Annotated[
        Path,
        typer.Argument(
            help="A Lean file whose last theorem is to be proved; what comes before it is trusted.",
            metavar="THEOREM",
        ),
    ],
    environment: Annotated[
        str, typer.Option("--environment", help="Environment; see `verifier doctor`.")
    ] = "",
    wall_seconds: Annotated[
        float | None,
        typer.Option("--wall-seconds", rich_help_panel=LIMITS, help="Wall clock of each tactic."),
    ] = None,
    cpu_seconds: Annotated[
        float | None,
        typer.Option("--cpu-seconds", rich_help_panel=LIMITS, help="CPU time of each tactic."),
    ] = None,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help='Read requests, `{"stateId": 0, "tactics": ["skip"]}`, and write answers, a line '
            "of JSON each; the first one is the session as it was opened.",
        ),
    ] = False,
) -> int:
    """Proves a theorem of Lean 4 tactic by tactic, from standard input.

    verifier step lean statement.lean
    """
    refuse_two_standard_inputs(theorem, Path("-"))
    asked = TheoremToProve(theorem=lean_theorem_of(theorem, ""), environment=environment)
    limits = RequestedLimits(wall_seconds=wall_seconds, cpu_seconds=cpu_seconds)
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    verdict = run_async(_proved(service, asked, limits, _by_json if as_json else _by_hand))
    return ExitCode.REJECTED if verdict is None else exit_code_of_verdict(verdict)


async def _proved(
    service: Service, asked: TheoremToProve, limits: RequestedLimits, talk: Any
) -> Verdict | None:
    """The best verdict of the session: of the first accepted proof, else of the last one."""
    async with (
        service.open("lean_theorem") as verifier,
        verifier.open_session(asked, options=CallOptions()) as session,
    ):
        best: Verdict | None = None
        async for verdict in talk(session, limits):
            if best is None or best.reward != 1.0:
                best = verdict
        return best


class _Walk:
    """Where a person is in the tree of states."""

    def __init__(self, root: TacticState) -> None:
        self._states = {root.state_id: root}
        self._before = {root.state_id: root}
        self.present = root

    def enter(self, state: TacticState) -> None:
        """Goes to a state that the present one leads to."""
        self._before.setdefault(state.state_id, self.present)
        self.present = self._states.setdefault(state.state_id, state)

    def obey(self, command: str, argument: str) -> bool:
        """Goes where a command says; returns whether there is one."""
        match command:
            case ":undo":
                self.present = self._before[self.present.state_id]
            case ":goto" if argument.isdigit() and int(argument) in self._states:
                self.present = self._states[int(argument)]
            case ":goals":
                pass
            case _:
                return False
        return True


async def _by_hand(session: _Session, limits: RequestedLimits) -> AsyncIterator[Verdict]:
    """Takes tactics from a person; yields the verdicts of finished proofs."""
    from clients.command_line.rendering import output_console

    console = output_console()
    walk = _Walk(session.opened.root)
    console.print(_HELP, style="dim", markup=False, soft_wrap=True)
    _show_state(console, walk.present)
    async for line in _lines(lambda: f"{walk.present.state_id}> "):
        command, _, argument = line.strip().partition(" ")
        if command == ":quit":
            return
        if command.startswith(":"):
            if walk.obey(command, argument.strip()):
                _show_state(console, walk.present)
            else:
                console.print(_HELP, style="dim", markup=False, soft_wrap=True)
            continue
        (result,) = await session.step(walk.present.state_id, [line], limits=limits)
        _show(console, result)
        match result.outcome:
            case TacticState() as state:
                walk.enter(state)
            case ProofFinished(verdict=verdict):
                yield verdict


async def _by_json(session: _Session, limits: RequestedLimits) -> AsyncIterator[Verdict]:
    """Takes requests from a program; yields the verdicts of finished proofs."""
    opened = lean_steps_wire.opened_to_proto(session.opened)
    print_json(proto_json.message_json(opened))
    async for line in _lines(lambda: ""):
        state_id, tactics = _request(line)
        results = await session.step(state_id, tactics, limits=limits)
        print_json(proto_json.message_json(lean_steps_wire.results_to_proto(results)))
        for result in results:
            if isinstance(result.outcome, ProofFinished):
                yield result.outcome.verdict


def _request(line: str) -> tuple[int, list[str]]:
    """A state and tactics.

    Raises:
        InvalidInput: The line is no request.
    """
    try:
        asked = json.loads(line)
        state_id, tactics = asked.get("stateId", 0), asked["tactics"]
    except (ValueError, KeyError, AttributeError, RecursionError):
        state_id, tactics = None, None
    texts = isinstance(tactics, list) and all(isinstance(one, str) for one in tactics)
    if not isinstance(state_id, int) or isinstance(state_id, bool) or not texts:
        raise InvalidInput(
            'A line of standard input is no request. Write one such as {"stateId": 0, "tactics": '
            '["skip"]}.'
        )
    assert isinstance(tactics, list)
    return state_id, tactics


async def _lines(prompt: Callable[[], str]) -> AsyncIterator[str]:
    """Lines of standard input that are not empty, joined where one goes on in the next.

    They are read by a thread that nobody waits for, so that Ctrl-C ends the command at once.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    text = ""
    while True:
        if sys.stdin.isatty():
            sys.stdout.write("... " if text else prompt())
            sys.stdout.flush()
        line = await lines.get()
        text += line.rstrip("\n")
        if line and text.endswith("\\"):
            text = text[:-1] + "\n"
            continue
        if text.strip():
            yield text
        if not line:
            return
        text = ""


def _show_state(console: Console, state: TacticState) -> None:
    from clients.command_line.rendering import visible

    count = state.features.goal_count
    console.print(f"state {state.state_id}: {count} goal{'' if count == 1 else 's'}", style="bold")
    for goal in state.goals:
        console.print("\n" + visible(goal.text), markup=False, highlight=False, soft_wrap=True)
    for message in state.messages:
        console.print("\n" + visible(message), style="dim", markup=False, soft_wrap=True)


def _show(console: Console, result: StepResult) -> None:
    """Shows what became of a tactic."""
    from clients.command_line.rendering import OUTCOME_STYLES, visible

    match result.outcome:
        case TacticState() as state:
            _show_state(console, state)
        case ProofFinished(proof=proof, verdict=verdict):
            said = f"{verdict.outcome.name}  {verdict.reason}: {verdict.summary}"
            console.print(visible(said), style=OUTCOME_STYLES[verdict.outcome], markup=False)
            console.print(visible(proof.rstrip()), markup=False, highlight=False, soft_wrap=True)
        case ProofGivenUp(message=message):
            console.print(visible(f"given up: {message}"), style="yellow", markup=False)
        case TacticFailed() as failed:
            place = f" at {failed.line}:{failed.column}" if failed.line else ""
            said = f"{failed.kind.value} error{place}: {failed.message}"
            console.print(visible(said), style="red", markup=False, soft_wrap=True)
        case TacticStopped(reason=reason):
            console.print(f"stopped: {reason.value}", style="yellow", markup=False)
