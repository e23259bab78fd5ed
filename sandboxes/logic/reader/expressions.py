"""S-expressions of SMT-LIB 2.6 (the standard, section 3.1 and 3.2), with places.

They are read without recursion and no deeper than `NESTING_LIMIT`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from sandboxes.logic.reader.findings import ErrorCode, Finding, Source, finding, shown
from sandboxes.logic.reader.limits import MAX_NAME
from sandboxes.logic.reader.names import unseen
from sandboxes.logic.syntax import DEPTH_LIMIT, Span

__all__ = ["NESTING_LIMIT", "Expression", "Group", "Leaf", "expressions", "head"]

NESTING_LIMIT: Final = DEPTH_LIMIT
"""Brackets within brackets that are read."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An atom: "symbol", "keyword", "numeral", "decimal", "binary", "hexadecimal" or "string".

    A symbol's text is without bars; a string's is with its quotes.
    """

    kind: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """A list in brackets."""

    items: tuple[Expression, ...]
    span: Span


Expression: TypeAlias = Leaf | Group

_WORD: Final = re.compile(
    r"""(?P<space>(?:[ \t\r\n]+|;[^\n]*)+)
    |(?P<open>\()|(?P<close>\))
    |(?P<hexadecimal>\#x[0-9a-fA-F]+)|(?P<binary>\#b[01]+)
    |(?P<decimal>(?:0|[1-9]\d*)\.\d+)|(?P<numeral>0|[1-9]\d*)
    |(?P<string>"(?:[^"]|"")*")
    |(?P<keyword>:[\w~!@$%^&*+=<>.?/-]+)
    |(?P<symbol>[a-zA-Z~!@$%^&*_+=<>.?/-][\w~!@$%^&*+=<>.?/-]*)
    |(?P<quoted>\|[^|\\]*\|)
    |(?P<bad>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def expressions(source: Source) -> tuple[list[Expression], Finding | None]:
    """All expressions of a text, and the error that ended the reading, if one did."""
    found: list[Expression] = []
    waiting: list[tuple[int, list[Expression]]] = []
    into = found
    at = 0
    text = source.text
    while at < len(text):
        match = _WORD.match(text, at)
        assert match is not None  # `bad` takes any character
        kind, span = match.lastgroup or "", Span(*match.span())
        at = match.end()
        if kind == "space":
            continue
        if kind == "open":
            if len(waiting) == NESTING_LIMIT:
                message = f"Brackets are nested more than {NESTING_LIMIT} deep. Use `let`."
                return found, finding(source, span, ErrorCode.TOO_DEEP, message)
            waiting.append((span.start, []))
            into = waiting[-1][1]
        elif kind == "close":
            if not waiting:
                message = "The bracket `)` is never opened. Remove it."
                return found, finding(source, span, ErrorCode.UNBALANCED, message)
            start, items = waiting.pop()
            into = waiting[-1][1] if waiting else found
            into.append(Group(tuple(items), Span(start, span.end)))
        elif kind == "bad" or (kind == "quoted" and unseen(match.group())):
            character = match.group() if kind == "bad" else unseen(match.group())
            message = (
                f"SMT-LIB has no place for the character U+{ord(character):04X} "
                f"{shown(character)} here. Put names with such characters in bars: |…|."
            )
            return found, finding(source, span, ErrorCode.BAD_CHARACTER, message)
        else:
            word = match.group()
            if kind == "quoted":
                kind, word = "symbol", word[1:-1]
            if len(word) > MAX_NAME and kind != "string":
                message = f"The word is longer than {MAX_NAME} characters."
                return found, finding(source, span, ErrorCode.TOO_LARGE, message)
            into.append(Leaf(kind, word, span))
    if waiting:
        start = waiting[-1][0]
        message = "The bracket `(` is never closed. Add its partner or remove it."
        where = Span(start, start + 1)
        return found, finding(source, where, ErrorCode.UNBALANCED, message, expected=[")"])
    return found, None


def head(expression: Expression) -> str:
    """The symbol that a list begins with, or ""."""
    if isinstance(expression, Group) and expression.items:
        first = expression.items[0]
        if isinstance(first, Leaf) and first.kind == "symbol":
            return first.text
    return ""
