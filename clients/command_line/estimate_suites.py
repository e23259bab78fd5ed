"""`verifier estimate amplify` and `mutants`: larger test suites, and what suites let through."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.command_line import options, proto_json
from clients.command_line.estimate_files import (
    criteria_of,
    estimation,
    read_specs,
    read_verdicts,
    references_of,
)
from clients.command_line.estimate_view import show, table
from clients.command_line.exit_codes import ExitCode, InvalidInput
from clients.command_line.service import Service, run_async
from verifier_service.model import Assurance

if TYPE_CHECKING:  # loaded by the command that needs it
    from proposer.estimation.amplification import Amplified
    from proposer.estimation.mutation import MutationScore
    from proposer.estimation.records import Record
    from proposer.estimation.strengthening import Strengthening
    from verifier_service.model import Criterion, VerificationSpec

__all__ = ["amplify", "mutants", "strengthen"]


class Level(enum.StrEnum):
    """Evidence that a stronger verifier can be asked for."""

    REPLAYED = "replayed"
    CROSS_CHECKED = "cross-checked"


# amplify ----------------------------------------------------------------------------------------


def amplify(
    specs: Annotated[
        Path, typer.Argument(metavar="SPECS", help="What was judged, a VerificationSpec a line.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The same candidates before larger suites.")
    ],
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Specs whose candidates are reference solutions."),
    ] = None,
    agreement: Annotated[
        Path | None,
        typer.Option(
            "--agreement",
            metavar="VERDICTS",
            help="Without references: take what most accepted candidates return for right.",
        ),
    ] = None,
    suspicions: Annotated[
        Path | None,
        typer.Option(
            "--suspicions",
            help="With --agreement: write how often each accepted candidate differs from most.",
        ),
    ] = None,
    inputs: Annotated[
        int, typer.Option("--inputs", min=1, max=2000, help="New inputs for each problem.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice of inputs.")] = 0,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Makes larger test suites, and writes specs for `verifier batch` that judge by them.

    Inputs are mutated and generated from those of the problem's own tests; what is right is said
    by a reference solution, run by the service, or by what most accepted candidates agree on.

    verifier estimate amplify specs.jsonl --references references.jsonl -o strong-specs.jsonl
    """
    if suspicions is not None and agreement is None:
        raise InvalidInput("--suspicions needs --agreement: it says who differs from most.")
    _refuse_input(output, specs, references, agreement)
    service = Service(
        server=server, token=token, token_file=token_file, tls=tls, ca_file=ca_file, config=config
    )
    asked = read_specs(specs)
    criteria = criteria_of(asked, specs)
    if references is not None and agreement is None:
        known = _same_problems(references_of(references), criteria, references)
        made = run_async(_amplified(service, known, inputs, seed))
    elif agreement is not None and references is None:
        accepted = _accepted(asked, read_verdicts(agreement, None), specs)
        made = run_async(_agreed(service, accepted, inputs, seed))
        if suspicions is not None:
            _write_suspicions(suspicions, accepted, made)
    else:
        raise InvalidInput("Give --references, or --agreement with the verdicts, and not both.")
    suites = {one.problem_id: one.tests for one in made if one.tests is not None}
    with estimation():
        from proposer.estimation.strengthening import by_suite
    written = _write_stronger(output, asked, by_suite(suites))
    lines = [_amplified_text(one) for one in made]
    lines.append(f"{output}: {written} of {len(asked)} specs, for {len(suites)} problems.")
    document = {"problems": [_amplified_json(one) for one in made], "specs": written}
    show(document, lines, as_json=as_json)
    return ExitCode.ACCEPTED


def _refuse_input(output: Path, *inputs: Path | None) -> None:
    """What is read is not written over.

    Raises:
        InvalidInput: It would be.
    """
    for path in inputs:
        if path is not None and path.resolve() == output.resolve():
            raise InvalidInput(f"{output} is read as well. Write to another file.")


