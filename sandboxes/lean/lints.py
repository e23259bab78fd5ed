"""Words that no honest proof needs, refused before Lean sees them.

A second line: each of them is also stopped, or made harmless, by what checks the compiled proof. A
lint that finds nothing proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sandboxes.lean.lexer import Kind, Lexed, Token

__all__ = ["FORBIDDEN_ATTRIBUTES", "FORBIDDEN_WORDS", "Refused", "refused"]

FORBIDDEN_WORDS: Final = {
    "unsafe": "steps out of the logic",
    "initialize": "runs code when a file is imported",
    "builtin_initialize": "runs code when a file is imported",
}
FORBIDDEN_ATTRIBUTES: Final = {
    "implemented_by": "has the compiler run something else than what is proved",
    "extern": "has the compiler run something else than what is proved",
    "csimp": "has the compiler run something else than what is proved",
    "export": "names a symbol of the compiled program",
    "init": "runs code when a file is imported",
    "builtin_init": "runs code when a file is imported",
}
_HEADERS: Final = {
    "prelude": "leaves out the library that the problem is stated in",
    "module": "hides what a file proves from those who look",
}


class Refused(NamedTuple):
    """A word that is refused."""

    token: Token
    why: str


def refused(lexed: Lexed) -> Iterator[Refused]:
    """What is refused in a candidate, in its order; comments and strings do not count."""
    tokens = [_unquoted(token) for token in lexed.tokens if token.kind is not Kind.DOC]
    if tokens and tokens[0].text in _HEADERS:
        yield Refused(tokens[0], _HEADERS[tokens[0].text])
    for index, token in enumerate(tokens):
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if token.kind is Kind.SYMBOL:
            if token.text == "@[":
                yield from _attributes(tokens, index)
        elif token.kind is not Kind.WORD:
            continue
        elif token.text in FORBIDDEN_WORDS:
            yield Refused(token, FORBIDDEN_WORDS[token.text])
        elif token.text == "set_option" and following.startswith("debug."):
            yield Refused(tokens[index + 1], "switches off a part of what checks proofs")
        elif token.text == "open" and following == "private":
            yield Refused(tokens[index + 1], "reaches for what a library keeps to itself")
        elif token.text == "attribute" and following == "[":
            yield from _attributes(tokens, index + 1)


def _unquoted(token: Token) -> Token:
    """A token by what it says: `«debug».x` is `debug.x`."""
    if token.kind is not Kind.WORD or "«" not in token.text:
        return token
    return Token(token.kind, token.text.replace("«", "").replace("»", ""), token.start)


def _attributes(tokens: Sequence[Token], opening: int) -> Iterator[Refused]:
    """Forbidden names among the attributes in a pair of brackets."""
    depth, is_name = 0, False
    for token in tokens[opening:]:
        if token.text in ("[", "@[", "(", "{"):
            is_name = not depth
            depth += 1
        elif token.text in ("]", ")", "}"):
            depth -= 1
            if not depth:
                return
        elif token.text == ",":
            is_name = depth == 1
        elif token.text not in ("local", "scoped"):
            if is_name and token.text in FORBIDDEN_ATTRIBUTES:
                yield Refused(token, FORBIDDEN_ATTRIBUTES[token.text])
            is_name = False
