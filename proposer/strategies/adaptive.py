"""Adaptive: fresh samples, repairs and examples, each as often as it was seen to help.

Which of them helps depends on the model and the kind of problem: small models do better with fresh
samples than with repairs. Each choice is a draw of Thompson's: W. Thompson, "On the Likelihood that
One Unknown Probability Exceeds Another", Biometrika 25 (1933), per kind of problem, over all
problems of the campaign, per token that an arm takes.
"""

from __future__ import annotations

import functools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from proposer.campaigns.desk import Answer, Attempt, Desk, first
from proposer.models import Chat
from proposer.strategies.self_repair import asking_again
from verifier_service.model import Outcome

__all__ = ["Adaptive", "Arm"]

ARMS = ("fresh", "repair", "example")


@dataclass(slots=True)
class Arm:
    """What is known of one way to go on."""

    accepted: int = 0
    rejected: int = 0
    tokens: int = 0

    def draw(self) -> float:
        """Acceptances per token, drawn from what is still possible."""
        chance = random.betavariate(1 + self.accepted, 1 + self.rejected)
        drawn = self.accepted + self.rejected
        return chance / ((self.tokens + 1) / drawn if drawn else 1.0)

    def note(self, attempt: Attempt) -> None:
        """Counts an attempt; one about which nobody could tell counts for nothing."""
        verdict = attempt.verdict
        if verdict is not None and verdict.outcome is Outcome.INCONCLUSIVE:
            return
        self.accepted += attempt.accepted
        self.rejected += not attempt.accepted
        self.tokens += attempt.sample.completion.usage.completion_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """Draws fresh samples, repairs the latest failure, or shows its failing test as an example."""

    samples: int = 0
    """Most samples of a problem; 0 leaves it to the budget."""
    width: int = 4
    """Samples of a problem that are under way at a time."""
    known: dict[str, dict[str, Arm]] = field(
        init=False,
        default_factory=lambda: defaultdict(lambda: {arm: Arm() for arm in ARMS}),
        compare=False,
    )
    """By kind of problem and arm: what was seen in this campaign."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Draws until a candidate is accepted."""
        numbers = iter(range(self.samples)) if self.samples else count()
        return await first(self._lane(desk, lane, numbers) for lane in range(self.width))

    async def _lane(self, desk: Desk, lane: int, numbers: Iterator[int]) -> Answer | None:
        arms = self.known[desk.domain.name]
        failed: Attempt | None = None
        for step, _ in enumerate(numbers):
            open_arms = ARMS if failed is not None else ARMS[:1]
            arm = desk.decide(f"{lane}/{step}", functools.partial(_best, arms, open_arms))
            attempt = await desk.attempt(f"{lane}/{step}/{arm}", _prompt(desk, arm, failed))
            arms[arm].note(attempt)
            if (answer := Answer.of(attempt)) is not None:
                return answer
            if attempt.is_repairable and attempt.verdict is not None:
                failed = attempt
        return None


def _best(arms: dict[str, Arm], among: Sequence[str]) -> str:
    return max(among, key=lambda arm: arms[arm].draw())


def _prompt(desk: Desk, arm: str, failed: Attempt | None) -> Chat:
    if arm == "repair" and failed is not None:
        return asking_again(desk, failed)
    if arm == "example" and failed is not None:
        return desk.domain.example(desk.task, failed.feedback)
    return desk.domain.solve(desk.task)
