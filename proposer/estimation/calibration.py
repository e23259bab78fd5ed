"""From verdicts whose truth is known to an estimate that later verdicts carry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from proposer.estimation.counts import Counts, NotEstimable
from proposer.estimation.definitions import false_discovery_proportion
from proposer.estimation.intervals import recommended
from proposer.estimation.records import Record, UnusableRecords, observations
from verifier_service.model import FalsePositiveEstimate

__all__ = ["LEAST_PROBLEMS", "calibrated"]

LEAST_PROBLEMS: Final = 10
"""With fewer, an interval says next to nothing about the next problem."""


def calibrated(
    records: Sequence[Record], *, problem_set: str, method: str, name: Path
) -> FalsePositiveEstimate:
    """How often an acceptance of these problems is wrong, with a 95 % interval over problems.

    Acceptances of unknown truth are left out, so those of known truth have to be all of them, or
    have been chosen at random.

    Args:
        records: Verdicts with truth.
        problem_set: Pattern of problem ids, as of `fnmatch`, that fits all of them.
        method: How truth became known: "held-out-tests", "mutation", "reference-prover".
        name: The file of verdicts, for messages.

    Raises:
        UnusableRecords: A problem does not fit the pattern, or there is too little truth.
    """
    for record in records:
        if not fnmatchcase(record.problem, problem_set):
            raise UnusableRecords(
                f"{name}, line {record.line}, is about the problem {record.problem[:80]!r}, which "
                f"does not fit {problem_set!r}. Leave it out, or give a pattern that fits all."
            )
    counts = Counts.of(observations(records))
    known = counts.false_positives + counts.true_positives
    if (problems := int((known > 0).sum())) < LEAST_PROBLEMS:
        accepted = int(counts.accepted.sum())
        raise UnusableRecords(
            f"{name}: of {accepted} acceptances the truth is known of {int(known.sum())}, which "
            f"belong to {problems} problems. A calibration needs {LEAST_PROBLEMS} problems or "
            "more: judge acceptances with a stronger verifier, and give its verdicts as --truth."
        )
    try:
        interval = recommended(false_discovery_proportion(counts))
    except NotEstimable as nothing:
        raise UnusableRecords(f"{name}: {nothing}") from nothing
    return FalsePositiveEstimate(
        rate=interval.estimate,
        lower=interval.lower,
        upper=interval.upper,
        method=method,
        sample_count=interval.observations,
        problem_count=interval.clusters,
        problem_set=problem_set,
        estimate_time=time.time(),
    )
