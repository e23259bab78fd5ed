"""Fewer formulas that contradict each other already, found by leaving out one after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sandboxes.logic.answers import Status, Theory

__all__ = ["Core", "smallest_core"]


@dataclass(frozen=True, slots=True)
class Core:
    """Formulas that contradict each other.

    Attributes:
        members: Their indices.
        is_minimal: Whether each of them is needed: without any one the rest have a model.
    """

    members: frozenset[int]
    is_minimal: bool


def smallest_core(
    theory: Theory, core: Iterable[int], *, kept: frozenset[int] = frozenset(), questions: int = 200
) -> Core:
    """Leaves out of a core what it does not need. What is left need not be the fewest possible.

    Args:
        theory: What to ask.
        core: Indices of formulas that contradict each other.
        kept: Those that are not to be left out, such as the denial of a goal. Whether they are
            needed is not asked.
        questions: How often to ask; a core for which this is too few is not called minimal.
    """
    members = frozenset(core)
    is_minimal = True
    for index in sorted(members - kept, reverse=True):
        if questions <= 0:
            return Core(members, is_minimal=False)
        questions -= 1
        match theory.status(members - {index}):
            case Status.UNSATISFIABLE:
                members -= {index}
            case Status.UNDECIDED:
                is_minimal = False
    return Core(members, is_minimal)
