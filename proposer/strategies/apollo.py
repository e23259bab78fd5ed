"""APOLLO: a whole proof, and, where it fails, proofs of the lemmas that are left of it.

After A. Ospanov et al., "APOLLO: Automated LLM and Lean Collaboration for Advanced Formal
Reasoning" (2025). The service repairs: it mends the syntax, puts holes where the proof fails,
closes those that a tactic closes, and states the others as lemmas. The model proves the lemmas,
and is told what Lean says; what it proves of them is repaired the same way.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar, Final

from proposer.campaigns.budget import BudgetSpent
from proposer.campaigns.desk import Answer, Attempt, Desk, first
from proposer.models import Chat
from proposer.strategies.lean import (
    Places,
    lean_service,
    lemma_prompt,
    paid,
    settled,
    theorem_of,
)
from verifier_service.model import CallOptions, InvalidSpec, LeanTheorem, Outcome
from verifier_service.model.lean_repair import LemmaPrompt, RepairBudget, RepairEnding

__all__ = ["Apollo"]

_MOST_BYTES: Final = 64 * 1024
"""Of a proof of a lemma."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apollo:
    """Whole proofs, each repaired before the next; several at a time."""

    criterion: ClassVar = LeanTheorem

    samples: int = 0
    """Most whole proofs of a problem; 0 leaves it to the budget."""
    lemmas: int = 4
    """Most samples of lemmas for each whole proof; 0 leaves repairs to the service alone."""
    share: float = 0.5
    """How much of what is left of them one round of lemmas may use: the rest is for further rounds,
    and for lemmas of lemmas."""
    rounds: int = 2
    """Times that the same lemma is asked for."""
    depth: int = 2
    """How deep lemmas of lemmas go."""
    checks: int = 1000
    """Texts that Lean is asked about in one repair."""
    width: int = 2
    """Whole proofs of a problem that are under way at a time."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError("share is more than 0 and at most 1.")
        most = {"lemmas": 10_000, "rounds": 64, "depth": 8, "checks": 100_000}
        for name, value in most.items():
            if not 0 <= getattr(self, name) <= value:
                raise ValueError(f"{name} is 0 to {value}.")

    async def solve(self, desk: Desk) -> Answer | None:
        """Draws and repairs until a proof is accepted."""
        numbers = iter(range(self.samples)) if self.samples else count()
        # Lemmas that were proved are shared within this search, and with no other one: on a service
        # that knows what earlier campaigns proved, a replay would ask for less than was recorded.
        options = CallOptions(session_id=f"apollo-{secrets.token_hex(8)}")
        return await first(self._lane(desk, numbers, options) for _ in range(self.width))

    async def _lane(
        self, desk: Desk, numbers: Iterator[int], options: CallOptions
    ) -> Answer | None:
        for number in numbers:
            attempt = await desk.attempt(str(number), desk.domain.solve(desk.task))
            answer = Answer.of(attempt) or await self._repaired(desk, attempt, options)
            if answer is not None:
                return answer
        return None

    async def _repaired(self, desk: Desk, attempt: Attempt, options: CallOptions) -> Answer | None:
        if attempt.candidate is None or attempt.verdict is None:
            return None
        prover = _Prover(desk, Places(f"{attempt.sample.place}/lemma"), self.lemmas, self.share)
        place = f"{attempt.sample.place}/repaired"
        work = lean_service(desk).repairs.repair(
            desk.task.spec_for(attempt.candidate, place),
            prover.prove if self.lemmas else None,
            budget=RepairBudget(
                checks=self.checks, depth=self.depth, rounds=self.rounds, proposals=self.lemmas
            ),
            options=options,
        )
        try:
            made = await paid(desk, work, lambda: prover.waited)
        except InvalidSpec as error:  # the problem has had a verdict: its lemmas are what is wrong
            desk.note_partial(place, attempt.candidate, str(error))
            return None
        if made.ending in (RepairEnding.PROVED, RepairEnding.NOT_ACCEPTED):
            verdict = await desk.judge(place, made.source)
            if verdict is not None and verdict.outcome is Outcome.ACCEPTED:
                return Answer(text=made.source, place=place)
        else:
            desk.note_partial(
                place,
                made.source,
                f"{made.ending.value}: {len(made.holes)} holes left, {made.kept_lines} of "
                f"{made.total_lines} lines kept, {made.check_count} checks.",
            )
        if prover.spent is not None:
            raise prover.spent
        return None


class _Prover:
    """The model, as the repair of one proof asks it for lemmas."""

    def __init__(self, desk: Desk, places: Places, samples: int, share: float) -> None:
        self._desk = desk
        self._places = places
        self._left = samples
        self._share = share
        self.spent: BudgetSpent | None = None
        """Why nothing more was asked for, where the problem's budget is the reason."""
        self.waited = 0.0
        """Seconds that the model took."""

    async def prove(self, prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        """Proofs to try, by lemma; the first lemmas, whose goals are the shortest, get most."""
        chats = [
            (one.lemma.name, lemma_prompt(theorem, one.feedback, one.near_misses))
            for one in prompts
            if (theorem := theorem_of(one.lemma.spec)) is not None
        ]
        if self.spent is not None or not chats or self._left <= 0:
            return {}
        now = min(self._left, max(1, math.ceil(self._left * self._share)))
        self._left -= now
        wanted = [chats[number % len(chats)] for number in range(now)]
        began = time.monotonic()
        drawn, self.spent = await settled(self._draw(name, chat) for name, chat in wanted)
        self.waited += time.monotonic() - began
        proofs: dict[str, list[str]] = {}
        for name, proof in drawn:
            if proof is not None:
                proofs.setdefault(name, []).append(proof)
        return proofs

    async def _draw(self, name: str, chat: Chat) -> tuple[str, str | None]:
        sample = await self._desk.ask(self._places.next(chat), chat)
        proof = self._desk.domain.extract(sample.completion.text, name)
        return name, proof if proof is not None and _is_usable(proof) else None


def _is_usable(proof: str) -> bool:
    """Whether a service takes a text; one that it refuses would end the whole repair."""
    try:
        return len(proof.encode()) <= _MOST_BYTES
    except UnicodeEncodeError:  # lone surrogates, which models write
        return False
