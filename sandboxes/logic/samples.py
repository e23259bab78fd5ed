"""Many formalisations of one problem, and the answer that they vote for.

Samples that differ only in how they are written share one solve, by their canonical form, and no
sample is asked about once the rest can't change the vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandboxes.logic.answers import Answers, Question, hypotheses
from sandboxes.logic.canonical import canonical
from sandboxes.logic.portfolio import Portfolio
from sandboxes.logic.solvers.claims import Inquiry
from sandboxes.logic.syntax import Problem
from verifier_service.model import Entailment, Limits
from verifier_service.voting import Calibration, is_majority_settled, majority

__all__ = ["Poll", "poll"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """How a vote came out.

    Attributes:
        answer: What was voted for; None where nothing is said.
        votes: What each sample that was asked about says, in order; UNKNOWN for one that can't
            be read or decided. A vote for INCONSISTENT_PREMISES counts for no answer.
        solved: How many different problems were solved for it.
        probability: Of the answer, where the vote is calibrated.
    """

    answer: Entailment | None
    votes: tuple[Entailment, ...]
    solved: int
    probability: float | None = None


async def poll(
    portfolio: Portfolio,
    samples: Sequence[Problem | None],
    *,
    limits: Limits,
    calibration: Calibration | None = None,
) -> Poll:
    """Asks about samples in order until the vote is settled.

    Args:
        portfolio: Who is asked.
        samples: Problems with a goal; None for a sample that could not be read.
        limits: Of each solve.
        calibration: How votes are weighed; without it the majority counts.

    Raises:
        SandboxLost: As `Portfolio.settle` does.
    """
    known: dict[str, Entailment] = {}
    votes: list[Entailment] = []
    for index, sample in enumerate(samples):
        votes.append(await _vote(portfolio, sample, known, limits))
        remaining = len(samples) - index - 1
        if calibration is None and is_majority_settled(votes, remaining):
            break
        if calibration is not None and calibration.is_settled(votes, remaining):
            break
    if calibration is None:
        return Poll(answer=majority(votes), votes=tuple(votes), solved=len(known))
    answer = calibration.verdict(votes)
    return Poll(
        answer=answer,
        votes=tuple(votes),
        solved=len(known),
        probability=calibration.posterior(votes)[answer],
    )


async def _vote(
    portfolio: Portfolio, sample: Problem | None, known: dict[str, Entailment], limits: Limits
) -> Entailment:
    if sample is None or sample.goal is None:
        return Entailment.UNKNOWN
    key = canonical(sample).key
    if key not in known:
        count = len(sample.premises)
        premises = tuple(range(count))
        inquiry = Inquiry(
            formulas=hypotheses(sample),
            questions={
                Question.PREMISES: premises,
                Question.AFFIRMED: (*premises, count),
                Question.DENIED: (*premises, count + 1),
            },
        )
        answers = (await portfolio.settle(inquiry, limits=limits)).answers
        known[key] = Answers(**{str(name): answers[name] for name in Question}).entailment
    return known[key]
