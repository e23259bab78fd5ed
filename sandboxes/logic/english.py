"""Interpretations in plain English, in the caller's own names.

The text is for people. It is no evidence: `evaluator.holds` is what looked at the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from math import prod

from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.syntax import INDIVIDUAL, Symbol

__all__ = ["described"]

ROWS = 12
"""Most facts told of one symbol."""

ELEMENTS = 24
"""Most elements that are told by name."""

NAME = 60
"""Most characters of a name that are shown."""


def described(interpretation: Interpretation, *, claim: str = "") -> str:
    """Says in sentences, one a line, what there is and what holds of it.

    Args:
        interpretation: What to describe.
        claim: A last sentence, such as which formulas hold in it.
    """
    constants = _names(interpretation)
    names = {sort: [known[0] for known in row] for sort, row in constants.items()}
    lines = [_population(sort, constants[sort]) for sort in sorted(interpretation.sizes)]
    lines.extend(
        _function(symbol, table, names)
        for symbol, table in interpretation.functions.items()
        if symbol.arity
    )
    lines.extend(
        _predicate(symbol, extension, names)
        for symbol, extension in interpretation.predicates.items()
    )
    if claim:
        lines.append(claim)
    return "\n".join(lines)


def _names(interpretation: Interpretation) -> dict[str, list[list[str]]]:
    """The constants that stand for each element of each sort; one without has a number."""
    names: dict[str, list[list[str]]] = {
        sort: [[] for _ in range(size)] for sort, size in interpretation.sizes.items()
    }
    for symbol, table in interpretation.functions.items():
        if not symbol.arity and () in table:
            names[symbol.sort][table[()]].append(_shown(symbol.name))
    for row in names.values():
        unnamed = [constants for constants in row if not constants]
        for number, constants in enumerate(unnamed, start=1):
            constants.append(f"unnamed {number}")
    return names


def _population(sort: str, names: Sequence[Sequence[str]]) -> str:
    one, many = ("thing", "things")
    if sort != INDIVIDUAL:
        one, many = (f"element of {_shown(sort)}", f"elements of {_shown(sort)}")
    told = [_aliases(constants) for constants in names[:ELEMENTS]]
    if len(names) == 1:
        return f"There is one {one}: {told[0]}."
    return f"There are {len(names)} {many}: {_listed(told, len(names))}."


def _aliases(constants: Sequence[str]) -> str:
    if len(constants) == 1:
        return constants[0]
    return f"{constants[0]} (also called {_listed(constants[1:ROWS], len(constants) - 1)})"


def _function(
    symbol: Symbol, table: Mapping[tuple[int, ...], int], names: Mapping[str, Sequence[str]]
) -> str:
    shown = _shown(symbol.name)
    values = names[symbol.sort]
    facts = [
        f"{shown}({', '.join(_row(symbol, row, names))}) is {values[value]}"
        for row, value in islice(sorted(table.items()), ROWS)
    ]
    return f"{_listed(facts, len(table))}."


def _predicate(
    symbol: Symbol, extension: frozenset[tuple[int, ...]], names: Mapping[str, Sequence[str]]
) -> str:
    shown = _shown(symbol.name)
    if not symbol.arity:
        return f"{shown} is {'true' if extension else 'false'}."
    if not extension:
        return f"{shown} holds of nothing."
    rows = [_row(symbol, row, names) for row in islice(sorted(extension), ROWS)]
    told = [row[0] if len(row) == 1 else f"({', '.join(row)})" for row in rows]
    is_all = len(extension) == prod(len(names[sort]) for sort in symbol.argument_sorts)
    if is_all and len(extension) > 1:
        return f"{shown} holds of {'everything' if symbol.arity == 1 else 'all of them'}."
    return f"{shown} holds of {_listed(told, len(extension))}."


def _row(symbol: Symbol, row: tuple[int, ...], names: Mapping[str, Sequence[str]]) -> list[str]:
    sorts = symbol.argument_sorts
    return [names[sort][element] for sort, element in zip(sorts, row, strict=True)]


def _listed(parts: Sequence[str], count: int) -> str:
    """Some parts of so many, and how many more there are."""
    if count > len(parts):
        return f"{', '.join(parts)} and {count - len(parts)} more"
    return parts[0] if count == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _shown(name: str) -> str:
    """A name that does no harm to a terminal or to a reader: short and printable."""
    cut = name if len(name) <= NAME else name[: NAME - 1] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
