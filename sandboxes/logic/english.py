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
    names = _names(interpretation)
    lines = [_population(sort, names[sort]) for sort in sorted(interpretation.sizes)]
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


def _names(interpretation: Interpretation) -> dict[str, list[str]]:
    """A name for each element of each sort: a constant's, if one stands for it."""
    constants: dict[tuple[str, int], list[str]] = {}
    for symbol, table in interpretation.functions.items():
        if not symbol.arity and () in table:
            constants.setdefault((symbol.sort, table[()]), []).append(_shown(symbol.name))
    names: dict[str, list[str]] = {}
    for sort, size in interpretation.sizes.items():
        unnamed = 0
        row = names[sort] = []
        for element in range(size):
            known = constants.get((sort, element))
            if known:
                row.append(" = ".join(known[:ROWS]))
            else:
                unnamed += 1
                row.append(f"unnamed {unnamed}")
    return names


def _population(sort: str, names: Sequence[str]) -> str:
    kind = "thing" if sort == INDIVIDUAL else f"element of {_shown(sort)}"
    if len(names) == 1:
        return f"There is one {kind}: {names[0]}."
    plural = "things" if sort == INDIVIDUAL else f"elements of {_shown(sort)}"
    return f"There are {len(names)} {plural}: {_listed(names, ELEMENTS)}."


def _function(
    symbol: Symbol, table: Mapping[tuple[int, ...], int], names: Mapping[str, Sequence[str]]
) -> str:
    shown = _shown(symbol.name)
    values = names[symbol.sort]
    facts = [
        f"{shown}({', '.join(_row(symbol, row, names))}) is {values[value]}"
        for row, value in islice(sorted(table.items()), ROWS)
    ]
    return f"{_listed(facts, ROWS, len(table))}."


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
    return f"{shown} holds of {_listed(told, ROWS, len(extension))}."


def _row(symbol: Symbol, row: tuple[int, ...], names: Mapping[str, Sequence[str]]) -> list[str]:
    sorts = symbol.argument_sorts
    return [names[sort][element] for sort, element in zip(sorts, row, strict=True)]


def _listed(parts: Sequence[str], most: int, count: int | None = None) -> str:
    """The first parts, and how many more there are."""
    count = len(parts) if count is None else count
    shown = list(parts[:most])
    if count > len(shown):
        return f"{', '.join(shown)} and {count - len(shown)} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _shown(name: str) -> str:
    """A name that does no harm to a terminal or to a reader: short and printable."""
    cut = name if len(name) <= NAME else name[: NAME - 1] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
