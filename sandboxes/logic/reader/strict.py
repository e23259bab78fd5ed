"""Text as LINC reads it: NLTK's grammar, and what Prover9 makes of the formula that NLTK hands it.

Source: `reformat_fol` and `evaluate` of LINC (benlipkin/linc, eval/tasks/utils.py),
`nltk.sem.logic.LogicParser` and `nltk.inference.prover9` of NLTK 3.10, and the Prover9 manual.
Nothing is tolerated that they refuse, and what they silently read otherwise than it is meant is
read so here:

- all connectives associate to the left, and `^` is "and";
- a quantifier binds as tight as negation, whatever dot follows it;
- names that nothing binds and that begin with u to z are variables, `yuri` among them;
- a name is one thing only: predicate, function or constant, of one arity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sandboxes.logic.reader.collected import Stated
from sandboxes.logic.reader.findings import ErrorCode, Finding, Source, finding, shown
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Conjunction,
    Disjunction,
    Equality,
    Equivalence,
    Existential,
    Formula,
    Implication,
    Negation,
    Span,
    Symbol,
    Term,
    Universal,
    Variable,
    function,
    predicate,
    symbols,
)

__all__ = ["clashes", "parse"]

# NLTK's LogicParser.MAX_PARSE_DEPTH.
_MAX_DEPTH: Final = 200

_SIGNS: Final = ("<->", "<=>", "->", "=>", "==", "!=", *r"\.(),-!&^|=")
_NOT: Final = ("not", "-", "!")
_QUANTIFIERS: Final[dict[str, type[Universal | Existential]]] = {
    "all": Universal,
    "forall": Universal,
    "some": Existential,
    "exists": Existential,
    "exist": Existential,
}
_BINARY: Final = {
    **dict.fromkeys(("and", "&", "^"), 6),
    **dict.fromkeys(("or", "|"), 7),
    **dict.fromkeys(("implies", "->", "=>"), 8),
    **dict.fromkeys(("iff", "<->", "<=>"), 9),
}
_EQUAL: Final = ("=", "==")
_KEYWORDS: Final = frozenset((*_SIGNS, *_NOT, *_QUANTIFIERS, *_BINARY, "iota"))
_LOOSEST, _NEGATION, _APPLICATION, _EQUALITY, _QUANTIFIER = 10, 2, 3, 4, 5

_INDIVIDUAL: Final = re.compile(r"[a-z]\d*")
_UPPER: Final = re.compile(r"[A-Z]\d*")
_PROVER9_VARIABLE: Final = re.compile(r"[u-z]")
_PROVER9_NAME: Final = re.compile(r'[A-Za-z0-9_$]+|"[!#-~]*"')
_WORDS: Final = dict(
    zip(
        "0123456789",
        ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"),
        strict=True,
    )
) | {".": "Dot", "’": "", "-": "_", "'": "", " ": "_"}


@dataclass(frozen=True, slots=True)
class _Node:
    """What NLTK builds: an operator, a quantifier or a name, over others."""

    head: str
    parts: tuple[_Node, ...] = ()


class _Refused(Exception):
    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(source: Source, span: Span) -> tuple[Formula | None, list[Finding]]:
    """Reads one formula from a part of a text; None with an error.

    LINC's preparation of the text moves characters, so that an error is told of the whole part.
    """
    text = _prepared(source.text[span.start : span.end])
    try:
        reader = _Reader(list(_split(text)))
        return _formula(reader.whole(), frozenset(), span), []
    except _Refused as refused:
        return None, [finding(source, span, refused.code, str(refused))]


def clashes(stated: Iterable[Stated]) -> Iterator[Finding]:
    """Says which names are used in two ways, for which Prover9 ends with a fatal error."""
    first: dict[str, Symbol] = {}
    for one in stated:
        for symbol in symbols(one.statement.formula):
            known = first.setdefault(symbol.name, symbol)
            if known != symbol and one.statement.span:
                yield finding(
                    one.source,
                    one.statement.span,
                    ErrorCode.CLASH,
                    f"Prover9 refuses {shown(symbol.name)} as a {symbol.kind} of "
                    f"{symbol.arity} arguments, as it is a {known.kind} of {known.arity} "
                    "elsewhere. Give the two different names.",
                )
                first[symbol.name] = symbol


def _prepared(text: str) -> str:
    """LINC's `reformat_fol`: each argument rewritten, and then everywhere where its text occurs."""
    arguments = dict.fromkeys(
        part.strip() for match in re.findall(r"\([^()]+\)", text) for part in match[1:-1].split(",")
    )
    for argument in arguments:
        rewritten = argument
        for old, new in _WORDS.items():
            rewritten = rewritten.replace(old, new)
        if argument:
            text = text.replace(argument, rewritten)
    return text.rstrip()


