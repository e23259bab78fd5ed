"""Several engines on one inquiry, the cheap ones first, and what their claims come to.

1. the grounder in this process, which decides most of what people and models write,
2. Z3,
3. E, and beside it cvc5's search for finite models,
4. cvc5's enumeration of instances, and beside it SPASS where it is installed.

A later stage is asked only what is still open, or decided without evidence that could be checked.
A model counts where the evaluator found all formulas to hold in it, a contradiction is certified
where the checker of certificates passed one. Solvers that claim opposite things are never
outvoted: the question is disputed, and has no answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from sandboxes.logic.answers import Answer, Status
from sandboxes.logic.evidence import MODEL_REFUSED, answers_by_grounding, assess, inferred
from sandboxes.logic.solvers.claims import Claim, Inquiry
from sandboxes.logic.solvers.engines import Solver
from verifier_service.model import Limits, ResourceUsage

__all__ = ["DEFAULT_STEPS", "LOCAL", "Need", "Portfolio", "Settlement"]

_T = TypeVar("_T")

DEFAULT_STEPS: Final = 2_000_000
"""Of each question to each solver, in Z3's units, where a request sets no limit: about a second."""
SCALES: Final = (1 / 32, 1 / 4, 1.0)
"""All are asked with little effort first: what one can't decide, another often does at once."""
LARGEST_SHARE: Final = 0.5
"""Of the CPU time that is left, what one stage may use."""
LEAST_CPU_SECONDS: Final = 0.1
"""Less is not worth starting a solver for."""
LOCAL: Final = "grounding"
"""Name of the engine in this process."""

_OPEN: Final = Answer(status=Status.UNDECIDED, reason="not-asked")
_DISPUTED: Final = Answer(status=Status.UNDECIDED, reason="solvers-disagree")


class Need(enum.Enum):
    """What a solver is asked for."""

    ANSWER = "answer"
    """What is undecided."""
    MODEL = "model"
    """What is undecided, or satisfiable without a model."""
    CERTIFICATE = "certificate"
    """What is undecided, or unsatisfiable without a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of an inquiry."""

    answers: Mapping[str, Answer]
    """By question; disputed ones are undecided for the reason "solvers-disagree"."""
    claims: tuple[Claim, ...]
    """All of them, in order: the transcript."""
    refused: tuple[Claim, ...]
    """Those that gave a model in which the formulas do not hold."""
    usage: ResourceUsage
    overloaded: bool = False
    """Whether the machine was too busy to let a solver run to an end."""

    @property
    def disputed(self) -> tuple[str, ...]:
        """Questions about which engines contradict each other."""
        return tuple(
            name for name, answer in self.answers.items() if answer.reason == _DISPUTED.reason
        )


@dataclass(slots=True)
class _Case:
    """The state of an inquiry."""

    inquiry: Inquiry
    answers: dict[str, Answer]
    claims: list[Claim] = field(default_factory=list)
    refused: list[Claim] = field(default_factory=list)

    def wanting(self, need: Need) -> list[str]:
        return [name for name, answer in self.answers.items() if _wants(answer, need)]

    def take(self, claim: Claim, answer: Answer) -> None:
        """Takes in a claim, and what it was found to be worth."""
        self.claims.append(claim)
        known = self.answers[claim.question]
        better = (answer.model or answer.certificate) and not (known.model or known.certificate)
        if known.status is Status.UNDECIDED or (known.status is answer.status and better):
            self.answers[claim.question] = answer

    def conclude(self) -> None:
        """Draws what evidence for some questions says to others."""
        for name, answer in self.answers.items():
            if not (answer.model or answer.certificate):
                known = inferred(name, self.answers, self.inquiry)
                if known is not None and answer.status in (Status.UNDECIDED, known.status):
                    self.answers[name] = known

    def disputed(self) -> set[str]:
        """Questions about which claims contradict each other.

        To say that formulas can hold together, and that some of them can't, is a contradiction.
        """
        questions = self.inquiry.questions
        return {
            name
            for one in self.claims
            if one.status is Status.SATISFIABLE
            for other in self.claims
            if other.status is Status.UNSATISFIABLE
            and set(questions[other.question]) <= set(questions[one.question])
            for name in (one.question, other.question)
        }