def _same_problems(
    references: list[VerificationSpec], criteria: Mapping[str, Criterion], path: Path
) -> list[VerificationSpec]:
    """The references of the problems that are asked about.

    Raises:
        InvalidInput: One has other tests than its problem, or there is none.
    """
    known = [spec for spec in references if spec.problem.problem_id in criteria]
    for spec in known:
        name = spec.problem.problem_id
        if spec.problem.criterion != criteria[name]:
            raise InvalidInput(
                f"{path} has other tests for the problem {name[:80]!r} than the specs. Give each "
                "reference the tests of its problem."
            )
    if not known:
        raise InvalidInput(f"{path} has no reference for any problem of the specs.")
    return known


async def _amplified(
    service: Service, references: list[VerificationSpec], inputs: int, seed: int
) -> list[Amplified]:
    with estimation():
        from proposer.estimation.amplification import amplified
    async with service.open("python_tests") as verifier:
        return await amplified(verifier, references, input_count=inputs, seed=seed)


async def _agreed(
    service: Service, accepted: list[VerificationSpec], inputs: int, seed: int
) -> list[Amplified]:
    with estimation():
        from proposer.estimation.amplification import amplified_by_agreement
    async with service.open("python_tests") as verifier:
        return await amplified_by_agreement(verifier, accepted, input_count=inputs, seed=seed)


def _accepted(
    specs: list[VerificationSpec], records: list[Record], path: Path
) -> list[VerificationSpec]:
    from proposer.estimation.counts import Answer

    keys = {record.key for record in records if record.answer is Answer.ACCEPTED}
    accepted = [
        spec for spec in specs if (spec.problem.problem_id, spec.candidate.candidate_id) in keys
    ]
    if not accepted:
        raise InvalidInput(
            f"No spec of {path} was accepted by the verdicts of --agreement. Give the verdicts on "
            "these specs, with the same ids."
        )
    return accepted


def _write_suspicions(
    path: Path, accepted: Iterable[VerificationSpec], made: Iterable[Amplified]
) -> None:
    from proposer.estimation.plans import write_numbers

    by_problem = {one.problem_id: one for one in made if one.case_count}
    shares = {}
    for spec in accepted:
        if (one := by_problem.get(spec.problem.problem_id)) is not None:
            candidate = spec.candidate.candidate_id
            share = one.disputed.get(candidate, 0) / one.case_count
            shares[one.problem_id, candidate] = share
    with estimation():
        write_numbers(path, shares, "suspicion")


def _write_stronger(
    path: Path, specs: Iterable[VerificationSpec], strengthen: Strengthening
) -> int:
    from verifier_service import wire

    written = 0
    try:
        with path.open("w", encoding="utf-8") as file:
            for spec in specs:
                if (made := strengthen(spec)) is not None:
                    line = proto_json.message_json(wire.spec_to_proto(made))
                    file.write(proto_json.compact(line) + "\n")
                    written += 1
    except OSError as error:
        raise InvalidInput(f"{path} can't be written: {error.strerror}.") from error
    return written


def _amplified_text(one: Amplified) -> str:
    if one.tests is None:
        return f"{one.problem_id}: no larger suite. {one.problem}"
    text = f"{one.problem_id}: {one.case_count} cases, {one.seed_count} seeds"
    if one.left_out:
        text += f"; left out: {_listed(one.left_out)}"
    if one.disputed:
        text += f"; candidates that differ: {_listed(one.disputed)}"
    return text + "."


def _amplified_json(one: Amplified) -> dict[str, Any]:
    made: dict[str, Any] = {"problemId": one.problem_id}
    if one.tests is None:
        return made | {"missing": one.problem}
    return made | {
        "cases": one.case_count,
        "seeds": one.seed_count,
        "leftOut": dict(one.left_out),
        "disputed": dict(one.disputed),
    }


# strengthen -------------------------------------------------------------------------------------


