"""Mixture: translations into logic and truth tables vote together.

After T. Zheng et al., "Learning to Reason via Mixture-of-Thought for Logical Reasoning" (2025,
arXiv 2505.15817), where truth tables catch cases that prose forgets, and T. Olausson et al., "LINC"
(EMNLP 2023). A solver answers for a translation, and misses what the model knows and did not write
down; a table has that, and no solver behind it. Here each table is about the formulas of one
translation, and one that does not fit them votes for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from clients.truth_tables import table_answer
from proposer.campaigns.budget import BudgetSpent
from proposer.campaigns.desk import Answer, Attempt, Desk
from proposer.models import Chat
from proposer.prompts import load_template
from proposer.strategies.linc import Linc, Vote, answer_of, polled
from proposer.strategies.logic_refinement import refined
from verifier_service.model import Entailment
from verifier_service.voting import is_majority_settled, majority

__all__ = ["Mixture"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Translations of one problem, and a truth table for each; the majority of both answers."""

    samples: int = 5
    """Translations of a problem, each with a table."""
    repairs: int = 1
    """Most refinements of a translation whose text has faults, each told where and why."""
    width: int = 5
    """Translations that are under way at a time; the vote is looked at after each so many."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Translates and tabulates until no further sample can change the vote."""

        async def cast(number: int) -> list[Vote]:
            translation = await refined(desk, str(number), self.repairs)
            said = Linc().vote(translation.verdict)
            votes = [] if said is None else [Vote(said=said, place=translation.sample.place)]
            place = f"{number}/table"
            try:
                table = await _table_vote(desk, place, translation)
            except BudgetSpent:
                return votes
            return votes if table is None else [*votes, Vote(said=table, place=place)]

        def is_settled(votes: Sequence[Entailment], left: int) -> bool:
            return is_majority_settled(votes, 2 * left)

        votes = await polled(cast, self.samples, self.width, is_settled)
        return answer_of(votes, majority(vote.said for vote in votes))


async def _table_vote(desk: Desk, place: str, translation: Attempt) -> Entailment | None:
    """What a table for a translation says; None where there is nothing to make one for."""
    chat, formulas, verdict = translation.sample.prompt, translation.candidate, translation.verdict
    if formulas is None or verdict is None or verdict.reason == "syntax-error":
        return None
    assert isinstance(chat, Chat)  # templates make nothing else
    answer = desk.domain.closed(chat, translation.sample.completion.text)
    sample = await desk.ask(place, load_template("logic/table.1").continued(chat, answer))
    table = desk.domain.extract(sample.completion.text, "")
    if table is None:
        return None
    # Searched in bounded steps, and yet for seconds at worst: other problems go on meanwhile.
    return await asyncio.to_thread(table_answer, formulas, table)
