"""`verifier check`: one candidate, one verdict."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line import options, proto_json
from clients.command_line.exit_codes import InvalidInput, exit_code_of_verdict
from clients.command_line.printing import print_json
from clients.command_line.reading import Form, logic_spec, parse_bytes, python_spec, read_spec
from clients.command_line.service import Service, run_async
from verifier_service.model import (
    CachePolicy,
    CallOptions,
    Entailment,
    RequestedLimits,
    Verdict,
    VerificationSpec,
)
from verifier_service.validation import CRITERION_NAMES

__all__ = ["LIMITS", "app", "judged", "merged", "print_verdict", "size_of"]

app = typer.Typer(
    help="Judges one candidate. Exit codes: 0 accepted, 1 rejected, 3 inconclusive.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

LIMITS = "Limits"


class Answer(enum.StrEnum):
    """What `--expect` takes."""

    ENTAILED = "entailed"
    CONTRADICTED = "contradicted"
    INDEPENDENT = "independent"
    INCONSISTENT_PREMISES = "inconsistent-premises"
    CONSISTENT_PREMISES = "consistent-premises"


@app.command("python")
def check_python(
    candidate: Annotated[
        Path | None,
        typer.Argument(
            help="The Python source to judge; - for standard input.", metavar="CANDIDATE"
        ),
    ] = None,
    tests: Annotated[
        Path | None,
        typer.Option(
            "--tests",
            help="Test code or a pytest suite (.py, or a folder), or calls or input-output cases "
            "(.json, .jsonl); - for standard input.",
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", help="A whole VerificationSpec in JSON, in place of --tests."),
    ] = None,
    entry_point: Annotated[
        str, typer.Option("--entry-point", help="Function that is called, or handed to check().")
    ] = "",
    form: Annotated[
        Form,
        typer.Option(
            "--form",
            help="How Python tests are run: apart from the candidate (code), or by pytest beside "
            "it. auto: by pytest if they import it or take fixtures.",
        ),
    ] = "auto",
    module: Annotated[
        str,
        typer.Option("--module", help="Name by which a pytest suite imports the candidate."),
    ] = "",
    preamble: Annotated[
        Path | None,
        typer.Option("--preamble", help="Trusted text put right before the candidate."),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Run the remaining cases after one has failed.")
    ] = False,
    environment: Annotated[
        str, typer.Option("--environment", help="Environment; see `verifier doctor`.")
    ] = "",
    wall_seconds: Annotated[
        float | None, typer.Option("--wall-seconds", rich_help_panel=LIMITS, help="Wall clock.")
    ] = None,
    cpu_seconds: Annotated[
        float | None, typer.Option("--cpu-seconds", rich_help_panel=LIMITS, help="CPU time.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", rich_help_panel=LIMITS, help="Memory, e.g. 512MiB."),
    ] = None,
    max_processes: Annotated[
        int | None,
        typer.Option("--max-processes", rich_help_panel=LIMITS, help="Processes and threads."),
    ] = None,
    max_output: Annotated[
        str | None,
        typer.Option("--max-output", rich_help_panel=LIMITS, help="Output kept, e.g. 64KiB."),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Run anew, even if a verdict is kept.")
    ] = False,
    timeout_seconds: Annotated[
        float | None, typer.Option("--timeout-seconds", help="Deadline of the whole call.")
    ] = None,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Judges a Python candidate by its tests.

    verifier check python solution.py --tests test_solution.py --entry-point solve
    """
    limits = RequestedLimits(
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        memory_bytes=size_of(memory, "--memory"),
        max_processes=max_processes,
        max_output_bytes=size_of(max_output, "--max-output"),
    )
    if spec is not None:
        if tests or preamble or entry_point or keep_going or module or form != "auto":
            raise InvalidInput(
                "--spec says the whole problem: leave out --tests, --form, --module, --preamble, "
                "--entry-point and --keep-going."
            )
        asked = read_spec(spec, candidate)
        asked = dataclasses.replace(asked, limits=merged(asked.limits, limits))
    elif candidate is None or tests is None:
        raise InvalidInput("Give CANDIDATE and --tests FILE, or --spec SPEC.json.")
    else:
        asked = python_spec(
            candidate,
            tests,
            entry_point=entry_point,
            form=form,
            module=module,
            preamble=preamble,
            keep_going=keep_going,
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
    policy = CachePolicy.REFRESH if refresh else CachePolicy.USE
    verdict = run_async(judged(service, asked, CallOptions(cache_policy=policy), timeout_seconds))
    name = "candidate" if candidate is None or str(candidate) == "-" else str(candidate)
    print_verdict(verdict, asked, name, as_json=as_json)
    return exit_code_of_verdict(verdict)


@app.command("logic")
def check_logic(
    problem: Annotated[
        Path | None,
        typer.Argument(
            help="Premises and a conclusion, a formula to a line and the conclusion last; or TPTP, "
            "or SMT-LIB; - for standard input.",
            metavar="PROBLEM",
        ),
    ] = None,
    premises: Annotated[
        Path | None,
        typer.Option(
            "--premises",
            help="Trusted premises; PROBLEM is then what somebody concludes from them.",
        ),
    ] = None,
    conclusion: Annotated[
        str,
        typer.Option("--conclusion", help="What is asked; PROBLEM then has premises alone."),
    ] = "",
    expect: Annotated[
        Answer | None,
        typer.Option("--expect", help="The answer that makes PROBLEM acceptable; else any."),
    ] = None,
    reference: Annotated[
        str, typer.Option("--reference", help="Formula that PROBLEM must be equivalent to.")
    ] = "",
    syntax: Annotated[
        str,
        typer.Option(
            "--syntax",
            help="fol, nltk, prover9, unicode, pyke, strict, tptp or smtlib2; else as the file is "
            "called and looks.",
        ),
    ] = "",
    spec: Annotated[
        Path | None, typer.Option("--spec", help="A whole VerificationSpec in JSON.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show every model, the whole argument and who said what."),
    ] = False,
    wall_seconds: Annotated[
        float | None, typer.Option("--wall-seconds", rich_help_panel=LIMITS, help="Wall clock.")
    ] = None,
    cpu_seconds: Annotated[
        float | None, typer.Option("--cpu-seconds", rich_help_panel=LIMITS, help="CPU time.")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", rich_help_panel=LIMITS, help="Memory, e.g. 512MiB."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", rich_help_panel=LIMITS, help="Steps of each solver, as Z3 counts."),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Run anew, even if a verdict is kept.")
    ] = False,
    timeout_seconds: Annotated[
        float | None, typer.Option("--timeout-seconds", help="Deadline of the whole call.")
    ] = None,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Says whether a conclusion follows from premises, and shows why, or a model where it fails.

    verifier check logic syllogism.fol --explain
    """
    limits = RequestedLimits(
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        memory_bytes=size_of(memory, "--memory"),
        deterministic_steps=steps,
    )
    if spec is not None:
        if premises is not None or conclusion or expect is not None or reference or syntax:
            raise InvalidInput(
                "--spec says the whole problem: leave out --premises, --conclusion, --expect, "
                "--reference and --syntax."
            )
        asked = read_spec(spec, problem)
        asked = dataclasses.replace(asked, limits=merged(asked.limits, limits))
    elif problem is None:
        raise InvalidInput("Give PROBLEM, or --spec SPEC.json.")
    else:
        asked = logic_spec(
            problem,
            syntax=syntax,
            premises=premises,
            conclusion=conclusion,
            expected=None if expect is None else Entailment[expect.name],
            reference=reference,
            limits=limits,
        )
    service = Service(
        server=server,
        token=token,
        token_file=token_file,
        tls=tls,
        ca_file=ca_file,
        config=config,
    )
    policy = CachePolicy.REFRESH if refresh else CachePolicy.USE
    verdict = run_async(judged(service, asked, CallOptions(cache_policy=policy), timeout_seconds))
    name = "problem" if problem is None or str(problem) == "-" else str(problem)
    print_verdict(verdict, asked, name, as_json=as_json, explain=explain)
    return exit_code_of_verdict(verdict)


async def judged(
    service: Service,
    spec: VerificationSpec,
    options: CallOptions,
    timeout_seconds: float | None,
) -> Verdict:
    """Has a service judge one candidate."""
    async with service.open(CRITERION_NAMES[type(spec.problem.criterion)]) as verifier:
        return await verifier.verify(spec, options=options, timeout_seconds=timeout_seconds)


def print_verdict(
    verdict: Verdict, spec: VerificationSpec, name: str, *, as_json: bool, explain: bool = False
) -> None:
    """Writes a verdict to standard output."""
    if as_json:
        print_json({"verdict": proto_json.verdict_json(verdict)})
        return
    from clients.command_line.rendering import output_console, verdict_view

    output_console().print(verdict_view(verdict, spec.candidate.source, name=name, explain=explain))


def size_of(text: str | None, option: str) -> int | None:
    """Bytes that an option says.

    Raises:
        InvalidInput: It says none.
    """
    try:
        return None if text is None else parse_bytes(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: {error}") from error


def merged(asked: RequestedLimits, more: RequestedLimits) -> RequestedLimits:
    """Limits of a spec, with those that options say in their place."""
    chosen = {
        field.name: value
        for field in dataclasses.fields(more)
        if (value := getattr(more, field.name)) is not None
    }
    return dataclasses.replace(asked, **chosen)
