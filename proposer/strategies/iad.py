"""Verifier-guided refinement: each round sees the best and the latest candidate.

After S. Chakraborty et al., "On the Role of Feedback in Test-Time Scaling of Agentic AI Workflows"
(2025), Iterative Agent Decoding: several candidates a round, ranked by the verifier, and the
best one so far stays in the prompt. The score here is the share of test cases passed; problems
with `keepGoing` have the finest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from proposer.campaigns.desk import Answer, Attempt, Desk, first
from proposer.models import Chat
from verifier_service.model import PythonEvidence

__all__ = ["IterativeDecoding", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IterativeDecoding:
    """Rounds of candidates, each round told of the best and the latest before it."""

    branches: int = 2
    """Candidates of a round."""
    rounds: int = 0
    """Most rounds; 0 leaves it to the budget."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Refines until a candidate is accepted."""
        best: Attempt | None = None
        latest: Attempt | None = None
        for number in range(self.rounds) if self.rounds else count():
            drawn: dict[int, Attempt] = {}

            async def draw(
                branch: int, place: str, prompt: Chat, drawn: dict[int, Attempt] = drawn
            ) -> Answer | None:
                drawn[branch] = await desk.attempt(place, prompt)
                return Answer.of(drawn[branch])

            prompt = _prompt(desk, best, latest)
            answer = await first(
                draw(branch, f"{number}/{branch}", prompt) for branch in range(self.branches)
            )
            if answer is not None:
                return answer
            ranked = sorted(drawn.items(), key=lambda item: (-score(item[1]), item[0]))
            told = [attempt for _, attempt in ranked if attempt.candidate is not None]
            if told:
                latest = told[0]
                best = latest if best is None or score(latest) > score(best) else best
        return None


def score(attempt: Attempt) -> float:
    """How good a candidate is, from 0 to 1: the share of its test cases that passed."""
    if attempt.accepted:
        return 1.0
    evidence = None if attempt.verdict is None else attempt.verdict.evidence
    if isinstance(evidence, PythonEvidence) and evidence.total_count:
        return evidence.passed_count / evidence.total_count
    return 0.0


def _prompt(desk: Desk, best: Attempt | None, latest: Attempt | None) -> Chat:
    if best is None or latest is None or best.candidate is None or latest.candidate is None:
        return desk.domain.solve(desk.task)
    return desk.domain.refine(
        desk.task,
        best=(best.candidate, best.feedback),
        latest=(latest.candidate, latest.feedback),
    )
