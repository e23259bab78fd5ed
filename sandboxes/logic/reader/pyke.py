"""Facts and rules as Logic-LM's models write them for Pyke.

`Cold($x, True) && Likes($x, Cat, True) >>> Round($x, False)`: names with `$` are variables, for
all of whose values a line holds, and a last argument `True` or `False` says whether the predicate
holds or not; `!` denies as well. Nothing is assumed to be false because no line says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sandboxes.logic.reader.findings import Edit, ErrorCode, Finding, Fix, Source, finding, shown
from sandboxes.logic.reader.limits import MAX_ARITY, MAX_NAME
from sandboxes.logic.reader.names import unseen
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Formula,
    Implication,
    Negation,
    Span,
    Term,
    Variable,
    closure,
    conjunction,
    function,
    predicate,
)

__all__ = ["parse"]

_WORD: Final = re.compile(
    r"(?P<space>\s+)|(?P<sign>>>>|&&|\|\||[(),!~¬])|(?P<name>\$?[^\W$][\w$]*(?:[-.'’](?=\w)\w+)*)|(?P<bad>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    span: Span
    is_name: bool


class _Stop(Exception):
    def __init__(self, found: Finding) -> None:
        super().__init__()
        self.found = found


def parse(source: Source, span: Span) -> tuple[Formula | None, list[Finding]]:
    """Reads one fact, rule or query from a part of a text; None with an error."""
    reader = _Reader(source, list(_words(source.text, span)), span)
    try:
        return reader.line(), []
    except _Stop as stop:
        return None, [stop.found]


def _words(text: str, span: Span) -> Iterator[_Word]:
    at = span.start
    while at < span.end:
        match = _WORD.match(text, at, span.end)
        assert match is not None  # `bad` takes any character
        if match.lastgroup != "space":
            yield _Word(match.group(), Span(*match.span()), match.lastgroup == "name")
        at = match.end()


@dataclass(slots=True)
class _Reader:
    source: Source
    words: list[_Word]
    span: Span
    at: int = 0

    def line(self) -> Formula:
        formula = self.literals()
        if self.peek() == ">>>":
            self.at += 1
            formula = Implication(formula, self.literals(), span=self.span)
        if self.at < len(self.words):
            raise self.unexpected("the end, `&&` or `>>>`", ("&&", ">>>"))
        return closure(formula)

    def peek(self) -> str:
        return self.words[self.at].text if self.at < len(self.words) else ""

    def unexpected(self, wanted: str, expected: tuple[str, ...]) -> _Stop:
        if self.at < len(self.words):
            span, what = self.words[self.at].span, shown(self.words[self.at].text)
        else:
            span, what = Span(self.span.end, self.span.end), "the end"
        return _Stop(
            finding(
                self.source,
                span,
                ErrorCode.UNEXPECTED,
                f"In a fact or a rule {wanted} is expected here, not {what}.",
                expected=expected,
            )
        )

    def literals(self) -> Formula:
        found = [self.literal()]
        while self.peek() == "&&":
            self.at += 1
            found.append(self.literal())
        return conjunction(found)

    def name(self, wanted: str) -> _Word:
        if self.at == len(self.words) or not self.words[self.at].is_name:
            raise self.unexpected(wanted, (wanted,))
        word = self.words[self.at]
        if len(word.text) > MAX_NAME:
            raise self.too_large(word, f"The name is longer than {MAX_NAME} characters.")
        if unseen(word.text):
            raise self.hidden(word)
        self.at += 1
        return word

    def hidden(self, word: _Word) -> _Stop:
        character = unseen(word.text)
        message = f"No name has the character U+{ord(character):04X}, which nobody sees. Remove it."
        return _Stop(finding(self.source, word.span, ErrorCode.BAD_CHARACTER, message))

    def too_large(self, word: _Word, message: str) -> _Stop:
        return _Stop(finding(self.source, word.span, ErrorCode.TOO_LARGE, message))

    def literal(self) -> Formula:
        start = self.at
        while self.peek() in ("!", "~", "¬"):
            self.at += 1
        is_denied = (self.at - start) % 2 == 1
        word = self.name("the name of a predicate")
        if word.text.startswith("$"):
            self.at -= 1
            raise self.unexpected("the name of a predicate", ("a name",))
        if self.peek() != "(":
            raise self.unexpected("`(`", ("(",))
        self.at += 1
        names = [self.name("an argument")]
        while self.peek() == ",":
            self.at += 1
            names.append(self.name("an argument"))
            if len(names) > MAX_ARITY:
                raise self.too_large(word, f"A predicate has at most {MAX_ARITY} arguments.")
        if self.at < len(self.words) and self.words[self.at].is_name:
            raise self.spaced()
        if self.peek() != ")":
            raise self.unexpected("`,` or `)`", (",", ")"))
        self.at += 1
        span = Span(word.span.start, self.words[self.at - 1].span.end)
        if names[-1].text in ("True", "False"):
            is_denied = is_denied is not (names.pop().text == "False")
        arguments = tuple(map(_term, names))
        atom = Atom(predicate(word.text, len(arguments)), arguments, span=span)
        return Negation(atom, span=span) if is_denied else atom

    def spaced(self) -> _Stop:
        """The error of a name in several words, with ways to write it as one."""
        first = self.at - 1
        last = self.at
        while last + 1 < len(self.words) and self.words[last + 1].is_name:
            last += 1
        words = [word.text for word in self.words[first : last + 1]]
        span = Span(self.words[first].span.start, self.words[last].span.end)
        fixes = [
            Fix(f"Write {shown(name)}.", (Edit(self.source.name, span, name),))
            for name in ("".join(word[:1].upper() + word[1:] for word in words), "_".join(words))
        ]
        message = f"Names side by side: {shown(' '.join(words))}. A name is one word."
        return _Stop(
            finding(
                self.source, span, ErrorCode.SPACE_IN_NAME, message, expected=[","], fixes=fixes
            )
        )


def _term(word: _Word) -> Term:
    if word.text.startswith("$"):
        return Variable(word.text[1:], span=word.span)
    return Application(function(word.text), (), span=word.span)
