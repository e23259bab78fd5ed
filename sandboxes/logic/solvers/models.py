"""Models that solvers give, as interpretations of the caller's symbols."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.solvers.vocabulary import Vocabulary
from sandboxes.logic.syntax import Kind, Symbol

__all__ = ["interpretation", "signatures"]


def signatures(vocabulary: Vocabulary) -> list[tuple[str, list[str], str]]:
    """Name, argument sorts and sort of value of each symbol, in generated names."""
    sorts = vocabulary.sorts
    return [
        (
            name,
            [sorts[sort] for sort in symbol.argument_sorts],
            "Bool" if symbol.kind is Kind.PREDICATE else sorts[symbol.sort],
        )
        for symbol, name in vocabulary.names.items()
    ]


def interpretation(tables: Mapping[str, Any], vocabulary: Vocabulary) -> Interpretation:
    """Tables under generated names as an interpretation.

    Nothing is believed of them but their shape; whether formulas hold is for the evaluator to say.

    Raises:
        ValueError: They have not the shape of a model of this vocabulary.
    """
    try:
        sizes = {sort: int(tables["sizes"][name]) for sort, name in vocabulary.sorts.items()}
        functions: dict[Symbol, Mapping[tuple[int, ...], int]] = {}
        predicates: dict[Symbol, frozenset[tuple[int, ...]]] = {}
        for symbol, name in vocabulary.names.items():
            rows = _rows(symbol, tables["tables"][name], sizes)
            if symbol.kind is Kind.PREDICATE:
                predicates[symbol] = frozenset(key for key, value in rows.items() if value)
            else:
                functions[symbol] = rows
    except (KeyError, TypeError) as error:
        raise ValueError(f"A model lacks {error}.") from error
    return Interpretation(sizes=sizes, functions=functions, predicates=predicates)


def _rows(
    symbol: Symbol, values: Sequence[int], sizes: Mapping[str, int]
) -> dict[tuple[int, ...], int]:
    keys = itertools.product(*(range(sizes[sort]) for sort in symbol.argument_sorts))
    return dict(zip(keys, map(int, values), strict=True))
