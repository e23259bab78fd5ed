"""Words of the spellings that people and models use for formulas: NLTK, LADR, Unicode, LaTeX."""

from __future__ import annotations

import enum
import re
from typing import Final, NamedTuple

from sandboxes.logic.reader.limits import MAX_NAME

__all__ = ["OPENING", "Token", "TokenKind", "tokens"]


class TokenKind(enum.Enum):
    """What a word is."""

    NAME = "a name"
    FORALL = "∀"
    EXISTS = "∃"
    NOT = "¬"
    AND = "∧"
    OR = "∨"
    XOR = "⊕"
    IMPLIES = "→"
    IMPLIED = "←"
    IFF = "↔"
    EQUAL = "="
    UNEQUAL = "≠"
    COMPARE = "<"
    TRUE = "⊤"
    FALSE = "⊥"
    OPEN = "("
    CLOSE = ")"
    COMMA = ","
    DOT = "."
    COLON = ":"
    BAD = "an unknown character"
    END = "the end"


class Token(NamedTuple):
    """A word: what it is, as it is written, from where to where, and the name without quotes."""

    kind: TokenKind
    text: str
    start: int
    end: int
    name: str = ""


OPENING: Final = {")": "(", "]": "[", "}": "{"}

# As people type them; "—>" is what word processors make of "->".
_SPELLINGS: Final[dict[TokenKind, str]] = {
    TokenKind.FORALL: r"∀ \forall",
    TokenKind.EXISTS: r"∃ \exists",
    TokenKind.NOT: r"¬ ~ ∼ - − ! ￢ \neg \lnot",
    TokenKind.AND: r"& && ∧ ⋀ /\ ^ \land \wedge",
    TokenKind.OR: r"| || ∨ ⋁ \/ \lor \vee",
    TokenKind.XOR: r"⊕ ⊻ <~> \oplus",
    TokenKind.IMPLIES: r"-> --> —> –> → ⟶ => ==> ⇒ ⟹ ⊃ \to \rightarrow \Rightarrow \implies",
    TokenKind.IMPLIED: r"<- ← ⟵ ⇐",
    TokenKind.IFF: r"<-> <--> ↔ ⟷ <=> ⇔ ⟺ ≡ \leftrightarrow \Leftrightarrow \iff",
    TokenKind.EQUAL: r"= ==",
    TokenKind.UNEQUAL: r"!= ≠ =/= \neq",
    TokenKind.COMPARE: r"< > <= >= ≤ ≥",
    TokenKind.TRUE: r"⊤ $true $T \top",
    TokenKind.FALSE: r"⊥ $false $F \bot",
    TokenKind.OPEN: "( [ {",
    TokenKind.CLOSE: ") ] }",
    TokenKind.COMMA: ",",
    TokenKind.DOT: ".",
    TokenKind.COLON: ":",
}
_KIND_OF: Final = {
    spelling: kind for kind, spellings in _SPELLINGS.items() for spelling in spellings.split()
}
_KIND_OF_WORD: Final = {
    "all": TokenKind.FORALL,
    "forall": TokenKind.FORALL,
    "exists": TokenKind.EXISTS,
    "exist": TokenKind.EXISTS,
    "some": TokenKind.EXISTS,
    "not": TokenKind.NOT,
    "and": TokenKind.AND,
    "or": TokenKind.OR,
    "xor": TokenKind.XOR,
    "implies": TokenKind.IMPLIES,
    "iff": TokenKind.IFF,
}


def _signs() -> str:
    """All signs as one pattern, longer ones first; those that end in a letter end a word."""
    ordered = sorted(_KIND_OF, key=len, reverse=True)
    return "|".join(re.escape(s) + (r"(?!\w)" if s[-1].isalpha() else "") for s in ordered)


# A name may hold punctuation between letters ("mr.smith", "k-12", "john's") and end in plus signs.
_INNER: Final = r"(?:[-.'’–](?=\w)[\w$]+|\++(?![\w(]))*"
_PATTERN: Final = re.compile(
    rf"""(?P<space>\s+)
    |(?P<quantifier>(?i:forall|all|exists|exist|some)(?=\s+[^\W\d]))
    |(?P<word>(?:not|and|or|xor|implies|iff|NOT|AND|OR|XOR|IMPLIES|IFF)(?![\w$]))
    |(?P<sign>{_signs()})
    |(?P<name>[\w$]+{_INNER})
    |(?P<quoted>"[^"\n]{{1,{MAX_NAME}}}"|'[^'\n]{{1,{MAX_NAME}}}'|‘[^’\n]{{1,{MAX_NAME}}}’
        |“[^”\n]{{1,{MAX_NAME}}}”)
    |(?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)
# After a quantifier a dot ends the variables: `all x.P(x)`.
_BOUND: Final = re.compile(r"[^\W\d_]\d*(?![\w'’])|[^\W\d][\w$]*(?:[-'’–](?=\w)[\w$]+)*")


def tokens(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """The words of a text, or of its part from `start` to `end`; the last is `END`."""
    end = len(text) if end is None else end
    found: list[Token] = []
    position = start
    binding = False
    while position < end:
        bound = _BOUND.match(text, position, end) if binding else None
        if bound and bound.group().lower() not in _KIND_OF_WORD:
            word = bound.group()
            found.append(Token(TokenKind.NAME, word, position, bound.end(), word))
            position = bound.end()
            continue
        match = _PATTERN.match(text, position, end)
        assert match is not None  # `bad` takes any character
        group, word = match.lastgroup, match.group()
        position = match.end()
        if group == "space":
            continue
        token = _token(group, word, match.start(), position)
        binding = token.kind in (TokenKind.FORALL, TokenKind.EXISTS) or (
            binding and token.kind is TokenKind.COMMA
        )
        found.append(token)
    found.append(Token(TokenKind.END, "", end, end))
    return found


def _token(group: str | None, word: str, start: int, end: int) -> Token:
    match group:
        case "sign":
            return Token(_KIND_OF[word], word, start, end)
        case "quantifier" | "word":
            return Token(_KIND_OF_WORD[word.lower()], word, start, end)
        case "name":
            return Token(TokenKind.NAME, word, start, end, word)
        case "quoted":
            return Token(TokenKind.NAME, word, start, end, word[1:-1].strip() or word)
        case _:
            return Token(TokenKind.BAD, word, start, end)
