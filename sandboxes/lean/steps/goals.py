"""Goals as Lean prints them, and what can be told of a state by them. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from verifier_service.model.lean_steps import Goal, StateFeatures

__all__ = ["digest_of", "features", "goal_of", "goals_of"]

_CASE: Final = "case "
_TARGET: Final = re.compile(r"^(?:⊢|\|) ", re.MULTILINE)
"""What a goal ends in; `|` in the mode `conv`."""
_METAVARIABLE: Final = re.compile(r"\?[mu]\.\d+|\?_uniq\.\d+|\?m✝\d*")


def goal_of(text: str) -> Goal:
    """One goal, with its tag if it has one."""
    first, _, _ = text.partition("\n")
    case = first.removeprefix(_CASE).strip() if first.startswith(_CASE) else ""
    return Goal(text=text, case=case)


def goals_of(text: str) -> tuple[Goal, ...]:
    """Goals that are printed one after the other, with an empty line between them."""
    goals: list[str] = []
    for part in filter(None, text.strip("\n").split("\n\n")):
        if goals and _TARGET.search(goals[-1]) is None:
            goals[-1] += f"\n\n{part}"  # an empty line inside of a goal
        else:
            goals.append(part)
    return tuple(map(goal_of, goals))


def digest_of(goals: Sequence[Goal]) -> str:
    """SHA-256 over the goals; metavariables count by their order, since their numbers are chance.

    Lean numbers metavariables in the order in which a process made them, so that the same state
    has other numbers on another way to it.
    """
    seen: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        return seen.setdefault(match[0], f"?{len(seen)}")

    text = "\0".join(goal.text for goal in goals)
    return hashlib.sha256(_METAVARIABLE.sub(renamed, text).encode()).hexdigest()


def features(
    goals: Sequence[Goal], *, depth: int, digest_before: str = "", same_as: int | None = None
) -> StateFeatures:
    """What can be told of a state.

    Args:
        goals: Of the state.
        depth: Tactics on the way to it.
        digest_before: Of the state before it; empty for the first one.
        same_as: The first state with the same goals, if there is one.
    """
    digest = digest_of(goals)
    return StateFeatures(
        goal_count=len(goals),
        case_tags=tuple(goal.case for goal in goals if goal.case),
        size=sum(len(goal.text) for goal in goals),
        depth=depth,
        changed=digest != digest_before,
        digest=digest,
        same_as=same_as,
    )
