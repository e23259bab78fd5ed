"""Reverse unit propagation: a checker of propositional refutations.

A clause follows from others by reverse unit propagation if denying it makes unit propagation
meet a contradiction. A refutation is a list of clauses, each of which follows so from the given
clauses and those before it, that ends in a contradiction by unit propagation alone. (E. Goldberg
and Y. Novikov, "Verification of proofs of unsatisfiability for CNF formulas", DATE 2003.)

Variables are positive integers, and a negative integer is a negated variable. The checker shares
no code with the solver that found the refutation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["WORK", "Refutation", "TooMuchWork", "refutation"]

WORK = 2_000_000
"""Clauses looked at before a check is given up."""

Clause = Sequence[int]

_ASSUMED = -1


class TooMuchWork(Exception):
    """A check looked at more clauses than it was allowed to. Nothing is known of the refutation."""


@dataclass(frozen=True, slots=True)
class Refutation:
    """What a refutation came to rest on.

    Attributes:
        clauses: Indices of the given clauses that it used.
        steps: Indices of its own steps that it used.
    """

    clauses: frozenset[int]
    steps: frozenset[int]


def refutation(
    clauses: Sequence[Clause], steps: Sequence[Clause] = (), *, work: int = WORK
) -> Refutation | None:
    """Checks that clauses contradict each other.

    Args:
        clauses: What is given.
        steps: What is derived from it, in order; the contradiction itself need not be among them.
        work: How many clauses to look at, each time that one is looked at.

    Returns:
        What was used, or None where a step does not follow or there is no contradiction.

    Raises:
        TooMuchWork: That was not enough.
    """
    propagation = _Propagation(work)
    conflict = None
    for clause in clauses:
        conflict = propagation.add(clause)
        if conflict is not None:
            break
    else:
        conflict = propagation.propagate()
    grounds: list[set[int]] = []
    for step in steps:
        if conflict is not None:
            break
        reached = propagation.denied(step)
        if reached is None:
            return None
        grounds.append(reached)
        conflict = propagation.add(step)
        if conflict is None:
            conflict = propagation.propagate()
    if conflict is None:
        return None
    return _needed(propagation.grounds(conflict), grounds, len(clauses))


def _needed(last: set[int], grounds: Sequence[set[int]], given: int) -> Refutation:
    used = set(last)
    for index in reversed(range(len(grounds))):
        if given + index in used:
            used |= grounds[index]
    return Refutation(
        clauses=frozenset(index for index in used if index < given),
        steps=frozenset(index - given for index in used if index >= given),
    )


class _Propagation:
    """Unit propagation with two watched literals in each clause."""

    def __init__(self, work: int) -> None:
        self._work = work
        self._clauses: list[list[int]] = []
        self._watching: dict[int, list[int]] = {}
        self._reasons: dict[int, int] = {}
        """The literals that hold, each with the clause that made it hold."""
        self._trail: list[int] = []
        self._head = 0

    def add(self, clause: Clause) -> int | None:
        """Takes in one more clause; returns its index if nothing in it can hold."""
        index = len(self._clauses)
        literals = list(dict.fromkeys(clause))
        literals.sort(key=lambda literal: -literal in self._reasons)
        self._clauses.append(literals)
        for literal in literals[:2]:
            self._watching.setdefault(literal, []).append(index)
        if not literals or -literals[0] in self._reasons:
            return index
        if len(literals) == 1 or -literals[1] in self._reasons:
            self._assign(literals[0], index)
        return None

    def propagate(self) -> int | None:
        """Draws all unit conclusions; returns the index of a clause that came to nothing."""
        while self._head < len(self._trail):
            false = -self._trail[self._head]
            self._head += 1
            watching = self._watching.pop(false, [])
            self._spend(len(watching))
            kept = self._watching.setdefault(false, [])
            for position, index in enumerate(watching):
                if self._watches_another(index, false):
                    continue
                kept.append(index)
                other = self._clauses[index][0]
                if -other in self._reasons:
                    kept.extend(watching[position + 1 :])
                    return index
                self._assign(other, index)
        return None

    def denied(self, clause: Clause) -> set[int] | None:
        """The clauses that contradict the denial of a clause, or None if none do."""
        mark, head = len(self._trail), self._head
        reached = None
        for literal in clause:
            if literal in self._reasons:
                reached = self.grounds_of([literal])
                break
            self._assign(-literal, _ASSUMED)
        else:
            conflict = self.propagate()
            if conflict is not None:
                reached = self.grounds(conflict)
        for literal in self._trail[mark:]:
            del self._reasons[literal]
        del self._trail[mark:]
        self._head = head
        return reached

    def grounds(self, conflict: int) -> set[int]:
        """The clauses that a contradiction rests on."""
        return {conflict} | self.grounds_of(-literal for literal in self._clauses[conflict])

    def grounds_of(self, literals: Iterable[int]) -> set[int]:
        """The clauses that literals which hold rest on."""
        found: set[int] = set()
        seen = set(literals)
        pending = list(seen)
        while pending:
            literal = pending.pop()
            reason = self._reasons[literal]
            if reason == _ASSUMED:
                continue
            found.add(reason)
            self._spend(1)
            others = {-other for other in self._clauses[reason] if other != literal} - seen
            seen |= others
            pending.extend(others)
        return found

    def _spend(self, work: int) -> None:
        self._work -= work
        if self._work < 0:
            raise TooMuchWork

    def _assign(self, literal: int, reason: int) -> None:
        if literal not in self._reasons:
            self._reasons[literal] = reason
            self._trail.append(literal)

    def _watches_another(self, index: int, false: int) -> bool:
        """Moves the watch from a literal that can't hold, which else ends up in second place."""
        literals = self._clauses[index]
        if len(literals) > 1 and literals[0] == false:
            literals[0], literals[1] = literals[1], false
        if literals[0] in self._reasons:
            return False
        for position in range(2, len(literals)):
            if -literals[position] not in self._reasons:
                literals[1], literals[position] = literals[position], false
                self._watching.setdefault(literals[1], []).append(index)
                return True
        return False
