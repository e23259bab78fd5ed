"""Lean text without comments and strings, place for place."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

from sandboxes.lean.lexer import Kind, Token, lex

__all__ = ["blanked", "depth_zero", "words"]

_OPENING: Final = "([{⟨⟦⟪"
_CLOSING: Final = ")]}⟩⟧⟫"


@functools.lru_cache(maxsize=256)
def blanked(text: str) -> str:
    """The text with every comment and string replaced by as many spaces; line ends stay."""
    kept = ["\n" if one == "\n" else " " for one in text]
    for token in words(text):
        if token.kind is not Kind.TEXT:
            kept[token.start : token.end] = token.text
    return "".join(kept)


@functools.lru_cache(maxsize=256)
def words(text: str) -> tuple[Token, ...]:
    """The tokens of a text that are code; doc comments are none."""
    return tuple(token for token in lex(text).tokens if token.kind is not Kind.DOC)


def depth_zero(code: str) -> Iterator[int]:
    """Indices of the characters that are inside no bracket; of blanked text."""
    depth = 0
    for index, one in enumerate(code):
        if one in _OPENING:
            depth += 1
        elif one in _CLOSING:
            depth = max(0, depth - 1)
        elif depth == 0:
            yield index
