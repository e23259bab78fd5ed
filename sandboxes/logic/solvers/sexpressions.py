"""What cvc5 prints: names, and lists in brackets."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

__all__ = ["Sexpression", "sexpressions"]

Sexpression: TypeAlias = "str | list[Sexpression]"

_WORD: Final = re.compile(r"\(|\)|\|[^|]*\||[^\s()]+")


def sexpressions(text: str) -> list[Sexpression]:
    """All of them, in order.

    Raises:
        ValueError: Brackets do not match.
    """
    stack: list[list[Sexpression]] = [[]]
    for word in _WORD.findall(text):
        if word == "(":
            stack.append([])
        elif word != ")":
            stack[-1].append(word)
        elif len(stack) > 1:
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            raise ValueError("A bracket closes that was never opened.")
    if len(stack) > 1:
        raise ValueError("A bracket is never closed.")
    return stack[0]
