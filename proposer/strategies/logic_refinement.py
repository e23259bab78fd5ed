"""Logic self-refinement: the faults of a translation, each at its place, go back to the model.

After L. Pan et al., "Logic-LM: Empowering Large Language Models with Symbolic Solvers for Faithful
Logical Reasoning" (Findings of EMNLP 2023), whose model is told no more than that it was not
understood, and S. Kirtania et al., "Logic-LM++" (NLRSE 2024), which goes back where a refinement
is worse. What the solvers answer is not told, nor what a repair would lead to: a model that knew
could translate towards an answer.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proposer.campaigns.budget import BudgetSpent
from proposer.campaigns.desk import Answer, Attempt, Desk
from proposer.models import Chat
from proposer.prompts import load_template
from verifier_service.model import Diagnostic, LogicEvidence, Severity
from verifier_service.voting import ANSWERS, vote

__all__ = ["LogicRefinement", "refined"]

_MOST_FAULTS: Final = 2000
"""Characters of faults that the model is told."""
_DOUBTS: Final = frozenset(
    {
        "inconsistent-premises",
        "conclusion-assumed",
        "vacuous-conclusion",
        "unconnected-conclusion",
        "own-contradiction",
        "free-variables",
        "look-alike-symbols",
    }
)
"""Reasons by which a translation can be read, and hardly says what is meant."""
_WHAT_REPAIRS_LEAD_TO: Final = re.compile(r" \(Then the answer is: [^)]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicRefinement:
    """Translations, one after the other, each refined until nothing is wrong with its text."""

    samples: int = 3
    """Most fresh translations of a problem."""
    rounds: int = 3
    """Most refinements of each."""

    async def solve(self, desk: Desk) -> Answer | None:
        """The answer to the first translation without a fault that has one."""
        for number in range(self.samples):
            attempt = await refined(desk, str(number), self.rounds)
            verdict = attempt.verdict
            if verdict is None or not isinstance(verdict.evidence, LogicEvidence):
                continue
            said = vote(verdict.reason, verdict.evidence.entailment)
            if said in ANSWERS:
                return Answer(text=said.value, place=attempt.sample.place, accepted=False)
        return None


class _Quality(enum.IntEnum):
    NONE = 0
    UNREADABLE = 1
    DOUBTED = 2
    SOUND = 3


async def refined(desk: Desk, place: str, rounds: int) -> Attempt:
    """The best of a translation and its refinements; of equals, the latest.

    Where the budget ends, the best so far.

    Raises:
        BudgetSpent: There is no translation at all.
        ModelError, ServiceError: There is no model or no service.
    """
    best = await desk.attempt(place, desk.domain.solve(desk.task))
    for number in range(rounds):
        if _quality(best) is _Quality.SOUND:
            break
        try:
            again = await desk.attempt(f"{place}/repair-{number}", _asking(desk, best))
        except BudgetSpent:
            break
        best = again if _quality(again) >= _quality(best) else best
    return best


def _quality(attempt: Attempt) -> _Quality:
    if attempt.verdict is None:
        return _Quality.NONE
    if attempt.verdict.reason == "syntax-error":
        return _Quality.UNREADABLE
    return _Quality.DOUBTED if attempt.verdict.reason in _DOUBTS else _Quality.SOUND


def _asking(desk: Desk, attempt: Attempt) -> Chat:
    chat, answer = attempt.sample.prompt, attempt.sample.completion.text
    assert isinstance(chat, Chat)  # templates make nothing else
    faults = "\n".join(_faults(attempt))
    if len(faults) > _MOST_FAULTS:
        faults = faults[:_MOST_FAULTS] + " …"
    return load_template("logic/locate.1").continued(
        chat, desk.domain.closed(chat, answer), faults=faults
    )


def _faults(attempt: Attempt) -> Iterator[str]:
    verdict = attempt.verdict
    if verdict is None or attempt.candidate is None:
        yield "It holds no formulas that can be read. Write them in one fenced block."
        return
    lines = attempt.candidate.split("\n")
    located = [
        finding
        for finding in verdict.diagnostics
        if finding.range is not None and finding.severity is not Severity.INFO
    ]
    if verdict.reason != "syntax-error" or not located:
        yield verdict.summary
    if verdict.reason == "inconsistent-premises" and isinstance(verdict.evidence, LogicEvidence):
        yield from (f"  {premise}" for premise in verdict.evidence.unsat_core)
    for finding in located:
        yield from _at_its_place(finding, lines)


def _at_its_place(finding: Diagnostic, lines: list[str]) -> Iterator[str]:
    assert finding.range is not None
    number, start = finding.range.start_line, finding.range.start_column
    line = lines[number - 1] if number <= len(lines) else ""
    is_within = finding.range.end_line in (0, number) and finding.range.end_column
    end = finding.range.end_column if is_within else len(line)
    head = f"line {number}: "
    yield head + line
    yield " " * (len(head) + start) + "^" * max(1, end - start)
    yield _WHAT_REPAIRS_LEAD_TO.sub("", finding.message)
