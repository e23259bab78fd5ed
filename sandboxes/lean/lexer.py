"""Lean text as tokens, near enough to tell comments and strings from code.

No parser: Lean's grammar grows with every `notation`. What is decided by tokens alone is where a
text is put together and which words are refused at once; what a text proves is decided by what
comes of it (`sandboxes.lean.audit`).
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from sandboxes.lean.messages import Position

__all__ = ["Kind", "Lexed", "Token", "lex"]


class Kind(enum.Enum):
    """What a token is."""

    WORD = "word"
    """A name or a keyword, dots included: `theorem`, `Nat.add_comm`, `«a b».c`, `#eval`."""
    NUMBER = "number"
    TEXT = "text"
    """A string or a character."""
    SYMBOL = "symbol"
    DOC = "doc"
    """A comment that belongs to what follows it: `/-- … -/`."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token."""

    kind: Kind
    text: str
    start: int
    """Index of its first character."""

    @property
    def end(self) -> int:
        """Index after its last character."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Lexed:
    """A text and its tokens."""

    text: str
    tokens: tuple[Token, ...]
    unended: int | None
    """Where a comment or string begins that has no end; None where all have one."""
    line_starts: tuple[int, ...]

    def position(self, index: int) -> Position:
        """Line and column of a character."""
        line = bisect_right(self.line_starts, index)
        return Position(line, index - self.line_starts[line - 1])


# Possessive where a text can make it repeat for long: no way back is kept.
_PART: Final = r"(?:«[^«»\n]*»|[^\W\dλΠΣ][\w'!?]*+)"
_NEXT: Final = re.compile(
    rf"""
      (?P<space>\s+)
    | (?P<line_comment>--[^\n]*)
    | (?P<block>/-)
    | (?P<raw>r(?P<hashes>\#*)")
    | (?P<string>"(?:[^"\\]|\\.)*+(?P<closed>"?))
    | (?P<word>\#?{_PART}(?:\.{_PART})*+)
    | (?P<number>\d[\w]*)
    | (?P<char>'(?:\\(?:u\{{[0-9a-fA-F]*\}}|x[0-9a-fA-F]{{2}}|.)|[^'\\\n])')
    | (?P<symbol>:=|@\[|=>|<;>|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BRACE: Final = re.compile(r"/-|-/")
_KINDS: Final = {
    "word": Kind.WORD,
    "number": Kind.NUMBER,
    "char": Kind.TEXT,
    "symbol": Kind.SYMBOL,
    "raw": Kind.TEXT,
    "string": Kind.TEXT,
}


def lex(text: str) -> Lexed:
    """The tokens of a text, comments left out; takes time in proportion to its length."""
    tokens: list[Token] = []
    index, unended = 0, None
    while index < len(text):
        match = _NEXT.match(text, index)
        assert match is not None  # the last alternative takes any character
        end: int | None = match.end()
        kind = _KINDS.get(match.lastgroup or "")
        if match.lastgroup == "block":
            end = _end_of_comment(text, index)
            is_doc = text.startswith("/--", index) and not text.startswith("/--/", index)
            kind = Kind.DOC if is_doc else None
        elif match["raw"]:
            found = text.find('"' + match["hashes"], match.end())
            end = None if found < 0 else found + 1 + len(match["hashes"])
        elif match["string"] and not match["closed"]:
            end = None
        if end is None:
            unended = index
            break
        if kind is not None:
            tokens.append(Token(kind, text[index:end], index))
        index = end
    starts = (0, *accumulate(len(line) + 1 for line in text.split("\n")[:-1]))
    return Lexed(text, tuple(tokens), unended, starts)


def _end_of_comment(text: str, start: int) -> int | None:
    """The index after a comment, which may hold others; None where it has no end."""
    depth, index = 1, start + 2
    while depth:
        match = _BRACE.search(text, index)
        if match is None:
            return None
        depth += 1 if match.group() == "/-" else -1
        index = match.end()
    return index
