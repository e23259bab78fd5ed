"""Best of n: fresh samples, and the first accepted one wins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from proposer.campaigns.desk import Answer, Desk, first

__all__ = ["Resample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resample:
    """Fresh samples of one prompt, several at a time."""

    samples: int = 0
    """Most samples of a problem; 0 leaves it to the budget."""
    width: int = 8
    """Samples of a problem that are under way at a time."""
    final_temperature: float = -1.0
    """The temperature changes from the campaign's to this, sample by sample, and stays there once
    `schedule` samples are taken; negative for one temperature."""
    schedule: int = 8

    async def solve(self, desk: Desk) -> Answer | None:
        """Takes samples until one is accepted."""
        numbers = iter(range(self.samples)) if self.samples else count()
        return await first(self._lane(desk, numbers) for _ in range(self.width))

    async def _lane(self, desk: Desk, numbers: Iterator[int]) -> Answer | None:
        prompt = desk.domain.solve(desk.task)
        for number in numbers:
            sampling = replace(desk.sampling, temperature=self._temperature(desk, number))
            attempt = await desk.attempt(str(number), prompt, sampling)
            if (answer := Answer.of(attempt)) is not None:
                return answer
        return None

    def _temperature(self, desk: Desk, number: int) -> float:
        begin = desk.sampling.temperature
        if self.final_temperature < 0:
            return begin
        share = min(1.0, number / max(1, self.schedule - 1))
        return begin + share * (self.final_temperature - begin)
