"""Candidates that say the same, put together.

Interpretations that told two candidates apart are kept and tried first: a candidate that fails in
one where another holds needs no solver to be told from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandboxes.logic.answers import Engine
from sandboxes.logic.equivalence import Relation, compare
from sandboxes.logic.evaluator import Interpretation, Silent, TooManySteps, holds
from sandboxes.logic.syntax import Formula
from sandboxes.logic.theory import GroundTheory

__all__ = ["Cluster", "clusters"]


@dataclass(slots=True)
class Cluster:
    """Candidates that are equivalent to the first of them.

    Attributes:
        members: Their indices.
        undecided: Indices of candidates in earlier clusters of which it could not be told whether
            they are equivalent to these.
    """

    members: list[int]
    undecided: list[int]


def clusters(
    candidates: Sequence[Sequence[Formula]], engine: Engine = GroundTheory
) -> list[Cluster]:
    """Puts equivalent candidates together.

    Args:
        candidates: Each a list of closed formulas that all hold.
        engine: Who is asked.

    Returns:
        Clusters in the order of their first members; `max(…, key=lambda c: len(c.members))` is
        the largest, and of several the earliest.
    """
    found: list[Cluster] = []
    models: list[Interpretation] = []
    for index, candidate in enumerate(candidates):
        undecided = []
        for cluster in found:
            other = candidates[cluster.members[0]]
            if list(candidate) == list(other):
                cluster.members.append(index)
                break
            if any(_tells_apart(model, candidate, other) for model in models):
                continue
            comparison = compare(candidate, other, engine)
            if comparison.relation is Relation.EQUIVALENT:
                cluster.members.append(index)
                break
            if comparison.distinguishing is not None:
                models.append(comparison.distinguishing)
            else:
                undecided.append(cluster.members[0])
        else:
            found.append(Cluster([index], undecided))
    return found


def _tells_apart(model: Interpretation, one: Sequence[Formula], other: Sequence[Formula]) -> bool:
    try:
        return all(holds(part, model) for part in one) != all(holds(part, model) for part in other)
    except (Silent, TooManySteps):
        return False
