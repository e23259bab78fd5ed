"""Hypothesis search: rules in words first, then programs that follow them.

After R. Wang et al., "Hypothesis Search: Inductive Reasoning with Language Models" (ICLR 2024): for
problems that are given by examples of inputs and outputs, the model first says what the rule could
be, several times; each rule becomes several programs; the examples judge these, and a program that
fails one is revised with what was found.
"""

from __future__ import annotations

from dataclasses import dataclass

from proposer.campaigns.desk import Answer, Desk, first
from proposer.prompts import load_template
from proposer.strategies.self_repair import repairs

__all__ = ["HypothesisSearch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HypothesisSearch:
    """Rules, programs for each, and revisions of each program."""

    hypotheses: int = 4
    """Rules."""
    programs: int = 2
    """Programs for each rule."""
    revisions: int = 1
    """Of each program that fails."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Works at all rules at a time, until a program passes."""
        return await first(self._hypothesis(desk, number) for number in range(self.hypotheses))

    async def _hypothesis(self, desk: Desk, number: int) -> Answer | None:
        examples = desk.domain.examples(desk.task)
        asked = load_template("python/hypothesis.1").filled(
            statement=desk.task.statement, examples=examples
        )
        rule = (await desk.ask(f"{number}/rule", asked)).completion.text.strip()
        if not rule:
            return None
        return await first(
            self._program(desk, f"{number}/{branch}", rule) for branch in range(self.programs)
        )

    async def _program(self, desk: Desk, place: str, rule: str) -> Answer | None:
        prompt = load_template("python/implement.1").filled(
            statement=desk.task.statement, examples=desk.domain.examples(desk.task), rule=rule
        )
        fresh = await desk.attempt(place, prompt)
        async for attempt in repairs(desk, fresh, self.revisions):
            if (answer := Answer.of(attempt)) is not None:
                return answer
        return None
