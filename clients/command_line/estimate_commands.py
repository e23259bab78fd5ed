"""`verifier estimate`: how often an acceptance is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from clients.command_line import estimate_decisions, estimate_suites, options
from clients.command_line.estimate_files import (
    criteria_of,
    estimation,
    read_specs,
    read_verdicts,
)
from clients.command_line.estimate_view import (
    TrustRejectionsOption,
    TruthOption,
    VerdictsArgument,
    counts_of,
    interval_text,
    show,
    table,
)
from clients.command_line.exit_codes import ExitCode, InvalidInput

if TYPE_CHECKING:  # loaded by the command that needs it
    from proposer.estimation.counts import Counts
    from proposer.estimation.intervals import Interval
    from proposer.estimation.ratios import Ratio
    from proposer.estimation.records import Record
    from proposer.estimation.summary import Line

__all__ = ["app"]

app = typer.Typer(
    help="Says how often an acceptance is wrong, from verdicts that `verifier batch` wrote. Needs "
    "the extra `estimation`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

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

app.command("amplify")(estimate_suites.amplify)
app.command("strengthen")(estimate_suites.strengthen)
app.command("mutants")(estimate_suites.mutants)
app.command("next")(estimate_decisions.next_steps)
app.command("select")(estimate_decisions.select)
app.command("missed")(estimate_decisions.missed)

_NO_TRUTH: Final = (
    "Nothing says which acceptances are right. Have a stronger verifier judge the same candidates, "
    "and give its verdicts as --truth; `verifier estimate amplify` makes one for Python."
)

_SOME_TRUTH: Final = (
    "Acceptances of known truth are taken for a random choice of all. Where they were drawn for "
    "audit, give the plan as --plan; where somebody picked them, the estimates tell of the picker."
)


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
    anytime: Annotated[
        int | None,
        typer.Option(
            "--anytime",
            min=1,
            metavar="N",
            help="Intervals that may be looked at as often as one likes while a run goes on; N is "
            "the most samples that a problem will get.",
        ),
    ] = None,
    as_json: options.JsonOption = False,
) -> int:
    """Pass rate, false positives, coverage: each with an interval over problems.

    verifier estimate rates weak.jsonl --truth strong.jsonl -k 1 -k 10
    """
    records = read_verdicts(verdicts, truth, trust_rejections=trust_rejections)
    with estimation():
        from proposer.estimation.intervals import recommended
        from proposer.estimation.summary import line_json, summary

        counts = counts_of(records)
        interval_of = recommended if anytime is None else _anytime(counts, anytime)
        lines = summary(counts, _ks(counts, samples), interval_of)
        if plan is not None and anytime is not None:
            raise InvalidInput("--anytime and --plan don't go together: leave one out.")
        if plan is not None:
            lines = [_by_plan(line, records, plan, suspicions) for line in lines]
        known = _known(counts)
    document = known | {"quantities": [line_json(line) for line in lines]}
    text = [_known_text(known), *table(lines)]
    if not known["acceptedOfKnownTruth"]:
        text.append(_NO_TRUTH)
    elif known["acceptedOfKnownTruth"] < known["accepted"] and plan is None:
        text.append(_SOME_TRUTH)
    show(document, text, as_json=as_json)
    return ExitCode.ACCEPTED


def _anytime(counts: Counts, largest: int) -> Callable[[Ratio], Interval]:
    """Intervals that hold at every look at once, problem after problem in the file's order."""
    from proposer.estimation.sequences import betting

    most = int(counts.cells.sum(axis=(1, 2)).max())
    if most > largest:
        raise InvalidInput(
            f"A problem has {most} samples, and --anytime says that none gets more than {largest}. "
            "That has to be known before the run: give the number that was."
        )
    return lambda ratio: betting(ratio, largest)


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


# calibrate --------------------------------------------------------------------------------------


@app.command("calibrate")
def calibrate(
    verdicts: VerdictsArgument,
    problem_set: Annotated[
        str,
        typer.Option(
            "--problem-set",
            help="Pattern of the ids of problems that it holds for, such as HumanEval/*.",
        ),
    ],
    truth: TruthOption = None,
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
    show(document, [text], as_json=as_json)
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
    show(document, lines, as_json=as_json)
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
        lines.insert(0, f"Of these acceptances, wrong: {interval_text(interval)}.")
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
