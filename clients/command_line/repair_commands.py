"""`verifier repair`: what a repair makes of a candidate without any model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from clients.command_line import options, proto_json
from clients.command_line.check_command import LIMITS, size_of
from clients.command_line.exit_codes import ExitCode, InvalidInput, exit_code_of_verdict
from clients.command_line.lean_commands import lean_theorem_of
from clients.command_line.printing import print_json
from clients.command_line.reading import read_spec, read_text, refuse_two_standard_inputs
from clients.command_line.service import Service, run_async
from verifier_service.model import Candidate, Outcome, Problem, RequestedLimits, VerificationSpec
from verifier_service.model.lean_repair import RepairBudget, Repaired, RepairEdit, RepairEnding

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["app"]

app = typer.Typer(
    help="Mends candidates that fail, and says what is left to do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Keeps `verifier repair` a group while it has one command."""


@app.command("lean")
def repair_lean(
    proof: Annotated[
        Path,
        typer.Argument(
            help="A proof, a theorem with its proof, or a whole file; - for standard input.",
            metavar="PROOF",
        ),
    ],
    theorem: Annotated[
        Path | None,
        typer.Option(
            "--theorem",
            help="A Lean file whose last theorem is to be proved; what comes before it is trusted.",
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", help="A whole VerificationSpec in JSON, in place of --theorem."),
    ] = None,
    more: Annotated[
        list[Path] | None,
        typer.Option(
            "--also", help="One more candidate; the one that comes furthest is gone on with."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the repaired text to this file.")
    ] = None,
    tactics: Annotated[
        list[str] | None,
        typer.Option(
            "--tactic", help="Try this at every hole, instead of the usual; may be repeated."
        ),
    ] = None,
    checks: Annotated[
        int, typer.Option("--checks", help="Texts that Lean is asked about, at most.")
    ] = 2000,
    environment: Annotated[
        str, typer.Option("--environment", help="Environment; see `verifier doctor`.")
    ] = "",
    cpu_seconds: Annotated[
        float | None,
        typer.Option("--cpu-seconds", rich_help_panel=LIMITS, help="CPU time of each check."),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", rich_help_panel=LIMITS, help="Memory of each check, e.g. 2GiB."),
    ] = None,
    timeout_seconds: Annotated[
        float | None,
        typer.Option("--timeout-seconds", help="Deadline; what is found until then is kept."),
    ] = None,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Mends a Lean proof, closes what tactics close, and lists the goals that are left.

    verifier repair lean proof.lean --theorem statement.lean
    """
    limits = RequestedLimits(cpu_seconds=cpu_seconds, memory_bytes=size_of(memory, "--memory"))
    if (theorem is None) == (spec is None):
        raise InvalidInput("Give --theorem STATEMENT.lean or --spec SPEC.json, one of them.")
    refuse_two_standard_inputs(proof, theorem, *(more or ()))
    if spec is not None:
        asked = dataclasses.replace(read_spec(spec, proof), limits=limits)
    else:
        source = read_text(proof)
        asked = VerificationSpec(
            problem=Problem(criterion=lean_theorem_of(theorem, source)),
            candidate=Candidate(source=source),
            limits=limits,
        )
    if environment:
        asked = dataclasses.replace(asked, environment=environment)
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    others = [read_text(path) for path in more or ()]
    budget = RepairBudget(checks=checks, seconds=timeout_seconds)
    made = run_async(_repaired(service, asked, others, budget, tactics or ()))
    if output is not None:
        _write(output, made.source)
    if as_json:
        print_json({"result": repaired_json(made)})
    else:
        from clients.command_line.rendering import output_console

        output_console().print(repaired_view(made), soft_wrap=True)
    return _exit_code(made)


async def _repaired(
    service: Service,
    spec: VerificationSpec,
    others: list[str],
    budget: RepairBudget,
    tactics: list[str] | tuple[()],
) -> Repaired:
    async with service.open("lean_theorem") as verifier:
        return await verifier.repairs.repair(
            spec, more_sources=others, budget=budget, tactics=tactics
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise InvalidInput(f"{path} can't be written: {error}") from error


def _exit_code(made: Repaired) -> ExitCode:
    if made.verdict is not None:
        return exit_code_of_verdict(made.verdict)
    spent = made.ending is RepairEnding.BUDGET_SPENT
    return ExitCode.INCONCLUSIVE if spent else ExitCode.REJECTED


def repaired_json(made: Repaired) -> dict[str, Any]:
    """A result as the contract's JSON has it."""
    from verifier_service import lean_repair_wire

    return proto_json.message_json(lean_repair_wire.repaired_to_proto(made).result)


_ENDINGS: Final = {
    RepairEnding.PROVED: "every hole is closed, and the proof is accepted",
    RepairEnding.PARTIAL: "holes are left",
    RepairEnding.NOT_ACCEPTED: "Lean finds no error, and the proof is not accepted",
    RepairEnding.STATEMENT_BROKEN: "the problem's own text has errors",
    RepairEnding.BUDGET_SPENT: "checks or time ran out first",
}
_STYLES: Final = {
    RepairEnding.PROVED: "bold green",
    RepairEnding.PARTIAL: "bold yellow",
    RepairEnding.NOT_ACCEPTED: "bold red",
    RepairEnding.STATEMENT_BROKEN: "bold red",
    RepairEnding.BUDGET_SPENT: "bold yellow",
}


def repaired_view(made: Repaired) -> RenderableType:
    """A result as people read it."""
    from rich.console import Group
    from rich.text import Text

    from clients.command_line.rendering import OUTCOME_STYLES, visible

    headline = Text.assemble(
        (made.ending.name.replace("_", " "), _STYLES[made.ending]),
        f"  {_ENDINGS[made.ending]} ({made.kept_lines} of {made.total_lines} lines kept, "
        f"{made.check_count} checks)",
    )
    blocks: list[RenderableType] = [headline]
    if made.edits:
        blocks += [Text("\nChanges", "bold"), *map(_edit_view, made.edits)]
    blocks += [Text("\nProof", "bold"), Text(visible(made.source.rstrip()))]
    if made.holes:
        blocks.append(Text(f"\nLeft to prove ({len(made.holes)})", "bold"))
        for hole in made.holes:
            blocks.append(Text(f"line {hole.line}", "dim"))
            blocks.append(Text("\n".join(f"  {one}" for one in visible(hole.goal).split("\n"))))
    if made.verdict is not None:
        outcome = made.verdict.outcome
        blocks.append(
            Text.assemble(
                "\n",
                (outcome.name, OUTCOME_STYLES[outcome]),
                f"  {visible(made.verdict.reason)}: {visible(made.verdict.summary)}",
            )
        )
    if made.feedback and (made.verdict is None or made.verdict.outcome is not Outcome.ACCEPTED):
        blocks += [Text("\nFeedback", "bold"), Text(visible(made.feedback))]
    return Group(*blocks)


def _edit_view(edit: RepairEdit) -> RenderableType:
    from rich.text import Text

    from clients.command_line.rendering import visible

    text = Text.assemble((f"{edit.stage.value}/{edit.rule}", "bold"), f" at line {edit.line}")
    for sign, style, lines in (("-", "red", edit.before), ("+", "green", edit.after)):
        for line in visible(lines).split("\n") if lines else ():
            text.append(f"\n  {sign} {line}", style)
    return text