def strengthen(
    specs: Annotated[
        Path, typer.Argument(metavar="SPECS", help="What was judged, a VerificationSpec a line.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The same candidates, asked about anew.")
    ],
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Logic: specs whose candidates are the right formulas."),
    ] = None,
    assurance: Annotated[
        Level | None,
        typer.Option("--assurance", help="Logic and Lean: the weakest evidence that counts."),
    ] = None,
    environment: Annotated[
        str, typer.Option("--environment", help="With --assurance: another prover.")
    ] = "",
    deterministic_steps: Annotated[
        int | None,
        typer.Option("--deterministic-steps", min=1, help="With --assurance: another effort."),
    ] = None,
    as_json: options.JsonOption = False,
) -> int:
    """Writes specs that put formulas and proofs before a stronger verifier, for `verifier batch`.

    verifier estimate strengthen specs.jsonl --references formulas.jsonl -o strong-specs.jsonl
    """
    with estimation():
        from proposer.estimation.strengthening import by_evidence, by_reference
    _refuse_input(output, specs, references)
    asked = read_specs(specs)
    if references is not None and assurance is None:
        chosen = by_reference(references_of(references))
    elif assurance is not None and references is None:
        chosen = by_evidence(
            Assurance[assurance.name],
            environment=environment,
            deterministic_steps=deterministic_steps,
        )
    else:
        raise InvalidInput("Give --references or --assurance, and not both.")
    written = _write_stronger(output, asked, chosen)
    show(
        {"specs": written},
        [f"{output}: {written} of {len(asked)} specs. Python's are `amplify`'s to strengthen."],
        as_json=as_json,
    )
    return ExitCode.ACCEPTED


# mutants ----------------------------------------------------------------------------------------


def mutants(
    references: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCES",
            help="Specs whose candidates are reference solutions, one for each problem.",
        ),
    ],
    count: Annotated[
        int, typer.Option("--mutants", min=1, max=1000, help="Mutants of each reference.")
    ] = 40,
    inputs: Annotated[
        int,
        typer.Option(
            "--inputs", min=1, max=2000, help="New inputs that tell wrong mutants from equal ones."
        ),
    ] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Of all choices.")] = 0,
    server: options.ServerOption = None,
    token: options.TokenOption = None,
    token_file: options.TokenFileOption = None,
    tls: options.TlsOption = False,
    ca_file: options.CaFileOption = None,
    config: options.ConfigOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Says how many wrong programs the tests would accept, by mutants of reference solutions.

    verifier estimate mutants references.jsonl
    """
    service = Service(
        server=server, token=token, token_file=token_file, tls=tls, ca_file=ca_file, config=config
    )
    scores = run_async(_scored(service, references_of(references), count, inputs, seed))
    with estimation():
        from proposer.estimation.counts import Counts
        from proposer.estimation.summary import line_json, summary

        counts = Counts.of(seen for score in scores for seen in score.observations())
        lines = [line for line in summary(counts) if line.name == "false-positive-rate"]
    document = {
        "problems": [_score_json(score) for score in scores],
        "quantities": [line_json(line) for line in lines],
    }
    show(document, [*map(_score_text, scores), *table(lines)], as_json=as_json)
    return ExitCode.ACCEPTED


async def _scored(
    service: Service, references: list[VerificationSpec], count: int, inputs: int, seed: int
) -> list[MutationScore]:
    with estimation():
        from proposer.estimation.amplification import amplified
        from proposer.estimation.mutation import mutation_scores
    async with service.open("python_tests") as verifier:
        made = await amplified(verifier, references, input_count=inputs, seed=seed)
        suites = {one.problem_id: one.tests for one in made if one.tests is not None}
        return await mutation_scores(verifier, references, suites, mutant_count=count, seed=seed)


def _score_text(score: MutationScore) -> str:
    if score.problem:
        return f"{score.problem_id}: no score. {score.problem}"
    text = (
        f"{score.problem_id}: {score.mutant_count} mutants, {score.killed_count} rejected, "
        f"{score.wrong_accepted_count} wrong and accepted, {score.equivalent_count} equal as far "
        f"as can be told, {score.undecided_count} undecided."
    )
    return "\n".join([text, *(f"  accepted: {one}" for one in score.survivors[:5])])


def _score_json(score: MutationScore) -> dict[str, Any]:
    made: dict[str, Any] = {"problemId": score.problem_id}
    if score.problem:
        return made | {"missing": score.problem}
    return made | {
        "mutants": score.mutant_count,
        "rejected": score.killed_count,
        "wrongAccepted": score.wrong_accepted_count,
        "equivalent": score.equivalent_count,
        "undecided": score.undecided_count,
        "survivors": list(score.survivors),
    }


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name or 'without id'}" for name, count in sorted(counted.items()))
