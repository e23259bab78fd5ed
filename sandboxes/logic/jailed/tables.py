"""Models as tables: sorts are numbers of elements, symbols are lists of values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

MAX_ENTRIES = 100_000
"""Of all tables of one model."""

_E = TypeVar("_E")


def tables(
    symbols: Sequence[tuple[str, Sequence[str], str]],
    domains: Mapping[str, Sequence[_E]],
    value: Callable[[str, Sequence[_E]], int],
) -> dict[str, Any] | None:
    """A whole model; None where it would be too large.

    Args:
        symbols: Name, argument sorts and sort of value of each.
        domains: The elements of each sort, at least one.
        value: The value of a symbol for some elements: the number of an element, or 0 or 1.

    Returns:
        For each sort its number of elements, for each symbol its values, last argument fastest.
    """
    rows = sum(math.prod(len(domains[sort]) for sort in sorts) for _, sorts, _ in symbols)
    if rows > MAX_ENTRIES:
        return None
    return {
        "sizes": {sort: len(elements) for sort, elements in domains.items()},
        "tables": {
            name: [
                value(name, arguments)
                for arguments in itertools.product(*(domains[sort] for sort in sorts))
            ]
            for name, sorts, _ in symbols
        },
    }
