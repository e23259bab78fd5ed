"""What a choice of ground atoms breaks of the laws of equality.

Equality is left to the SAT solver as if it were any predicate; what its model breaks of
reflexivity, symmetry, transitivity and congruence comes back as clauses, until nothing is broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sandboxes.logic.clauses import Definition, Skolem
from sandboxes.logic.grounding import Grounding

__all__ = ["Classes", "classes", "lemmas"]

_Edge = tuple[int, int, int]
"""Two terms that are equal, and the variable that says so; 0 where congruence does."""


class Classes:
    """Terms in classes of equal ones.

    Attributes:
        leaders: For each term, the term that stands for its class.
        edges: What joined the classes, in order.
        neighbours: For each term, the edges at it, by their index.
        visited: How many edges were looked at to explain why terms are equal.
    """

    def __init__(self, count: int) -> None:
        self.leaders = list(range(count))
        self.edges: list[_Edge] = []
        self.neighbours: dict[int, list[int]] = {}
        self.visited = 0
        self._members: dict[int, list[int]] = {}

    def join(self, left: int, right: int, variable: int) -> None:
        """Makes two terms equal."""
        small, large = self.leaders[left], self.leaders[right]
        if small == large:
            return
        for term in (left, right):
            self.neighbours.setdefault(term, []).append(len(self.edges))
        self.edges.append((left, right, variable))
        if len(self._of(small)) > len(self._of(large)):
            small, large = large, small
        moved = self._of(small)
        for term in moved:
            self.leaders[term] = large
        self._members[large] = self._of(large) + moved

    def _of(self, leader: int) -> list[int]:
        return self._members.get(leader, [leader])


def classes(grounding: Grounding, model: Sequence[int]) -> Classes:
    """The classes that the true equalities of a model and congruence make.

    Functions that the service made stand for one choice per term, not for functions of elements,
    so congruence does not join their terms.
    """
    found = Classes(len(grounding.terms))
    for (left, right), variable in grounding.equalities.items():
        if model[variable] > 0:
            found.join(left, right, variable)
    if found.edges:
        _close(grounding, found)
    return found


def _close(grounding: Grounding, found: Classes) -> None:
    changed = True
    while changed:
        changed = False
        known: dict[tuple[object, ...], int] = {}
        for number, (symbol, arguments) in enumerate(grounding.terms):
            if arguments and not isinstance(symbol, Skolem):
                key = (symbol, *[found.leaders[argument] for argument in arguments])
                other = known.setdefault(key, number)
                if found.leaders[other] != found.leaders[number]:
                    found.join(number, other, 0)
                    changed = True


def lemmas(grounding: Grounding, model: Sequence[int], found: Classes) -> Iterator[list[int]]:
    """Clauses that hold by equality alone, and not in a model.

    Args:
        grounding: The atoms.
        model: For each variable, itself or its negation; the first entry is not used.
        found: The classes of that model.
    """
    if not found.edges:
        return
    for (left, right), variable in grounding.equalities.items():
        if model[variable] < 0 and found.leaders[left] == found.leaders[right]:
            yield [*_explained(grounding, found, [(left, right)]), variable]
    holding: dict[tuple[object, ...], int] = {}
    failing: dict[tuple[object, ...], int] = {}
    for variable, (symbol, arguments) in enumerate(grounding.atoms):
        if symbol is None or not arguments or isinstance(symbol, Definition):
            continue
        key = (symbol, *[found.leaders[argument] for argument in arguments])
        (holding if model[variable] > 0 else failing).setdefault(key, variable)
    for key, one in holding.items():
        other = failing.get(key)
        if other is not None:
            pairs = zip(grounding.atoms[one][1], grounding.atoms[other][1], strict=True)
            yield [*_explained(grounding, found, pairs), -one, other]


def _explained(grounding: Grounding, found: Classes, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """The negations of the equalities by which terms are equal, pair by pair."""
    reasons: dict[int, None] = {}
    pending = [(left, right, len(found.edges)) for left, right in pairs]
    seen = set(pending)
    while pending:
        left, right, before = pending.pop()
        for index in _path(found, left, right, before):
            one, other, variable = found.edges[index]
            if variable:
                reasons[-variable] = None
                continue
            sides = zip(grounding.terms[one][1], grounding.terms[other][1], strict=True)
            for pair in {(*side, index) for side in sides} - seen:
                seen.add(pair)
                pending.append(pair)
    return list(reasons)


def _path(found: Classes, start: int, end: int, before: int) -> Iterator[int]:
    """A shortest path from a term to an equal one, by edges older than some edge."""
    reached: dict[int, int] = {start: -1}
    layer = [start]
    while end not in reached:
        following = []
        for term in layer:
            edges = found.neighbours.get(term, ())
            found.visited += len(edges)
            for index in edges:
                if index < before:
                    left, right, _ = found.edges[index]
                    other = right if term == left else left
                    if other not in reached:
                        reached[other] = index
                        following.append(other)
        layer = following
    while end != start:
        index = reached[end]
        yield index
        left, right, _ = found.edges[index]
        end = left if end == right else right
