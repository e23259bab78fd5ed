"""`verifier check lean`: a proof, or a file of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line import options
from clients.command_line.check_command import LIMITS, judged, merged, print_verdict, size_of
from clients.command_line.exit_codes import InvalidInput, exit_code_of_verdict
from clients.command_line.reading import read_spec, read_text, refuse_two_standard_inputs
from clients.command_line.service import Service, run_async
from verifier_service.model import (
    CachePolicy,
    CallOptions,
    Candidate,
    LeanTheorem,
    Problem,
    RequestedLimits,
    VerificationSpec,
)

__all__ = ["check_lean", "lean_theorem_of"]


def check_lean(
    proof: Annotated[
        Path | None,
        typer.Argument(
            help="What stands behind the statement's `:=`, or declarations with the theorem among "
            "them, or a whole file; - for standard input.",
            metavar="PROOF",
        ),
    ] = None,
    theorem: Annotated[
        Path | None,
        typer.Option(
            "--theorem",
            help="A Lean file whose last theorem is to be proved; what comes before it is trusted. "
            "Without it, PROOF has to prove all theorems that it states.",
        ),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", help="A whole VerificationSpec in JSON, in place of --theorem."),
    ] = None,
    axioms: Annotated[
        list[str] | None,
        typer.Option(
            "--axiom",
            help="An axiom that a proof may use, instead of propext, Classical.choice and "
            "Quot.sound; may be repeated.",
        ),
    ] = None,
    clean: Annotated[
        bool,
        typer.Option("--clean", help="Allow no `sorry` and no axiom anywhere in PROOF."),
    ] = False,
    by_computation: Annotated[
        bool,
        typer.Option(
            "--by-computation", help="Take a statement that computes to the theorem's for the same."
        ),
    ] = False,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Look whether the statement is vacuous or false."),
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
        typer.Option("--memory", rich_help_panel=LIMITS, help="Memory, e.g. 2GiB."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", rich_help_panel=LIMITS, help="Lean's `maxHeartbeats`."),
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
    """Judges a proof in Lean 4: elaborated in a jail, audited, and checked again by the kernel.

    verifier check lean proof.lean --theorem statement.lean
    """
    limits = RequestedLimits(
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        memory_bytes=size_of(memory, "--memory"),
        deterministic_steps=steps,
    )
    if spec is not None:
        if theorem or axioms or clean or by_computation or probe:
            raise InvalidInput(
                "--spec says the whole problem: leave out --theorem, --axiom, --clean, "
                "--by-computation and --probe."
            )
        asked = read_spec(spec, proof)
        asked = dataclasses.replace(asked, limits=merged(asked.limits, limits))
    elif proof is None:
        raise InvalidInput("Give PROOF, or --spec SPEC.json.")
    else:
        refuse_two_standard_inputs(proof, theorem)
        source = read_text(proof)
        problem = dataclasses.replace(
            lean_theorem_of(theorem, source),
            allowed_axioms=tuple(axioms or ()),
            require_clean_file=clean,
            by_computation=by_computation,
            probe_statement=probe,
        )
        asked = VerificationSpec(
            problem=Problem(criterion=problem), candidate=Candidate(source=source), limits=limits
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
    name = "proof" if proof is None or str(proof) == "-" else str(proof)
    print_verdict(verdict, asked, name, as_json=as_json)
    return exit_code_of_verdict(verdict)


def lean_theorem_of(theorem: Path | None, source: str) -> LeanTheorem:
    """What a proof has to prove: the last theorem of a file, or what it states itself.

    Raises:
        InvalidInput: The file can't be read, or states no theorem.
    """
    # Here, so that commands about other kinds of problem don't load it.
    from sandboxes.lean.source import split_at_last_theorem, whole_file

    if theorem is None:
        return whole_file(source)
    try:
        return split_at_last_theorem(read_text(theorem))
    except ValueError as error:
        raise InvalidInput(f"{theorem}: {error}") from error
