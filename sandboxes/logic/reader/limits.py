"""How much of a text is read. More is an error that says so, never a slow reading."""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_ARITY",
    "MAX_CHARACTERS",
    "MAX_NAME",
    "MAX_NODES",
    "MAX_STATEMENTS",
]

MAX_CHARACTERS: Final = 1_000_000
"""Of all texts of one problem together."""
MAX_STATEMENTS: Final = 10_000
"""Of one problem."""
MAX_NODES: Final = 200_000
"""Of all formulas of one problem together, after definitions are expanded."""
MAX_ARITY: Final = 256
"""Arguments of a symbol, and variables of a quantifier."""
MAX_NAME: Final = 256
"""Characters of a name."""
