"""What strategies for Lean share: the service's repairs and sessions, and lemmas to ask for."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar, runtime_checkable

from proposer.campaigns.budget import BudgetSpent
from proposer.campaigns.desk import Desk, Judge
from proposer.models import Chat, Request
from proposer.prompts import load_template
from verifier_service.model import (
    CallOptions,
    CriterionUnavailable,
    LeanTheorem,
    RequestedLimits,
    VerificationSpec,
)
from verifier_service.model.lean_repair import (
    Assembled,
    Extracted,
    LemmaProposer,
    Refined,
    RepairBudget,
    Repaired,
    Solved,
    Sorrified,
    SorrifyMode,
)
from verifier_service.model.lean_steps import StepResult, TacticState, TheoremToProve

__all__ = [
    "LeanService",
    "Places",
    "lean_service",
    "lemma_prompt",
    "paid",
    "settled",
    "theorem_of",
    "theorem_text",
    "with_source",
]

_T = TypeVar("_T")
_MOST_SHOWN: Final = 4000
"""Characters of failed proofs, or of goals, in a prompt; the last ones say most."""


class Repairs(Protocol):
    """The methods of `AsyncRepairs` and `LocalRepairs` that strategies need."""

    async def refine(
        self, spec: VerificationSpec, *, options: CallOptions | None = None
    ) -> Refined: ...

    async def sorrify(
        self,
        spec: VerificationSpec,
        *,
        mode: SorrifyMode = SorrifyMode.MINIMAL,
        options: CallOptions | None = None,
    ) -> Sorrified: ...

    async def auto_solve(
        self, spec: VerificationSpec, *, options: CallOptions | None = None
    ) -> Solved: ...

    async def extract_lemmas(
        self, spec: VerificationSpec, *, options: CallOptions | None = None
    ) -> Extracted: ...

    async def assemble(
        self,
        spec: VerificationSpec,
        proofs: Mapping[str, str],
        *,
        options: CallOptions | None = None,
    ) -> Assembled: ...

    async def repair(
        self,
        spec: VerificationSpec,
        propose: LemmaProposer | None = None,
        *,
        budget: RepairBudget | None = None,
        options: CallOptions | None = None,
    ) -> Repaired: ...


class Session(Protocol):
    """A step session."""

    @property
    def root(self) -> TacticState: ...

    async def step(
        self, state_id: int, tactics: Sequence[str], *, limits: RequestedLimits = ...
    ) -> list[StepResult]: ...


@runtime_checkable
class LeanService(Judge, Protocol):
    """The methods of `AsyncVerifier` and `LocalVerifier` that strategies for Lean need."""

    @property
    def repairs(self) -> Repairs:
        """Repairs of Lean proofs."""
        ...

    def open_session(
        self, asked: TheoremToProve, *, options: CallOptions | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """A session to prove a theorem tactic by tactic, closed with the block."""
        ...


def lean_service(desk: Desk) -> LeanService:
    """The desk's client, with its repairs and sessions.

    Raises:
        CriterionUnavailable: It has none.
    """
    if not isinstance(desk.client, LeanService):
        raise CriterionUnavailable(
            "This client neither repairs proofs nor has step sessions. Give an AsyncVerifier or a "
            "LocalVerifier."
        )
    return desk.client


def theorem_of(spec: VerificationSpec | None) -> LeanTheorem | None:
    """The theorem that a problem states."""
    criterion = None if spec is None else spec.problem.criterion
    return criterion if isinstance(criterion, LeanTheorem) else None


async def paid(desk: Desk, work: Awaitable[_T], waited: Callable[[], float] = lambda: 0.0) -> _T:
    """What work of the service comes to; its wall clock is paid for as that of verdicts is.

    Args:
        desk: Whose purse pays.
        work: A call of the service.
        waited: Seconds of it in which the service waited for the model.
    """
    began = time.monotonic()
    try:
        return await work
    finally:
        seconds = time.monotonic() - began - waited()
        desk.pay(max(0.0, seconds))


def theorem_text(theorem: LeanTheorem) -> str:
    """A theorem as its provers see it."""
    stated = f"theorem {theorem.name} {theorem.statement} := by\n  sorry"
    return f"{theorem.preamble.strip()}\n\n{stated}" if theorem.preamble.strip() else stated


def lemma_prompt(theorem: LeanTheorem, feedback: str, near_misses: Sequence[str] = ()) -> Chat:
    """Asks for a proof of a lemma.

    Args:
        theorem: The lemma.
        feedback: What Lean says of the proof that it is to be part of.
        near_misses: Proofs of it that failed, each with what Lean said.
    """
    misses = "\n\n".join(near_misses)[-_MOST_SHOWN:]
    told = f"\n\nThese proofs of it failed:\n\n{misses}" if misses else ""
    return load_template("lean/lemma.1").filled(
        lemma=theorem_text(theorem), feedback=feedback, misses=told
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Places of samples that are named by what is asked.

    A search that is run again may come to its questions in another order, since what the service
    found in time may differ. The same question has the same place all the same, and what was paid
    for is found again.
    """

    prefix: str
    _counts: Counter[str] = field(default_factory=Counter)

    def next(self, prompt: Chat) -> str:
        """The place of one more sample of a prompt."""
        name = f"{self.prefix}/{Request(prompt=prompt).digest[:12]}"
        self._counts[name] += 1
        return f"{name}/{self._counts[name] - 1}"


async def settled(asked: Iterable[Awaitable[_T]]) -> tuple[list[_T], BudgetSpent | None]:
    """What all of them come to; where the budget does not suffice for all, what others came to.

    Raises:
        Exception: The first error that is no end of the budget, once all have ended.
    """
    ended = await asyncio.gather(*asked, return_exceptions=True)
    spent: BudgetSpent | None = None
    results: list[_T] = []
    for one in ended:
        if isinstance(one, BudgetSpent):
            spent = one
        elif isinstance(one, BaseException):
            raise one
        else:
            results.append(one)
    return results, spent


def with_source(spec: VerificationSpec, source: str) -> VerificationSpec:
    """A problem with a candidate."""
    candidate = dataclasses.replace(spec.candidate, source=source)
    return dataclasses.replace(spec, candidate=candidate)
