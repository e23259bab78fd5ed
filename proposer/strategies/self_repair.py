"""Self-repair: what the verdict found goes back to the model.

After T. Olausson et al., "Is Self-Repair a Silver Bullet for Code Generation?" (ICLR 2024), with
the service's diagnostics as feedback. `SelfRepair` goes deep first: it repairs a sample before it
draws the next. `Mixed` goes broad first: all fresh samples, then repairs of those that failed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count

from proposer.campaigns.desk import Answer, Attempt, Desk, first
from proposer.models import Chat

__all__ = ["Mixed", "SelfRepair", "asking_again", "repairs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRepair:
    """Fresh samples, each repaired several times before the next; several chains at a time."""

    samples: int = 0
    """Most fresh samples of a problem; 0 leaves it to the budget."""
    rounds: int = 2
    """Repairs of each, one after the other."""
    width: int = 4
    """Chains of a problem that are under way at a time."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Draws and repairs until a candidate is accepted."""
        numbers = iter(range(self.samples)) if self.samples else count()
        return await first(self._lane(desk, numbers) for _ in range(self.width))

    async def _lane(self, desk: Desk, numbers: Iterator[int]) -> Answer | None:
        for number in numbers:
            fresh = await desk.attempt(str(number), desk.domain.solve(desk.task))
            async for attempt in repairs(desk, fresh, self.rounds):
                if (answer := Answer.of(attempt)) is not None:
                    return answer
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """Fresh samples first, then repairs of those that failed."""

    fresh: int = 5
    """Fresh samples."""
    repairs: int = 1
    """Repairs of each that failed, independent of each other."""
    width: int = 4
    """Samples of a problem that are under way at a time."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Draws all fresh samples, then repairs."""
        failed: dict[int, Attempt] = {}
        answer = await first(
            self._draw(desk, numbers, failed) for numbers in self._shared(self.fresh)
        )
        if answer is not None:
            return answer
        wanted = [
            (failed[number], repair)
            for number in sorted(failed)
            if failed[number].is_repairable
            for repair in range(self.repairs)
        ]
        shared = self._shared(len(wanted))
        return await first(self._repair(desk, numbers, wanted) for numbers in shared)

    def _shared(self, count: int) -> list[Iterator[int]]:
        """Numbers that lanes take one by one, so that none is begun once there is an answer."""
        return [iter(range(count))] * self.width

    async def _draw(
        self, desk: Desk, numbers: Iterator[int], failed: dict[int, Attempt]
    ) -> Answer | None:
        for number in numbers:
            failed[number] = await desk.attempt(str(number), desk.domain.solve(desk.task))
            if (answer := Answer.of(failed[number])) is not None:
                return answer
        return None

    async def _repair(
        self, desk: Desk, numbers: Iterator[int], wanted: list[tuple[Attempt, int]]
    ) -> Answer | None:
        for number in numbers:
            fresh, repair = wanted[number]
            place = f"{fresh.sample.place}/repair-{repair}"
            attempt = await desk.attempt(place, asking_again(desk, fresh))
            if (answer := Answer.of(attempt)) is not None:
                return answer
        return None


async def repairs(desk: Desk, fresh: Attempt, rounds: int) -> AsyncIterator[Attempt]:
    """A fresh attempt, then repairs, each of the one before it, while there is what to repair."""
    attempt = fresh
    yield attempt
    for number in range(rounds):
        if not attempt.is_repairable:
            return
        place = f"{fresh.sample.place}/repair-{number}"
        attempt = await desk.attempt(place, asking_again(desk, attempt))
        yield attempt


def asking_again(desk: Desk, attempt: Attempt) -> Chat:
    """The attempt's chat, with its answer, what was found, and the wish for a better one."""
    chat = attempt.sample.prompt
    if not isinstance(chat, Chat):
        raise TypeError("a text can't be continued as a chat")
    return desk.domain.repair(chat, attempt.sample.completion.text, attempt.feedback)
