"""TPTP: CNF, FOF and the monomorphic part of TF0.

Source: the TPTP syntax in BNF (tptp.org, SyntaxBNF v9) and the TPTP technical manual. Connectives
other than & and | do not associate, and the language has no precedence among them: what TPTP
refuses is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sandboxes.logic.reader.collected import Collected
from sandboxes.logic.reader.findings import ErrorCode, Finding, Role, Source, finding, shown
from sandboxes.logic.reader.limits import MAX_ARITY, MAX_NAME
from sandboxes.logic.reader.names import unseen
from sandboxes.logic.syntax import (
    DEPTH_LIMIT,
    INDIVIDUAL,
    Application,
    Atom,
    Conjunction,
    Disjunction,
    Equality,
    Equivalence,
    ExclusiveOr,
    Existential,
    Falsehood,
    Formula,
    Implication,
    Kind,
    Negation,
    Span,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    closure,
    depth,
)

__all__ = ["read"]

_PREMISES: Final = frozenset(
    {
        "axiom",
        "hypothesis",
        "definition",
        "assumption",
        "lemma",
        "theorem",
        "corollary",
        "negated_conjecture",
    }
)
_ROLES: Final = _PREMISES | {"conjecture", "type"}
_BOOLEAN: Final = "$o"
_TYPES: Final = "$tType"

_WORD: Final = re.compile(
    r"""(?P<space>(?:\s+|%[^\n]*|/\*.*?(?:\*/|\Z))+)
    |(?P<sign><=>|<~>|=>|<=|~\||~&|!=|!>|\?\*|[~&|=!?\[\](),.:*>@{}^+-])
    |(?P<lower>[a-z]\w*)
    |(?P<upper>[A-Z]\w*)
    |(?P<defined>\$\$?[a-zA-Z]\w*)
    |(?P<quoted>'(?:[^'\\\n]|\\[\\'])+')
    |(?P<distinct>"(?:[^"\\\n]|\\[\\"])*")
    |(?P<number>\d[\w./]*)
    |(?P<bad>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


class _Stop(Exception):
    def __init__(self, found: Finding) -> None:
        super().__init__()
        self.found = found


@dataclass(slots=True)
class _Signature:
    """What `type` statements declare, for all texts of a problem."""

    sorts: set[str] = field(default_factory=lambda: {INDIVIDUAL})
    symbols: dict[str, Symbol] = field(default_factory=dict)


def read(sources: Sequence[Source], collected: Collected) -> None:
    """Reads annotated formulas, or bare formulas in texts that have none."""
    signature = _Signature()
    for source in sources:
        words, bad = _words(source)
        collected.note(*bad)
        if bad:
            continue
        reader = _Reader(source, words, signature)
        while not reader.is_at_end() and not collected.is_over():
            start = reader.at
            try:
                reader.statement(collected)
            except _Stop as stop:
                collected.note(stop.found)
                reader.recover(start)
        if collected.is_over():
            return


def _words(source: Source) -> tuple[list[_Word], list[Finding]]:
    found: list[_Word] = []
    bad: list[Finding] = []
    at = 0
    text = source.text
    while at < len(text):
        match = _WORD.match(text, at)
        assert match is not None  # `bad` takes any character
        kind = match.lastgroup or ""
        character = match.group() if kind == "bad" else unseen(match.group())
        if kind != "space" and character:
            start = text.index(character, at)
            bad.append(
                finding(
                    source,
                    Span(start, start + 1),
                    ErrorCode.BAD_CHARACTER,
                    f"TPTP has no place for the character U+{ord(character):04X} "
                    f"{shown(character)}. Put names that are not of ASCII letters, digits and _ "
                    "in single quotes.",
                )
            )
            if len(bad) > 20:
                break
        elif kind != "space":
            found.append(_Word(kind, match.group(), at, match.end()))
        at = match.end()
    found.append(_Word("end", "", len(text), len(text)))
    return found, bad


@dataclass(slots=True)
class _Reader:
    source: Source
    words: list[_Word]
    signature: _Signature
    at: int = 0
    nesting: int = 0
    language: str = "fof"
    bound: list[Variable] = field(default_factory=list)

    # Words

    def is_at_end(self) -> bool:
        return self.words[self.at].kind == "end"

    def peek(self) -> _Word:
        return self.words[self.at]

    def stop(self, code: ErrorCode, word: _Word, message: str, *expected: str) -> _Stop:
        return _Stop(finding(self.source, word.span, code, message, expected=expected))

    def unexpected(self, *expected: str) -> _Stop:
        word = self.peek()
        what = shown(word.text) if word.text else "the end"
        wanted = " or ".join(expected)
        return self.stop(
            ErrorCode.UNEXPECTED, word, f"{wanted} is expected here, not {what}.", *expected
        )

    def take(self, sign: str) -> None:
        if self.peek().kind != "sign" or self.peek().text != sign:
            raise self.unexpected(sign)
        self.at += 1

    def has(self, sign: str) -> bool:
        if self.peek().kind == "sign" and self.peek().text == sign:
            self.at += 1
            return True
        return False

    def sees(self, *signs: str) -> bool:
        return self.peek().kind == "sign" and self.peek().text in signs

    def recover(self, start: int) -> None:
        """Goes on behind the next `).`, at least one word further than the statement's start."""
        self.at = max(self.at, start + 1)
        self.nesting = 0
        self.bound.clear()
        while not self.is_at_end():
            self.at += 1
            if self.words[self.at - 1].text == "." and self.words[self.at - 2].text == ")":
                return

    def name(self) -> str:
        word = self.peek()
        if word.kind not in ("lower", "quoted"):
            raise self.unexpected("a name")
        if len(word.text) > MAX_NAME:
            raise self.stop(
                ErrorCode.TOO_LARGE, word, f"The name is longer than {MAX_NAME} characters."
            )
        self.at += 1
        return _unquoted(word)

    # Statements

    def statement(self, collected: Collected) -> None:
        first = self.peek()
        follower = self.words[min(self.at + 1, len(self.words) - 1)]
        if first.text == "include" and follower.text == "(":
            raise self.stop(
                ErrorCode.FORBIDDEN,
                first,
                "Files are not included: this service reads what it is sent and nothing else. "
                "Put the formulas of the file here.",
            )
        if first.text in ("thf", "tcf", "tpi") and follower.text == "(":
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                first,
                f"{shown(first.text)} is not read. Use cnf, fof or tff.",
                "cnf",
                "fof",
                "tff",
            )
        if first.text in ("cnf", "fof", "tff") and follower.text == "(":
            self.annotated(collected)
        else:
            self.bare(collected)

    def bare(self, collected: Collected) -> None:
        """A formula by itself: a premise or the goal, as the text's role has it."""
        start = self.peek()
        self.language = "fof"
        formula = self.checked(self.formula())
        end = self.words[self.at - 1].end
        if not self.has(".") and not self.is_at_end():
            raise self.unexpected(".", "the end")
        is_goal = self.source.role is not Role.PREMISES
        collected.add(self.source, formula, Span(start.start, end), is_goal=is_goal)

    def annotated(self, collected: Collected) -> None:
        start = self.peek()
        self.language = start.text
        self.at += 1
        self.take("(")
        if self.peek().kind == "number":
            name = self.peek().text
            self.at += 1
        else:
            name = self.name()
        self.take(",")
        role = self.peek()
        if role.text not in _ROLES or role.kind != "lower":
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                role,
                f"The role {shown(role.text)} is not read.",
                *sorted(_ROLES),
            )
        self.at += 1
        self.take(",")
        if role.text == "type":
            self.declaration()
            self.end_statement()
            return
        first = self.peek()
        formula = self.checked(self.formula())
        span = Span(first.start, self.words[self.at - 1].end)
        if self.language == "cnf":
            formula = closure(formula)
        self.end_statement()
        is_goal = role.text == "conjecture" or self.source.role is Role.GOAL
        if is_goal and self.source.role is Role.PREMISES:
            raise self.stop(
                ErrorCode.GOAL,
                role,
                "The goal is given elsewhere, and here premises are expected. Leave out the "
                "conjecture.",
            )
        collected.add(self.source, formula, span, name=name, is_goal=is_goal)

    def end_statement(self) -> None:
        """The annotations, which are the caller's notes, and the end."""
        if self.has(","):
            level = 0
            while not self.is_at_end() and (level or not self.sees(")")):
                level += self.sees("(", "[") - self.sees(")", "]")
                self.at += 1
        self.take(")")
        self.take(".")

    def checked(self, formula: Formula) -> Formula:
        if depth(formula) > DEPTH_LIMIT:
            raise self.too_deep()
        return formula

    def too_deep(self) -> _Stop:
        return self.stop(
            ErrorCode.TOO_DEEP,
            self.peek(),
            f"The formula is nested more than {DEPTH_LIMIT} deep. Split it, or name its parts.",
        )

    # Types

    def declaration(self) -> None:
        brackets = 0
        while self.has("("):
            brackets += 1
        word = self.peek()
        name = self.name()
        self.take(":")
        arguments, sort = self.type()
        for _ in range(brackets):
            self.take(")")
        if sort == _TYPES:
            if arguments or name in self.signature.sorts:
                raise self.stop(
                    ErrorCode.UNSUPPORTED if arguments else ErrorCode.DUPLICATE,
                    word,
                    f"The sort {shown(name)} "
                    + ("takes arguments, which is not read." if arguments else "comes twice."),
                )
            self.signature.sorts.add(name)
            return
        kind = Kind.PREDICATE if sort == _BOOLEAN else Kind.FUNCTION
        symbol = Symbol(kind, name, tuple(arguments), INDIVIDUAL if sort == _BOOLEAN else sort)
        if self.signature.symbols.setdefault(name, symbol) != symbol:
            raise self.stop(
                ErrorCode.DUPLICATE,
                word,
                f"{shown(name)} is declared twice, and differently. Use two names.",
            )

    def type(self) -> tuple[list[str], str]:
        brackets = 0
        while self.has("("):
            brackets += 1
        sorts = [self.sort()]
        while self.has("*"):
            sorts.append(self.sort())
        if len(sorts) > MAX_ARITY:
            raise self.stop(
                ErrorCode.TOO_LARGE, self.peek(), f"A symbol has at most {MAX_ARITY} arguments."
            )
        while brackets and self.has(")"):
            brackets -= 1
        arguments: list[str] = []
        if self.has(">"):
            arguments, sorts = sorts, [self.sort()]
        for _ in range(brackets):
            self.take(")")
        if len(sorts) > 1 or _BOOLEAN in arguments or _TYPES in arguments:
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                self.peek(),
                "A type is `s`, `s > t` or `(s * t) > u`, with $o as the last only.",
                "s > t",
            )
        return arguments, sorts[0]

    def sort(self) -> str:
        word = self.peek()
        if word.text in (INDIVIDUAL, _BOOLEAN, _TYPES):
            self.at += 1
            return word.text
        if word.kind == "defined":
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                word,
                f"The sort {shown(word.text)} is not read: TF0 without arithmetic is. Use "
                "SMT-LIB for numbers.",
            )
        name = self.name()
        if name not in self.signature.sorts:
            raise self.stop(
                ErrorCode.UNDECLARED,
                word,
                f"The sort {shown(name)} is not declared. Declare it before: "
                f"`tff(s, type, {name}: $tType).`",
            )
        return name

    # Formulas

    def deeper(self) -> None:
        self.nesting += 1
        if self.nesting > DEPTH_LIMIT:
            raise self.too_deep()

    def formula(self) -> Formula:
        left = self.unary()
        sign = self.peek()
        if self.sees("&", "|"):
            parts = [left]
            while self.has(sign.text):
                parts.append(self.unary())
            left = (Conjunction if sign.text == "&" else Disjunction)(
                tuple(parts), span=_over(parts[0], parts[-1])
            )
        elif self.sees(*_BINARY):
            self.at += 1
            left = _connected(left, sign.text, self.unary())
        if self.sees("&", "|", *_BINARY):
            raise self.stop(
                ErrorCode.UNEXPECTED,
                self.peek(),
                f"TPTP has no precedence between {shown(sign.text)} and "
                f"{shown(self.peek().text)}. Put brackets.",
                ")",
            )
        return left

    def unary(self) -> Formula:
        height = self.nesting
        prefixes: list[tuple[_Word, tuple[Variable, ...]]] = []
        while self.sees("~", "!", "?"):
            word = self.peek()
            self.at += 1
            prefixes.append((word, () if word.text == "~" else self.quantified()))
            self.deeper()
        formula = self.bracketed() if self.sees("(") else self.atom()
        for word, variables in reversed(prefixes):
            span = Span(word.start, formula.span.end if formula.span else word.end)
            if word.text == "~":
                formula = Negation(formula, span=span)
                continue
            del self.bound[len(self.bound) - len(variables) :]
            made = Universal if word.text == "!" else Existential
            formula = made(variables, formula, span=span)
        self.nesting = height
        return formula

    def bracketed(self) -> Formula:
        self.at += 1
        self.deeper()
        formula = self.formula()
        self.take(")")
        self.nesting -= 1
        return formula

    def quantified(self) -> tuple[Variable, ...]:
        self.take("[")
        variables: list[Variable] = []
        while True:
            word = self.peek()
            if word.kind != "upper":
                raise self.unexpected("a variable")
            if len(variables) == MAX_ARITY or len(word.text) > MAX_NAME:
                raise self.stop(
                    ErrorCode.TOO_LARGE,
                    word,
                    f"A quantifier has at most {MAX_ARITY} variables, and a name at most "
                    f"{MAX_NAME} characters.",
                )
            self.at += 1
            sort = self.sort() if self.language == "tff" and self.has(":") else INDIVIDUAL
            variables.append(Variable(word.text, sort, span=word.span))
            if not self.has(","):
                break
        self.take("]")
        self.take(":")
        self.bound.extend(variables)
        return tuple(variables)

    def atom(self) -> Formula:
        word = self.peek()
        if word.text in ("$true", "$false"):
            self.at += 1
            return (Truth if word.text == "$true" else Falsehood)(span=word.span)
        if word.kind == "upper":
            left: Term = self.variable()
            if not self.sees("=", "!="):
                raise self.stop(
                    ErrorCode.TERM_AS_FORMULA,
                    word,
                    f"The variable {shown(word.text)} names a thing; a formula says something "
                    "about it.",
                )
            return self.equality(left, word)
        name, arguments = self.applied()
        end = self.words[self.at - 1].end
        if self.sees("=", "!="):
            return self.equality(self.application(name, arguments, word, end), word)
        symbol = self.symbol(Kind.PREDICATE, name, arguments, word)
        return Atom(symbol, arguments, span=Span(word.start, end))

    def equality(self, left: Term, start: _Word) -> Formula:
        sign = self.peek()
        self.at += 1
        right = self.term()
        span = Span(start.start, self.words[self.at - 1].end)
        if _sort(left) != _sort(right):
            raise self.stop(
                ErrorCode.SORT,
                sign,
                f"The left side is of sort {shown(_sort(left))} and the right side of "
                f"{shown(_sort(right))}. Only things of one sort can be equal.",
            )
        equality = Equality(left, right, span=span)
        return equality if sign.text == "=" else Negation(equality, span=span)

    def applied(self) -> tuple[str, tuple[Term, ...]]:
        word = self.peek()
        if word.kind in ("number", "distinct"):
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                word,
                "Numbers and distinct objects are not read. Name things with constants, and say "
                "which are different.",
            )
        if word.kind == "defined":
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                word,
                f"{shown(word.text)} is not read: of what TPTP defines, $true and $false are.",
            )
        name = self.name()
        if not self.has("("):
            return name, ()
        arguments = [self.term()]
        while self.has(","):
            arguments.append(self.term())
            if len(arguments) > MAX_ARITY:
                raise self.stop(
                    ErrorCode.TOO_LARGE, word, f"{shown(name)} has more than {MAX_ARITY} arguments."
                )
        self.take(")")
        return name, tuple(arguments)

    def term(self) -> Term:
        self.deeper()
        word = self.peek()
        if word.kind == "upper":
            term: Term = self.variable()
        else:
            name, arguments = self.applied()
            term = self.application(name, arguments, word, self.words[self.at - 1].end)
        self.nesting -= 1
        return term

    def variable(self) -> Variable:
        word = self.peek()
        self.at += 1
        for variable in reversed(self.bound):
            if variable.name == word.text:
                return Variable(word.text, variable.sort, span=word.span)
        if self.language != "cnf":
            raise self.stop(
                ErrorCode.UNDECLARED,
                word,
                f"The variable {shown(word.text)} is not quantified. Put `! [{word.text}] :` "
                "before the formula, or write a constant with a small letter.",
            )
        return Variable(word.text, span=word.span)

    def application(
        self, name: str, arguments: tuple[Term, ...], word: _Word, end: int
    ) -> Application:
        symbol = self.symbol(Kind.FUNCTION, name, arguments, word)
        return Application(symbol, arguments, span=Span(word.start, end))

    def symbol(self, kind: Kind, name: str, arguments: tuple[Term, ...], word: _Word) -> Symbol:
        declared = self.signature.symbols.get(name) if self.language == "tff" else None
        sorts = tuple(map(_sort, arguments))
        if declared is None:
            if any(sort != INDIVIDUAL for sort in sorts):
                raise self.stop(
                    ErrorCode.UNDECLARED,
                    word,
                    f"{shown(name)} is not declared, and its arguments are not all of sort $i. "
                    "Declare its type before.",
                )
            return Symbol(kind, name, sorts)
        if declared.kind is not kind or declared.argument_sorts != sorts:
            takes = " * ".join(declared.argument_sorts) or "nothing"
            raise self.stop(
                ErrorCode.SORT,
                word,
                f"{shown(name)} is declared as a {declared.kind} that takes {takes}, and is used "
                f"as a {kind} of {' * '.join(sorts) or 'nothing'}.",
            )
        return declared


_BINARY: Final = ("<=>", "<~>", "=>", "<=", "~|", "~&")


def _connected(left: Formula, sign: str, right: Formula) -> Formula:
    span = _over(left, right)
    match sign:
        case "<=>":
            return Equivalence(left, right, span=span)
        case "<~>":
            return ExclusiveOr(left, right, span=span)
        case "=>":
            return Implication(left, right, span=span)
        case "<=":
            return Implication(right, left, span=span)
        case "~|":
            return Negation(Disjunction((left, right), span=span), span=span)
        case _:
            return Negation(Conjunction((left, right), span=span), span=span)


def _over(first: Formula, last: Formula) -> Span:
    return Span(first.span.start if first.span else 0, last.span.end if last.span else 0)


def _sort(term: Term) -> str:
    return term.sort if isinstance(term, Variable) else term.symbol.sort


def _unquoted(word: _Word) -> str:
    if word.kind != "quoted":
        return word.text
    return re.sub(r"\\(.)", r"\1", word.text[1:-1])
