"""`verifier estimate next`, `select` and `missed`: what to do, and whom to return."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.command_line import options
from clients.command_line.estimate_files import estimation, read_verdicts
from clients.command_line.estimate_view import TruthOption, VerdictsArgument, show
from clients.command_line.exit_codes import ExitCode

__all__ = ["missed", "next_steps", "select"]


class Rule(enum.StrEnum):
    """How candidates are ranked by the tests that they pass."""

    B4 = "b4"
    CODET = "codet"
    MAJORITY = "majority"
    MOST_PASSED = "most-passed"


def next_steps(
    verdicts: VerdictsArgument,
    truth: TruthOption = None,
    repairs: Annotated[
        Path | None,
        typer.Option("--repairs", help="Verdicts on repaired candidates of the same problems."),
    ] = None,
    false_positive_cost: Annotated[
        float, typer.Option("--false-positive-cost", min=0, help="In right answers.")
    ] = 1.0,
    sample_cost: Annotated[
        float, typer.Option("--sample-cost", min=0, help="In right answers.")
    ] = 0.01,
    repair_cost: Annotated[
        float, typer.Option("--repair-cost", min=0, help="In right answers.")
    ] = 0.01,
    audit_cost: Annotated[
        float, typer.Option("--audit-cost", min=0, help="In right answers.")
    ] = 0.05,
    as_json: options.JsonOption = False,
) -> int:
    """Says what to do next for each problem: sample, repair, audit or stop, and why.

    verifier estimate next weak.jsonl --truth audited.jsonl --false-positive-cost 4
    """
    records = read_verdicts(verdicts, truth)
    repaired = [] if repairs is None else read_verdicts(repairs, None)
    with estimation():
        from proposer.estimation.deciding import next_steps as steps_of
        from proposer.estimation.definitions import Prices

        prices = Prices(
            false_positive=false_positive_cost,
            sample=sample_cost,
            repair=repair_cost,
            audit=audit_cost,
        )
        steps = steps_of(records, prices, repaired)
    lines = [f"{problem}: {one.action}. {one.reason}" for problem, one in steps.items()]
    document = {
        "problems": [
            {
                "problemId": problem,
                "action": one.action.value,
                "returns": one.returns,
                "wrong": one.wrong,
                "reason": one.reason,
                "gains": {action.value: gain for action, gain in one.gains.items()},
            }
            for problem, one in steps.items()
        ]
    }
    show(document, lines, as_json=as_json)
    return ExitCode.ACCEPTED


def select(
    verdicts: VerdictsArgument,
    rule: Annotated[
        Rule, typer.Option("--rule", help="How candidates are ranked by the tests that they pass.")
    ] = Rule.B4,
    as_json: options.JsonOption = False,
) -> int:
    """Picks a candidate of each problem where tests may be wrong too: by who passes what.

    The verdicts have to show every case: judge with keepGoing.

    verifier estimate select verdicts.jsonl --rule codet
    """
    records = read_verdicts(verdicts, None)
    with estimation():
        from proposer.estimation.deciding import matrices
        from proposer.estimation.selection import b4, codet, largest_group, most_passed

        ranking = {
            Rule.B4: b4,
            Rule.CODET: codet,
            Rule.MAJORITY: largest_group,
            Rule.MOST_PASSED: most_passed,
        }[rule]
        chosen = [
            (problem, matrix, ranking(matrix.passed)[0])
            for problem, matrix in matrices(records).items()
        ]
    lines: list[str] = []
    problems: list[dict[str, Any]] = []
    for problem, matrix, group in chosen:
        members = [matrix.candidates[index] for index in group.members]
        lines.append(
            f"{problem}: candidate {members[0].candidate} (line {members[0].line}); "
            f"{len(members)} of {len(matrix.candidates)} candidates pass the same {group.tests} of "
            f"{len(matrix.tests)} tests."
        )
        problems.append(
            {
                "problemId": problem,
                "candidateIds": [one.candidate for one in members],
                "lines": [one.line for one in members],
                "tests": group.tests,
                "score": group.score,
            }
        )
    show({"rule": rule.value, "problems": problems}, lines, as_json=as_json)
    return ExitCode.ACCEPTED


def missed(
    first: Annotated[Path, typer.Argument(metavar="VERDICTS", help="Verdicts by one suite.")],
    second: Annotated[
        Path, typer.Argument(metavar="OTHERS", help="Verdicts by another, on the same candidates.")
    ],
    truth: TruthOption = None,
    as_json: options.JsonOption = False,
) -> int:
    """Says how many candidates are wrong, caught or not, from what two independent suites reject.

    verifier estimate missed unit.jsonl generated.jsonl --truth audited.jsonl
    """
    records = read_verdicts(first, truth)
    others = read_verdicts(second, None)
    with estimation():
        from proposer.estimation.capture_recapture import chapman, independence
        from proposer.estimation.counts import Truth
        from proposer.estimation.deciding import overlap
        from proposer.estimation.records import require_same_candidates

        require_same_candidates(records, others, names=(first, second))
        by_key = {record.key: record for record in others}
        seen = overlap(records, by_key)
        interval = chapman(seen.both, seen.first, seen.second)
        known = overlap([one for one in records if one.truth is Truth.WRONG], by_key)
        counts = (known.both, known.first, known.second, known.neither)
        dependence = independence(*counts) if any(counts) else None
    rejected = (
        f"{seen.both + seen.first + seen.second} candidates were rejected: {seen.both} by both, "
        f"{seen.first} by {first} alone, {seen.second} by {second} alone."
    )
    wrong = (
        f"Wrong in all, if the suites are independent: {interval.estimate:.1f}, "
        f"{interval.level:.0%} interval {interval.lower:.1f} to {interval.upper:.1f}."
    )
    lines = [rejected, wrong]
    document: dict[str, Any] = {
        "rejected": {"both": seen.both, "first": seen.first, "second": seen.second},
        "wrong": {
            "estimate": interval.estimate,
            "lower": interval.lower,
            "upper": interval.upper,
            "level": interval.level,
            "method": interval.method,
        },
    }
    if dependence is None:
        lines.append(
            "Nothing says whether they are independent: give the truth of some as --truth. Suites "
            "mostly miss the same candidates, and then this is a lower bound."
        )
    else:
        lines.append(dependence.reading)
        document["dependence"] = {
            "oddsRatio": dependence.odds_ratio,
            "pValue": dependence.p_value,
            "reading": dependence.reading,
        }
    show(document, lines, as_json=as_json)
    return ExitCode.ACCEPTED
