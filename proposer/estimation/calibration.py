"""From verdicts whose truth is known to an estimate that later verdicts carry."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from proposer.estimation.audits import hajek, prediction_powered
from proposer.estimation.counts import Answer, Counts, Truth
from proposer.estimation.definitions import false_discovery_proportion
from proposer.estimation.intervals import recommended
from proposer.estimation.plans import Key, acceptances
from proposer.estimation.ratios import Ratio
from proposer.estimation.records import Record, UnusableRecords, observations
from verifier_service.model import FalsePositiveEstimate

__all__ = ["LEAST_PROBLEMS", "audited_proportion", "calibrated"]

LEAST_PROBLEMS: Final = 10
"""With fewer, an interval says next to nothing about the next problem."""


def calibrated(
    records: Sequence[Record],
    *,
    problem_set: str,
    method: str,
    name: Path,
    chances: Mapping[Key, float] | None = None,
    suspicions: Mapping[Key, float] | None = None,
) -> FalsePositiveEstimate:
    """How often an acceptance of these problems is wrong, with a 95 % interval over problems.

    Args:
        records: Verdicts with truth.
        problem_set: Pattern of problem ids, as of `fnmatch`, that fits all of them.
        method: How truth became known: "held-out-tests", "mutation", "reference-prover".
        name: The file of verdicts, for messages.
        chances: With which each acceptance was drawn for audit, where not all were audited.
        suspicions: Cheap signals about acceptances, of use beside chances.

    Raises:
        UnusableRecords: A problem does not fit the pattern, there is too little truth, or nothing
            says how those of known truth were chosen.
        NotEstimable: The truth of no acceptance is known.
    """
    for record in records:
        if not fnmatchcase(record.problem, problem_set):
            raise UnusableRecords(
                f"{name}, line {record.line}, is about the problem {record.problem[:80]!r}, which "
                f"does not fit {problem_set!r}. Leave it out, or give a pattern that fits all."
            )
    known = [
        record
        for record in records
        if record.answer is Answer.ACCEPTED and record.truth is not Truth.UNKNOWN
    ]
    if (problems := len({record.problem for record in known})) < LEAST_PROBLEMS:
        raise UnusableRecords(
            f"{name}: the truth is known of {len(known)} acceptances, of {problems} problems. A "
            f"calibration needs {LEAST_PROBLEMS} problems or more: judge acceptances with a "
            "stronger verifier, and give its verdicts as --truth."
        )
    if chances is None:
        _refuse_a_choice(records, name)
    interval = recommended(audited_proportion(records, chances=chances, suspicions=suspicions))
    return FalsePositiveEstimate(
        rate=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        method=method,
        sample_count=interval.observations,
        problem_count=problems,
        problem_set=problem_set,
        estimate_time=time.time(),
    )


def audited_proportion(
    records: Sequence[Record],
    *,
    chances: Mapping[Key, float] | None = None,
    suspicions: Mapping[Key, float] | None = None,
) -> Ratio:
    """The false-discovery proportion, by the estimator that fits how truth became known.

    All audited: the share itself. Drawn with chances: the prediction-powered estimate where there
    are suspicions and every audit could tell, else Hájek's, which leaves out those that could not.

    Raises:
        NotEstimable: The truth of no acceptance is known.
        UnusableRecords: As `acceptances`.
    """
    if chances is None:
        return false_discovery_proportion(Counts.of(observations(records)))
    drawn = acceptances(records, chances=chances, suspicions=suspicions)
    all_told = not any(record.asked and record.truth is Truth.UNKNOWN for record in records)
    return prediction_powered(drawn) if suspicions and all_told else hajek(drawn)


def _refuse_a_choice(records: Sequence[Record], name: Path) -> None:
    """Acceptances that nobody was asked about may be those that somebody was sure of.

    Raises:
        UnusableRecords: There are such.
    """
    accepted = [record for record in records if record.answer is Answer.ACCEPTED]
    skipped = sum(not record.asked and record.truth is Truth.UNKNOWN for record in accepted)
    if skipped:
        raise UnusableRecords(
            f"{name}: of {len(accepted)} acceptances, {skipped} were never put to the stronger "
            "verifier, and nothing says how the others were chosen. Have `verifier estimate "
            "audits --draw` choose, and give its plan as --plan; or audit all."
        )
