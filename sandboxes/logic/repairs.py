"""What the repairs that a reader offers would come to. None is ever applied for the caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sandboxes.logic.evidence import answers_by_grounding
from sandboxes.logic.judge import Answered, entailment
from sandboxes.logic.portfolio import Settlement
from sandboxes.logic.problems import CANDIDATE, Asked, ask
from sandboxes.logic.reader import Finding, Fix, Source, applied
from verifier_service.model import Entailment, InvalidSpec, LogicProblem, ResourceUsage

__all__ = ["MOST_REPAIRS", "effects"]

MOST_REPAIRS: Final = 4
"""Whose effect is looked for; to others none is told."""
_LARGEST_TEXT: Final = 20_000
"""Characters of a candidate whose repairs are tried."""


def effects(
    logic: LogicProblem, source: str, findings: Iterable[Finding]
) -> Mapping[Fix, Entailment | None]:
    """The answers to a candidate repaired in each of several ways, one at a time.

    None stands for a text that can't be read even then, UNKNOWN for what the engine in this
    process can't tell.
    """
    if len(source) > _LARGEST_TEXT:
        return {}
    fixes = [fix for found in findings for fix in found.fixes if _is_own(fix)]
    return {fix: _effect(logic, fix, source) for fix in fixes[:MOST_REPAIRS]}


def _is_own(fix: Fix) -> bool:
    """Whether it changes the candidate alone."""
    return all(edit.source == CANDIDATE for edit in fix.edits)


def _effect(logic: LogicProblem, fix: Fix, source: str) -> Entailment | None:
    try:
        asked = ask(logic, applied(fix, Source(CANDIDATE, source)).text)
    except InvalidSpec:
        return None
    if not isinstance(asked, Asked):
        return None
    answers = answers_by_grounding(asked.inquiry)
    settlement = Settlement(answers=answers, claims=(), refused=(), usage=ResourceUsage())
    return entailment(Answered(settlement=settlement))
