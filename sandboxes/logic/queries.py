"""Queries of SMT-LIB with theories: whether assertions can hold together, by two solvers.

There are no certificates for theories here. What solvers say stands unchecked, and an answer is
believed only if the other one does not contradict it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.logic.answers import Answer, Question, Status
from sandboxes.logic.judge import Answered, entailment, reason
from sandboxes.logic.portfolio import DEFAULT_STEPS, Settlement
from sandboxes.logic.problems import Query
from sandboxes.logic.reader.script import Script
from sandboxes.logic.solvers.claims import Claim
from sandboxes.logic.solvers.engines import (
    CVC5_WORKER,
    STEPS_PER_CVC5_UNIT,
    Z3_WORKER,
    claim_of,
    usage_of,
)
from sandboxes.logic.solvers.process import SolverProcesses
from verifier_service.model import Entailment, Limits, LogicProblem

__all__ = ["Found", "settle"]

_MADE: Final = re.compile(r"\b[fS]\d+\b")
_SIMPLE: Final = re.compile(r"[A-Za-z~!@$%^&*_+=<>.?/-][\w~!@$%^&*+=<>.?/-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What solvers say to a query."""

    answered: Answered
    model_smtlib: str
    """A model, in the caller's names; empty where there is none."""


async def settle(
    query: Query, logic: LogicProblem, processes: SolverProcesses, *, limits: Limits
) -> Found:
    """Asks both solvers.

    Raises:
        SandboxLost: A sandbox died, not by a solver's doing. May be retried.
    """
    script = query.script
    steps = limits.deterministic_steps or DEFAULT_STEPS
    z3 = {"text": "\n".join(script.commands), "checks": [None], "steps": steps}
    cvc5 = {
        "declarations": f"(set-logic {script.logic or 'ALL'})",
        "assertions": list(script.commands),
        "checks": [list(range(len(script.commands)))],
        "steps": max(1, steps // STEPS_PER_CVC5_UNIT),
        "options": {},
    }
    try:
        async with asyncio.TaskGroup() as group:
            runs = [
                group.create_task(processes.run(worker, job, limits=limits))
                for worker, job in ((Z3_WORKER, z3), (CVC5_WORKER, cvc5))
            ]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    done = [run.result() for run in runs]
    claims = [
        claim_of(name, Question.PREMISES, ran.answers[0] if ran.answers else {}, ran)
        for name, ran in zip(("z3", "cvc5"), done, strict=True)
    ]
    settlement = Settlement(
        answers={Question.PREMISES: _answer(claims)},
        claims=tuple(claims),
        refused=(),
        usage=usage_of(done),
        overloaded=any(claim.reason == "overloaded" for claim in claims),
    )
    answered = Answered(settlement=settlement)
    found = entailment(answered)
    own = query.has_own and found is Entailment.INCONSISTENT_PREMISES is logic.expected
    if own and reason(answered, logic) == "answer-as-expected":
        answered = Answered(settlement=settlement, guard="own-contradiction")
    model = done[0].answers[0].get("model_text", "") if done[0].answers else ""
    return Found(answered=answered, model_smtlib=_MADE.sub(lambda m: _named(m, script), model))


def _answer(claims: Sequence[Claim]) -> Answer:
    said = {claim.status for claim in claims} - {Status.UNDECIDED}
    if len(said) > 1:
        return Answer(status=Status.UNDECIDED, reason="solvers-disagree")
    return Answer(status=said.pop() if said else Status.UNDECIDED)


def _named(match: re.Match[str], script: Script) -> str:
    name = script.names.get(match.group(), match.group())
    return name if _SIMPLE.fullmatch(name) else f"|{name}|"
