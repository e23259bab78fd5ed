"""Names for solvers: `p0`, `f0`, `s0`, in the order in which symbols and sorts first occur."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from sandboxes.logic.syntax import (
    Existential,
    Formula,
    Kind,
    Symbol,
    Universal,
    subformulas,
    symbols,
)

__all__ = ["Vocabulary"]

_T = TypeVar("_T")


class Vocabulary:
    """One generated name for each symbol and each sort of closed formulas, and the way back."""

    def __init__(self, formulas: Iterable[Formula]) -> None:
        kept = list(formulas)
        found = tuple(dict.fromkeys(symbol for formula in kept for symbol in symbols(formula)))
        self.sorts: Mapping[str, str] = _numbered("s", _sorts(kept, found))
        self.names: Mapping[Symbol, str] = {
            **_numbered("p", [one for one in found if one.kind is Kind.PREDICATE]),
            **_numbered("f", [one for one in found if one.kind is Kind.FUNCTION]),
        }
        self.symbols: Mapping[str, Symbol] = {name: symbol for symbol, name in self.names.items()}


def _sorts(formulas: list[Formula], found: tuple[Symbol, ...]) -> Iterator[str]:
    for symbol in found:
        yield from symbol.argument_sorts
        if symbol.kind is Kind.FUNCTION:
            yield symbol.sort
    for formula in formulas:
        for part in subformulas(formula):
            if isinstance(part, Universal | Existential):
                yield from (variable.sort for variable in part.variables)


def _numbered(letter: str, items: Iterable[_T]) -> dict[_T, str]:
    return {item: f"{letter}{number}" for number, item in enumerate(dict.fromkeys(items))}
