"""LINC: many translations into logic, a solver's answer to each, and a vote.

After T. Olausson et al., "LINC: A Neurosymbolic Approach for Logical Reasoning by Combining
Language Models with First-Order Logic Provers" (EMNLP 2023). The service reads and answers; here
is only what is asked and how votes are counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proposer.campaigns.budget import BudgetSpent
from proposer.campaigns.desk import Answer, Desk
from proposer.strategies.logic_refinement import refined
from verifier_service.model import Entailment, LogicEvidence, Outcome, Verdict
from verifier_service.voting import Calibration, is_majority_settled, majority, vote

__all__ = ["Linc", "Vote", "answer_of", "calibration_from_json", "calibration_json", "polled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linc:
    """Translations of one problem, which vote for an answer."""

    samples: int = 10
    """Translations of a problem."""
    repairs: int = 0
    """Most refinements of a translation whose text has faults, each told where and why."""
    width: int = 5
    """Translations that are under way at a time; the vote is looked at after each so many."""
    rule: str = "majority"
    """"majority"; "calibrated", which needs `calibration`; or "linc": the majority as there, where
    premises that contradict each other entail everything."""
    count_doubted: bool = True
    """Whether translations vote whose answer the service doubts: `free-variables`,
    `conclusion-assumed`, `unconnected-conclusion` and the like. A model that only translates has
    nothing to gain by them; one that is trained on votes has."""
    early_stop: bool = True
    """Whether to end once the rest can't change the vote."""
    calibration: str = ""
    """File that `calibration_json` wrote: how much each kind of vote is worth."""

    def __post_init__(self) -> None:
        if self.rule not in ("majority", "calibrated", "linc"):
            raise ValueError("rule is majority, calibrated or linc.")
        if (self.rule == "calibrated") != bool(self.calibration):
            raise ValueError("calibration=FILE and rule=calibrated go together.")

    async def solve(self, desk: Desk) -> Answer | None:
        """Translates until no further translation can change the vote."""
        weights = _calibration(self.calibration)

        async def cast(number: int) -> list[Vote]:
            translation = await refined(desk, str(number), self.repairs)
            said = self.vote(translation.verdict)
            return [] if said is None else [Vote(said=said, place=str(number))]

        def is_settled(votes: Sequence[Entailment], left: int) -> bool:
            return self.early_stop and _is_settled(votes, left, weights)

        votes = await polled(cast, self.samples, self.width, is_settled)
        said = [vote.said for vote in votes]
        return answer_of(votes, majority(said) if weights is None else weights.verdict(said))

    def vote(self, verdict: Verdict | None) -> Entailment | None:
        """What a verdict votes for; None where the service could not judge."""
        if verdict is None or not isinstance(verdict.evidence, LogicEvidence):
            unheard = verdict is not None and verdict.outcome is Outcome.INCONCLUSIVE
            return None if unheard else Entailment.UNKNOWN
        said = verdict.evidence.entailment
        if not (self.count_doubted or self.rule == "linc") or verdict.reason in _UNHEARD:
            return vote(verdict.reason, said)
        if self.rule == "linc" and said is Entailment.INCONSISTENT_PREMISES:
            return Entailment.ENTAILED
        return said


_UNHEARD: Final = {"overloaded", "solvers-disagree"}
"""Reasons by which nothing is said of the translation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one sample says."""

    said: Entailment
    place: str
    """Of the sample."""


async def polled(
    cast: Callable[[int], Awaitable[list[Vote]]],
    samples: int,
    width: int,
    is_settled: Callable[[Sequence[Entailment], int], bool],
) -> list[Vote]:
    """The votes of samples in their order, drawn until they are settled or the budget is spent.

    Args:
        cast: Draws the sample of a number, and says what it votes for.
        samples: How many there are at most.
        width: How many are drawn at a time.
        is_settled: Told all votes so far, and how many samples are left.
    """
    votes: list[Vote] = []
    for start in range(0, samples, width):
        numbers = range(start, min(start + width, samples))
        ended = await asyncio.gather(*map(cast, numbers), return_exceptions=True)
        for one in ended:
            if isinstance(one, list):
                votes += one
            elif not isinstance(one, BudgetSpent):
                raise one
        spent = any(isinstance(one, BudgetSpent) for one in ended)
        if spent or is_settled([vote.said for vote in votes], samples - numbers.stop):
            break
    return votes


def answer_of(votes: Sequence[Vote], chosen: Entailment | None) -> Answer | None:
    """What was chosen, with the first sample that says so; no verdict speaks for it."""
    if chosen is None:
        return None
    place = next((vote.place for vote in votes if vote.said is chosen), "")
    return Answer(text=chosen.value, place=place, accepted=False)


def calibration_json(calibration: Calibration) -> str:
    """A calibration as text."""
    counts = {
        answer.name: {vote.name: count for vote, count in row.items()}
        for answer, row in calibration.counts.items()
    }
    prior = {answer.name: count for answer, count in calibration.prior.items()}
    return json.dumps({"counts": counts, "prior": prior, "smoothing": calibration.smoothing})


def calibration_from_json(text: str) -> Calibration:
    """The calibration that `calibration_json` wrote.

    Raises:
        ValueError: It is none.
    """
    try:
        kept: dict[str, Any] = json.loads(text)
        return Calibration(
            counts={
                Entailment[answer]: {Entailment[vote]: int(count) for vote, count in row.items()}
                for answer, row in kept["counts"].items()
            },
            prior={Entailment[answer]: int(count) for answer, count in kept["prior"].items()},
            smoothing=float(kept["smoothing"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"It is no calibration of votes: {error!r} is missing.") from error


def _calibration(path: str) -> Calibration | None:
    return calibration_from_json(Path(path).read_text(encoding="utf-8")) if path else None


def _is_settled(votes: Sequence[Entailment], left: int, weights: Calibration | None) -> bool:
    return is_majority_settled(votes, left) if weights is None else weights.is_settled(votes, left)