def _split(text: str) -> list[str]:
    """The words as `LogicParser.process` finds them: a sign ends a name wherever it stands."""
    found: list[str] = []
    word = ""
    at = 0
    while at < len(text):
        sign = next((sign for sign in _SIGNS if text.startswith(sign, at)), None)
        if sign is None and text[at] not in " \t\n":
            word += text[at]
            at += 1
            continue
        if word:
            found.append(word)
            word = ""
        if sign:
            found.append(sign)
        at += len(sign or " ")
    return [*found, word] if word else found


@dataclass(slots=True)
class _Reader:
    words: list[str]
    at: int = 0
    depth: int = 0

    def whole(self) -> _Node:
        node = self.expression(_LOOSEST)
        if self.at < len(self.words):
            raise self.unexpected("the end")
        return node

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def unexpected(self, wanted: str) -> _Refused:
        if self.at >= len(self.words):
            return _Refused(
                ErrorCode.UNEXPECTED, f"NLTK refuses the end; {wanted} is expected there."
            )
        return _Refused(
            ErrorCode.UNEXPECTED, f"NLTK refuses {shown(self.peek())}; {wanted} is expected there."
        )

    def expression(self, context: int) -> _Node:
        """`process_next_expression`: an operand, and the operators tighter than the context."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _Refused(ErrorCode.TOO_DEEP, f"NLTK reads {_MAX_DEPTH} levels of nesting.")
        node = self.operand()
        before = -1
        while before != self.at:
            before = self.at
            node = self.equality(node, context)
            if context > _APPLICATION and self.peek() == "(":
                raise self.unexpected("an operator")
            node = self.binary(node, context)
        self.depth -= 1
        return node

    def operand(self) -> _Node:
        word = self.peek()
        if not word:
            raise self.unexpected("a formula")
        if word not in _KEYWORDS:
            self.at += 1
            return self.name(word)
        if word in _NOT:
            self.at += 1
            return _Node("-", (self.expression(_NEGATION),))
        if word in _QUANTIFIERS:
            self.at += 1
            return self.quantified(word)
        if word == "(":
            self.at += 1
            node = self.expression(_LOOSEST)
            self.close()
            return node
        raise self.unexpected("a formula")

    def close(self) -> None:
        if self.peek() != ")":
            raise self.unexpected("`)`")
        self.at += 1

    def name(self, word: str) -> _Node:
        if self.peek() != "(":
            return _Node(word)
        if _INDIVIDUAL.fullmatch(word):
            raise _Refused(
                ErrorCode.BAD_NAME, f"NLTK refuses the variable {shown(word)} before a bracket."
            )
        self.at += 1
        arguments = [self.expression(_APPLICATION)]
        while self.peek() == ",":
            self.at += 1
            arguments.append(self.expression(_APPLICATION))
        self.close()
        return _Node(word + "(", tuple(arguments))

    def quantified(self, word: str) -> _Node:
        names = [self.variable()]
        while self.peek() and self.peek() not in _KEYWORDS:
            names.append(self.variable())
        if self.peek() == ".":
            self.at += 1
        node = self.expression(_QUANTIFIER)
        for name in reversed(names):
            node = _Node(word, (_Node(name), node))
        return node

    def variable(self) -> str:
        word = self.peek()
        if not word or not (_INDIVIDUAL.fullmatch(word) or _UPPER.fullmatch(word)):
            raise self.unexpected("a variable: one letter and digits")
        self.at += 1
        return word

    def equality(self, node: _Node, context: int) -> _Node:
        sign = self.peek()
        if sign not in (*_EQUAL, "!=") or context <= _EQUALITY:
            return node
        self.at += 1
        whole = _Node("=", (node, self.expression(_EQUALITY)))
        return _Node("-", (whole,)) if sign == "!=" else whole

    def binary(self, node: _Node, context: int) -> _Node:
        chain = 0
        while (level := _BINARY.get(self.peek(), _LOOSEST)) < context:
            chain += 1
            if self.depth + chain > _MAX_DEPTH:
                raise _Refused(ErrorCode.TOO_DEEP, f"NLTK reads {_MAX_DEPTH} levels of nesting.")
            self.at += 1
            node = _Node(str(level), (node, self.expression(level)))
        return node


def _formula(node: _Node, bound: frozenset[str], span: Span) -> Formula:
    """The formula that Prover9 takes a tree for."""
    parts = node.parts
    match node.head:
        case "-":
            return Negation(_formula(parts[0], bound, span), span=span)
        case "=":
            return Equality(_term(parts[0], bound), _term(parts[1], bound), span=span)
        case "6" | "7" | "8" | "9" as level if len(parts) == 2:
            left, right = (_formula(part, bound, span) for part in parts)
            if level == "6":
                return Conjunction((left, right), span=span)
            if level == "7":
                return Disjunction((left, right), span=span)
            made = Implication if level == "8" else Equivalence
            return made(left, right, span=span)
        case word if word in _QUANTIFIERS and parts:
            name = parts[0].head
            body = _formula(parts[1], bound | {name}, span)
            return _QUANTIFIERS[word]((Variable(name),), body, span=span)
        case word:
            name = word.removesuffix("(")
            if name in bound or (not parts and _PROVER9_VARIABLE.match(name)):
                raise _Refused(
                    ErrorCode.TERM_AS_FORMULA, f"Prover9 refuses the variable {shown(name)} there."
                )
            arguments = _arguments(parts, bound)
            return Atom(predicate(_checked(name), len(arguments)), arguments, span=span)


def _arguments(parts: tuple[_Node, ...], bound: frozenset[str]) -> tuple[Term, ...]:
    """Arguments, those between `[` and `]` as one list: NLTK takes these signs for letters, and
    Prover9 does not.
    """
    found: list[Term] = []
    listed: list[Term] | None = None
    for part in parts:
        name = part.head
        if name.startswith("[") and not part.parts:
            listed, name = [], name[1:]
        ends = listed is not None and name.endswith("]") and not part.parts
        node = part if part.parts else _Node(name.removesuffix("]") if ends else name)
        (found if listed is None else listed).append(_term(node, bound))
        if ends and listed is not None:
            whole: Term = Application(function("$nil"))
            for term in reversed(listed):
                whole = Application(function("$cons", 2), (term, whole))
            found.append(whole)
            listed = None
    if listed is not None:
        raise _Refused(ErrorCode.UNBALANCED, "Prover9 finds no `]` for a `[`.")
    return tuple(found)


def _term(node: _Node, bound: frozenset[str]) -> Term:
    name = node.head.removesuffix("(")
    if node.head == "-":  # `-x = y` is `(-x) = y`, with a function that has no meaning
        return Application(function("-", 1), (_term(node.parts[0], bound),))
    if node.parts and not node.head.endswith("("):
        raise _Refused(
            ErrorCode.FORMULA_AS_TERM, "Prover9 reads no formula in the place of a term."
        )
    if node.parts:
        arguments = _arguments(node.parts, bound)
        return Application(function(_checked(name), len(arguments)), arguments)
    if name in bound or _PROVER9_VARIABLE.match(name):
        return Variable(name)
    return Application(function(_checked(name)))


def _checked(name: str) -> str:
    if not _PROVER9_NAME.fullmatch(name):
        raise _Refused(
            ErrorCode.BAD_NAME,
            f"Prover9 has names of ASCII letters, digits, _ and $ only, or in double quotes, "
            f"and not {shown(name)}.",
        )
    return name
