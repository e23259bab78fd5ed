"""Names that look like what they are."""

from __future__ import annotations

from typing import Final

__all__ = ["unseen"]

# Letters to Unicode, blanks to the eye.
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")


def unseen(name: str) -> str:
    """The first character of a name that nobody sees: controls, spaces of no or odd width, marks
    of direction, fillers, surrogates; "" if there is none.
    """
    return next((c for c in name if not c.isprintable() or c in _FILLERS), "")
