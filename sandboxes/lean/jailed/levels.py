"""Universes of Lean's type theory, for the kernel of our own (`kernel.py`).

A universe is `(0,)` for zero, `(1, level)` for the next one, `(2, left, right)` for the larger of
two, `(3, left, right)` for that of functions, which is zero if the right one is, `(4, name)` for a
parameter.
"""

from __future__ import annotations

from typing import Any

Level = tuple[Any, ...]
Name = tuple[Any, ...]
ZERO: Level = (0,)
ONE: Level = (1, ZERO)


def imax(left: Level, right: Level) -> Level:
    """The universe of functions from one universe to another."""
    if right[0] == 0:
        return ZERO
    if is_never_zero(right):
        return maximum(left, right)
    if left in (ZERO, ONE) or left == right:
        return right
    return (3, left, right)


def is_never_zero(level: Level) -> bool:
    """Whether a universe is not that of propositions, whatever the parameters."""
    if level[0] == 2:
        return is_never_zero(level[1]) or is_never_zero(level[2])
    return level[0] == 1 or (level[0] == 3 and is_never_zero(level[2]))


def maximum(left: Level, right: Level) -> Level:
    """The larger of two universes."""
    if left in (ZERO, right):
        return right
    if right == ZERO:
        return left
    if left[0] == right[0] == 1:
        return (1, maximum(left[1], right[1]))
    return (2, left, right)


def substituted(level: Level, values: dict[Name, Level]) -> Level:
    """A universe with others for its parameters."""
    kind = level[0]
    if kind == 4:
        return values.get(level[1], level)
    if kind == 0:
        return level
    if kind == 1:
        return (1, substituted(level[1], values))
    left, right = substituted(level[1], values), substituted(level[2], values)
    return maximum(left, right) if kind == 2 else imax(left, right)


def at_most(left: Level, right: Level, difference: int = 0) -> bool:
    """Whether one universe is at most another one and so many more, whatever the parameters."""
    if left == right and difference >= 0:
        return True
    if left == ZERO and difference >= 0:
        return True
    if left[0] == 1:
        return at_most(left[1], right, difference - 1)
    if left[0] == 2:
        return at_most(left[1], right, difference) and at_most(left[2], right, difference)
    for one in (left, right):
        if one[0] == 3:
            return _by_cases(one[2], left, right, difference)
    if right[0] == 1:
        return at_most(left, right[1], difference + 1)
    if right[0] == 2:
        split = _parameter_in_imax(right)
        if split is not None:
            return _by_cases(split, left, right, difference)
        return at_most(left, right[1], difference) or at_most(left, right[2], difference)
    return False


def _parameter_in_imax(level: Level) -> Level | None:
    """What decides an `imax` somewhere within a universe."""
    if level[0] == 3:
        return level[2]  # type: ignore[no-any-return]
    if level[0] in (1, 2):
        for below in level[1:]:
            found = _parameter_in_imax(below)
            if found is not None:
                return found
    return None


def _by_cases(decider: Level, left: Level, right: Level, difference: int) -> bool:
    """Compares for a parameter that is zero, and for one that is not."""
    while decider[0] != 4:
        decider = decider[-1]
    name = decider[1]
    return all(
        at_most(substituted(left, {name: value}), substituted(right, {name: value}), difference)
        for value in (ZERO, (1, decider))
    )


def same_level(left: Level, right: Level) -> bool:
    """Whether two universes are the same, whatever the parameters."""
    return left == right or (at_most(left, right) and at_most(right, left))


def parameters(level: Level) -> set[Name]:
    """The parameters in a universe."""
    if level[0] == 4:
        return {level[1]}
    return set().union(*(parameters(below) for below in level[1:]))