def _wants(answer: Answer, need: Need) -> bool:
    match answer.status:
        case Status.UNDECIDED:
            return True
        case Status.SATISFIABLE:
            return need is Need.MODEL and answer.model is None
        case Status.UNSATISFIABLE:
            return need is Need.CERTIFICATE and answer.certificate is None


class Portfolio:
    """Asks engines until every question has an answer with evidence, or all have been asked."""

    def __init__(self, stages: Sequence[Sequence[tuple[Solver, Need]]]) -> None:
        """Each stage has solvers that are asked at the same time."""
        self._stages = stages
        self._lane = asyncio.Semaphore(1)

    async def settle(self, inquiry: Inquiry, *, limits: Limits) -> Settlement:
        """Asks all questions of an inquiry.

        Cancelling leaves no process running.

        Raises:
            SandboxLost: A sandbox died, not by a solver's doing. May be retried.
        """
        case = _Case(inquiry, dict.fromkeys(inquiry.questions, _OPEN))
        answers, usage = await self._aside(partial(answers_by_grounding, inquiry))
        for name, answer in answers.items():
            case.take(_claim_of(name, answer), answer)
        overloaded = False
        rounds = [(scale, stage) for scale in SCALES for stage in self._stages]
        for scale, stage in rounds:
            asked = [(solver, case.wanting(need)) for solver, need in stage]
            asked = [(solver, questions) for solver, questions in asked if questions]
            left = limits.cpu_seconds - usage.cpu_seconds
            share = LARGEST_SHARE * left / max(1, len(asked))
            if not asked or share < LEAST_CPU_SECONDS:
                continue
            claims, used = await self._ask(inquiry, asked, limits, share, scale)
            found, own = await self._aside(partial(_assessed, claims, inquiry))
            usage = _sum(usage, _sum(used, own))
            for claim, answer in zip(claims, found, strict=True):
                case.take(claim, answer)
                if answer.reason == MODEL_REFUSED:
                    case.refused.append(claim)
                overloaded |= claim.reason == "overloaded"
            case.conclude()
        return Settlement(
            answers={**case.answers, **dict.fromkeys(case.disputed(), _DISPUTED)},
            claims=tuple(case.claims),
            refused=tuple(case.refused),
            usage=usage,
            overloaded=overloaded,
        )

    async def _ask(
        self,
        inquiry: Inquiry,
        asked: Sequence[tuple[Solver, Sequence[str]]],
        limits: Limits,
        share: float,
        scale: float,
    ) -> tuple[list[Claim], ResourceUsage]:
        steps = max(1, int(scale * (limits.deterministic_steps or DEFAULT_STEPS)))
        own = dataclasses.replace(limits, cpu_seconds=share)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(solver.ask(inquiry, questions, steps=steps, limits=own))
                    for solver, questions in asked
                ]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        claims: list[Claim] = []
        usage = ResourceUsage()
        for said, used in (task.result() for task in tasks):
            claims += said
            usage = _sum(usage, used)
        return claims, usage

    async def _aside(self, work: Callable[[], _T]) -> tuple[_T, ResourceUsage]:
        """Does bounded work of our own beside the event loop, one piece at a time."""

        def measured() -> tuple[_T, ResourceUsage]:
            wall, cpu = time.monotonic(), time.thread_time()
            done = work()
            return done, ResourceUsage(
                wall_seconds=time.monotonic() - wall, cpu_seconds=time.thread_time() - cpu
            )

        async with self._lane:
            return await asyncio.to_thread(measured)


def _claim_of(question: str, answer: Answer) -> Claim:
    return Claim(
        solver=LOCAL,
        question=question,
        status=answer.status,
        reason=answer.reason,
        steps=answer.steps,
    )


def _assessed(claims: Sequence[Claim], inquiry: Inquiry) -> list[Answer]:
    return [assess(claim, inquiry) for claim in claims]


def _sum(one: ResourceUsage, other: ResourceUsage) -> ResourceUsage:
    return ResourceUsage(
        wall_seconds=one.wall_seconds + other.wall_seconds,
        cpu_seconds=one.cpu_seconds + other.cpu_seconds,
        peak_memory_bytes=max(one.peak_memory_bytes, other.peak_memory_bytes),
    )
