"""PAL and CSV: programs that compute an answer, and vote for it.

After L. Gao et al., "PAL: Program-aided Language Models" (ICML 2023): the model writes a program,
the answer is what it prints, and most votes win. With `verify`, after A. Zhou et al., "Solving
Challenging Math Word Problems Using GPT-4 Code Interpreter with Code-based Self-Verification"
(ICLR 2024): a second program of the model's checks the answer, and votes weigh by what it says.

All programs run in the service. The problem itself judges one program: the first of those with the
answer that won.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proposer.campaigns.budget import BudgetSpent
from proposer.campaigns.desk import Answer, Desk, Sample
from proposer.models import Chat
from proposer.prompts import load_template
from verifier_service.model import (
    Candidate,
    Outcome,
    Problem,
    PythonEvidence,
    PythonTests,
    StdioCase,
    StdioCases,
    VerificationSpec,
)

__all__ = ["Pal"]

_WEIGHTS: Final = {"True": 1.0, "": 0.5, "False": 0.2}
"""Of an answer, by what the program that checks it prints; "" where that says neither."""
_NOTHING: Final = PythonTests(
    form=StdioCases(cases=(StdioCase(stdin="", stdout="(what it prints is read, not judged)"),))
)
"""A problem that runs a program: the verdict's evidence holds what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vote:
    number: int
    program: str
    answer: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pal:
    """Programs that print an answer, and vote."""

    samples: int = 5
    """Programs of a problem."""
    verify: bool = False
    """Whether a second program checks the answer of each."""

    async def solve(self, desk: Desk) -> Answer | None:
        """Runs the programs, counts, and has the problem judge what won."""
        ended = await asyncio.gather(
            *(self._vote(desk, number) for number in range(self.samples)), return_exceptions=True
        )
        for one in ended:
            if isinstance(one, BaseException) and not isinstance(one, BudgetSpent):
                raise one
        votes = [one for one in ended if isinstance(one, _Vote)]
        if not votes:
            return None
        chosen = _chosen(votes)
        verdict = await desk.judge("answer", chosen.program)
        if verdict is None or verdict.outcome is not Outcome.ACCEPTED:
            return None
        return Answer(text=chosen.program, place=str(chosen.number))

    async def _vote(self, desk: Desk, number: int) -> _Vote | None:
        template = load_template("python/program.1")
        chat = template.filled(
            statement=desk.task.statement, examples=desk.domain.examples(desk.task)
        )
        sample = await desk.ask(str(number), chat)
        program = desk.domain.extract(sample.completion.text, "")
        answer = None if program is None else await _printed(desk, str(number), program)
        if program is None or answer is None:
            return None
        weight = await self._weight(desk, sample, chat, answer) if self.verify else 1.0
        return _Vote(number=number, program=program, answer=answer, weight=weight)

    async def _weight(self, desk: Desk, sample: Sample, chat: Chat, answer: str) -> float:
        check = load_template("python/check.1").continued(
            chat, desk.domain.closed(chat, sample.completion.text), answer=answer
        )
        place = f"{sample.place}/check"
        program = desk.domain.extract((await desk.ask(place, check)).completion.text, "")
        said = None if program is None else await _printed(desk, place, program)
        return _WEIGHTS.get(said or "", _WEIGHTS[""])


async def _printed(desk: Desk, place: str, program: str) -> str | None:
    """The last line that a program prints; None where it fails or prints nothing."""
    spec = VerificationSpec(
        problem=Problem(criterion=_NOTHING, problem_id=desk.task.problem_id),
        candidate=Candidate(source=program, candidate_id=place),
        environment=desk.task.spec.environment,
        limits=desk.task.spec.limits,
    )
    verdict = await desk.judge(place, program, spec)
    if verdict is None or verdict.reason not in ("wrong-answer", "tests-passed"):
        return None
    if not isinstance(verdict.evidence, PythonEvidence):
        return None
    printed = verdict.evidence.stdout
    lines = (printed.tail or printed.head).decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


def _chosen(votes: list[_Vote]) -> _Vote:
    weights: Mapping[str, float] = _totals(votes)
    return max(votes, key=lambda vote: (weights[vote.answer], -vote.number))


def _totals(votes: list[_Vote]) -> dict[str, float]:
    totals: dict[str, float] = defaultdict(float)
    for vote in votes:
        totals[vote.answer] += vote.weight
    return totals
