"""`verifier estimate`: how often an acceptance is wrong, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from clients.command_line import options, proto_json
from clients.command_line.estimate_files import (
    criteria_of,
    estimation,
    read_specs,
    read_verdicts,
    references_of,
)
from clients.command_line.exit_codes import ExitCode, InvalidInput
from clients.command_line.printing import print_json
from clients.command_line.service import Service, run_async

if TYPE_CHECKING:  # loaded by the command that needs it
    from proposer.estimation.amplification import Amplified
    from proposer.estimation.counts import Counts
    from proposer.estimation.intervals import Interval
    from proposer.estimation.mutation import MutationScore
    from proposer.estimation.records import Record
    from proposer.estimation.summary import Line
    from verifier_service.model import PythonTests, VerificationSpec

__all__ = ["app"]

app = typer.Typer(
    help="Says how often an acceptance is wrong, from verdicts that `verifier batch` wrote. Needs "
    "the extra `estimation`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

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

PlanOption = Annotated[
    Path | None,
    typer.Option(
        "--plan", help="Which acceptances were drawn for audit: `audits --draw` wrote it."
    ),
]
SuspicionsOption = Annotated[
    Path | None,
    typer.Option(
        "--suspicions",
        help="A cheap signal about acceptances, such as `amplify --suspicions` writes.",
    ),
]

_NO_TRUTH: Final = (
    "Nothing says which acceptances are right. Have a stronger verifier judge the same candidates, "
    "and give its verdicts as --truth; `verifier estimate amplify` makes one for Python."
)
_WORDS: Final = {
    "pass-rate": "accepted, of those decided",
    "accuracy": "right, of those known",
    "false-positive-rate": "accepted, of the wrong ones",
    "false-discovery-proportion": "wrong, of the accepted ones",
    "conditional-accuracy": "right, of the accepted ones",
    "ceiling": "right, however long one resamples",
}


# rates ------------------------------------------------------------------------------------------


@app.command("rates")
def rates(
    verdicts: VerdictsArgument,
    truth: TruthOption = None,
    trust_rejections: TrustRejectionsOption = False,
    plan: PlanOption = None,
    suspicions: SuspicionsOption = None,
    samples: Annotated[
        list[int] | None,
        typer.Option("-k", min=1, help="Give pass@k and best-of-k for this k; may be repeated."),
    ] = None,
    as_json: options.JsonOption = False,
) -> int:
    """Pass rate, false positives, coverage: each with an interval over problems.

    verifier estimate rates weak.jsonl --truth strong.jsonl -k 1 -k 10
    """
    records = read_verdicts(verdicts, truth, trust_rejections=trust_rejections)
    with estimation():
        from proposer.estimation.summary import line_json, summary

        counts = _counts(records)
        lines = summary(counts, _ks(counts, samples))
        if plan is not None:
            lines = [_by_plan(line, records, plan, suspicions) for line in lines]
        known = _known(counts)
    document = known | {"quantities": [line_json(line) for line in lines]}
    text = [_known_text(known), *_table(lines)]
    if not known["acceptedOfKnownTruth"]:
        text.append(_NO_TRUTH)
    _show(document, text, as_json=as_json)
    return ExitCode.ACCEPTED


def _by_plan(line: Line, records: Sequence[Record], plan: Path, suspicions: Path | None) -> Line:
    """The line, with the estimate that audits drawn by a plan give of false discoveries."""
    from proposer.estimation.calibration import audited_proportion
    from proposer.estimation.intervals import recommended
    from proposer.estimation.summary import Line

    if line.name != "false-discovery-proportion":
        return line
    ratio = audited_proportion(records, **_numbers(plan, suspicions))
    return Line(name=line.name, interval=recommended(ratio))


def _numbers(plan: Path | None, suspicions: Path | None) -> dict[str, Any]:
    from proposer.estimation.plans import read_numbers

    return {
        "chances": None if plan is None else read_numbers(plan, "chance"),
        "suspicions": None if suspicions is None else read_numbers(suspicions, "suspicion"),
    }


def _ks(counts: Counts, asked: Sequence[int] | None) -> list[int]:
    from proposer.estimation.definitions import largest_k

    if asked:
        return sorted(set(asked))
    return [k for k in (1, 10, 100) if k <= largest_k(counts)]


def _known(counts: Counts) -> dict[str, Any]:
    from proposer.estimation.counts import Answer, Truth

    cells = counts.cells.sum(axis=0)
    known = cells[Answer.ACCEPTED, : Truth.UNKNOWN]
    return {
        "problems": len(counts.problems),
        "accepted": int(cells[Answer.ACCEPTED].sum()),
        "rejected": int(cells[Answer.REJECTED].sum()),
        "inconclusive": int(cells[Answer.INCONCLUSIVE].sum()),
        "acceptedOfKnownTruth": int(known.sum()),
        "acceptedAndWrong": int(cells[Answer.ACCEPTED, Truth.WRONG]),
        "rejectedAndRight": int(cells[Answer.REJECTED, Truth.RIGHT]),
    }


def _known_text(known: Mapping[str, int]) -> str:
    text = (
        f"{known['problems']} problems: {known['accepted']} accepted, {known['rejected']} "
        f"rejected, {known['inconclusive']} inconclusive. The truth is known of "
        f"{known['acceptedOfKnownTruth']} acceptances; {known['acceptedAndWrong']} are wrong."
    )
    if known["rejectedAndRight"]:
        text += f" {known['rejectedAndRight']} rejected ones are right."
    return text


def _table(lines: Iterable[Line]) -> list[str]:
    shown = []
    for line in lines:
        shown.append(f"{line.name:<27} {_WORDS.get(line.name, '')}".rstrip())
        if line.interval is None:
            shown.append(f"    no estimate: {line.why_none}")
            continue
        shown.append(f"    {_interval_text(line.interval)}")
        if line.if_missing is not None:
            lowest, highest = line.if_missing
            shown.append(f"    {lowest:.1%} to {highest:.1%} if all that is missing went one way")
    return shown


def _interval_text(interval: Interval) -> str:
    return (
        f"{interval.estimate:.1%}, {interval.level:.0%} interval {interval.lower:.1%} to "
        f"{interval.upper:.1%} ({interval.method}, {interval.observations} observations of "
        f"{interval.clusters} problems)"
    )


# calibrate --------------------------------------------------------------------------------------


@app.command("calibrate")
def calibrate(
    verdicts: VerdictsArgument,
    truth: TruthOption = None,
    problem_set: Annotated[
        str,
        typer.Option("--problem-set", help="Pattern of the problems' ids, such as HumanEval/*."),
    ] = "*",
    sessions: Annotated[
        str,
        typer.Option(
            "--sessions", help="Pattern of the sessions that it holds for, by who writes in them."
        ),
    ] = "*",
    specs: Annotated[
        Path | None,
        typer.Option("--specs", help="What was judged: then other tests get no estimate."),
    ] = None,
    plan: PlanOption = None,
    suspicions: SuspicionsOption = None,
    method: Annotated[
        str, typer.Option("--method", help="How truth became known.")
    ] = "held-out-tests",
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File that the service's `calibrations` names.")
    ] = Path("calibrations.json"),
    as_json: options.JsonOption = False,
) -> int:
    """Writes how often acceptances are wrong into a file from which the service tells callers.

    verifier estimate calibrate weak.jsonl --truth strong.jsonl --problem-set 'HumanEval/*'
    """
    from verifier_service.calibrations import UnusableCalibrations, add_calibration
    from verifier_service.engine.calibration import Calibration
    from verifier_service.engine.digest import criterion_digest

    records = read_verdicts(verdicts, truth)
    criteria = {} if specs is None else criteria_of(read_specs(specs), specs)
    unjudged = {record.problem for record in records} - criteria.keys()
    if specs is not None and unjudged:
        raise InvalidInput(
            f"{specs} lacks {len(unjudged)} problems of {verdicts}, for instance "
            f"{min(unjudged)[:80]!r}. Give the file that was judged."
        )
    with estimation():
        from proposer.estimation.calibration import calibrated
        from proposer.estimation.records import require_one_source

        criterion, environment = require_one_source(records, verdicts)
        estimate = calibrated(
            records,
            problem_set=problem_set,
            method=method,
            name=verdicts,
            **_numbers(plan, suspicions),
        )
    made = Calibration(
        estimate=estimate,
        criterion=criterion,
        environment=environment,
        sessions=sessions,
        tests={name: criterion_digest(one) for name, one in criteria.items()},
    )
    try:
        add_calibration(output, made)
    except UnusableCalibrations as error:
        raise InvalidInput(str(error)) from error
    document = {
        "calibration": {
            "problemSet": problem_set,
            "environment": environment,
            "rate": estimate.rate,
            "lower": estimate.lower,
            "upper": estimate.upper,
            "samples": estimate.sample_count,
            "problems": estimate.problem_count,
        }
    }
    text = (
        f"Of acceptances, {estimate.rate:.1%} are wrong, 95 % interval {estimate.lower:.1%} to "
        f"{estimate.upper:.1%} ({estimate.sample_count} acceptances of {estimate.problem_count} "
        f"problems). {output} says so of {problem_set} in {environment}."
    )
    _show(document, [text], as_json=as_json)
    return ExitCode.ACCEPTED


# audits -----------------------------------------------------------------------------------------


@app.command("audits")
def audits(
    verdicts: VerdictsArgument,
    truth: TruthOption = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many audits to plan.")] = 10,
    draw: Annotated[
        bool,
        typer.Option(
            "--draw",
            help="Draw them by lot, with chances that a plan keeps: what they find holds for other "
            "problems like these. Without, those that tell most about these acceptances.",
        ),
    ] = False,
    suspicions: SuspicionsOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the lot.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="With --draw: the plan, for --plan later."),
    ] = None,
    as_json: options.JsonOption = False,
) -> int:
    """Says which acceptances to check with a stronger verifier.

    verifier estimate audits weak.jsonl --count 10

    verifier estimate audits weak.jsonl --draw --count 50 -o plan.jsonl
    """
    if draw != (output is not None):
        raise InvalidInput("--draw needs -o PLAN, and -o needs --draw.")
    records = read_verdicts(verdicts, truth)
    with estimation():
        if output is not None:
            document, lines = _drawn(records, count, suspicions, seed, output)
        else:
            document, lines = _most_telling(records, count, suspicions, seed)
    _show(document, lines, as_json=as_json)
    return ExitCode.ACCEPTED


def _most_telling(
    records: Sequence[Record], count: int, suspicions: Path | None, seed: int
) -> tuple[dict[str, Any], list[str]]:
    from proposer.estimation.audits import next_audits, posterior
    from proposer.estimation.plans import acceptances, accepted
    from proposer.estimation.summary import interval_json

    if suspicions is not None:
        raise InvalidInput("Audits that a suspicion chooses have to be drawn: give --draw too.")
    found, known = accepted(records), acceptances(records)
    planned = next_audits(known, count, seed)
    lines = [
        f"{one.problem}, candidate {found[one.acceptance].candidate}: standard error "
        f"{one.standard_error:.4f} after it"
        for one in planned
    ]
    document: dict[str, Any] = {
        "audits": [
            {
                "problemId": one.problem,
                "candidateId": found[one.acceptance].candidate,
                "standardError": one.standard_error,
            }
            for one in planned
        ]
    }
    if not planned:
        lines = ["All acceptances are audited."]
    if known.audited.any():
        interval = posterior(known)
        document["falseDiscoveryProportion"] = interval_json(interval)
        lines.insert(0, f"Of these acceptances, wrong: {_interval_text(interval)}.")
    return document, lines


def _drawn(
    records: Sequence[Record], count: int, suspicions: Path | None, seed: int, output: Path
) -> tuple[dict[str, Any], list[str]]:
    from proposer.estimation.audits import chances, draw, worths
    from proposer.estimation.plans import acceptances, accepted, write_numbers
    from proposer.estimation.records import UnusableRecords

    found = accepted(records)
    known = acceptances(records, suspicions=_numbers(None, suspicions)["suspicions"])
    try:
        chance = chances(worths(known), count)
    except ValueError as error:
        raise UnusableRecords(str(error)) from error
    plan = {
        record.key: 1.0 if known.audited[index] else float(chance[index])
        for index, record in enumerate(found)
    }
    write_numbers(output, plan, "chance")
    chosen = [found[index] for index in draw(chance, seed)]
    lines = [f"{one.problem}, candidate {one.candidate}" for one in chosen]
    lines.append(f"{output} has the chances: give it as --plan beside the truth of these.")
    document = {
        "audits": [{"problemId": one.problem, "candidateId": one.candidate} for one in chosen]
    }
    return document, lines


# amplify ----------------------------------------------------------------------------------------


@app.command("amplify")
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
    if (references is None) == (agreement is None):
        raise InvalidInput("Give --references, or --agreement with the verdicts, and not both.")
    if suspicions is not None and agreement is None:
        raise InvalidInput("--suspicions needs --agreement: it says who differs from most.")
    service = Service(
        server=server, token=token, token_file=token_file, tls=tls, ca_file=ca_file, config=config
    )
    asked = read_specs(specs)
    criteria_of(asked, specs)
    if references is not None:
        made = run_async(_amplified(service, references_of(references), inputs, seed))
    else:
        accepted = _accepted(asked, read_verdicts(agreement or specs, None), specs)
        made = run_async(_agreed(service, accepted, inputs, seed))
        if suspicions is not None:
            _write_suspicions(suspicions, accepted, made)
    suites = {one.problem_id: one.tests for one in made if one.tests is not None}
    written = _write_stronger(output, asked, suites)
    lines = [_amplified_text(one) for one in made]
    lines.append(f"{output}: {written} of {len(asked)} specs, for {len(suites)} problems.")
    document = {"problems": [_amplified_json(one) for one in made], "specs": written}
    _show(document, lines, as_json=as_json)
    return ExitCode.ACCEPTED


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
    path: Path, specs: Iterable[VerificationSpec], suites: Mapping[str, PythonTests]
) -> int:
    from proposer.estimation.amplification import stronger
    from verifier_service import wire

    written = 0
    try:
        with path.open("w", encoding="utf-8") as file:
            for spec in specs:
                if (made := stronger(spec, suites)) is not None:
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


# mutants ----------------------------------------------------------------------------------------


@app.command("mutants")
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
    _show(document, [*map(_score_text, scores), *_table(lines)], as_json=as_json)
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


# Shared -----------------------------------------------------------------------------------------


def _counts(records: Iterable[Record]) -> Counts:
    from proposer.estimation.counts import Counts
    from proposer.estimation.records import observations

    return Counts.of(observations(records))


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name or 'without id'}" for name, count in sorted(counted.items()))


def _show(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Writes the document, or the lines with all control characters visible."""
    if as_json:
        print_json(document)
        return
    from clients.command_line.rendering import visible

    sys.stdout.writelines(f"{visible(line)}\n" for line in lines)
