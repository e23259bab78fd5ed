"""A formula as people and models write it: NLTK, LADR (Prover9) and Unicode, by one parser.

Binding, the tightest first: quantifiers and negation, ∧, ∨, ⊕, →, ↔. A quantifier's scope is the
next formula alone, dot or not: `all x. P(x) -> Q(x)` is `(all x. P(x)) -> Q(x)`, in NLTK
(`nltk.sem.logic.LogicParser.operator_precedence`) and in LADR (the Prover9 manual, "Clauses and
Formulas"). → associates to the right, and to the left in text that is NLTK's. Where readers of
other dialects would take a text for another formula, a lint says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from sandboxes.logic.reader.findings import (
    MAX_ERRORS,
    Edit,
    ErrorCode,
    Finding,
    Fix,
    LintCode,
    Source,
    finding,
    shown,
)
from sandboxes.logic.reader.limits import MAX_ARITY, MAX_NAME
from sandboxes.logic.reader.names import unseen
from sandboxes.logic.reader.tokens import OPENING, Token, TokenKind, tokens
from sandboxes.logic.syntax import (
    DEPTH_LIMIT,
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
    Negation,
    Span,
    Term,
    Truth,
    Universal,
    Variable,
    depth,
    free_variables,
    function,
    predicate,
)

__all__ = ["WORD_LIMIT", "Spelling", "parse"]

WORD_LIMIT: Final = 100_000
"""Most words of one formula."""

_TIGHTNESS: Final = {
    TokenKind.IFF: 1,
    TokenKind.IMPLIES: 2,
    TokenKind.IMPLIED: 2,
    TokenKind.XOR: 3,
    TokenKind.OR: 4,
    TokenKind.AND: 5,
}
_CONNECTIVES: Final = ("∧", "∨", "⊕", "→", "↔")
_QUANTIFIERS: Final = (TokenKind.FORALL, TokenKind.EXISTS)
_RELATIONS: Final = (TokenKind.EQUAL, TokenKind.UNEQUAL, TokenKind.COMPARE)
# Words in the place of a quantifier, with the sign that they likely mean.
_QUANTITIES: Final = {
    **dict.fromkeys(("any", "each", "every", "foreach", "forevery", "forany"), "∀"),
    **dict.fromkeys(("thereexists", "thereis"), "∃"),
    **dict.fromkeys(("no", "none", "notexists"), "¬∃"),
    **dict.fromkeys(("most", "few", "many", "exactly", "only", "unique"), ""),
}


@dataclass(frozen=True, slots=True)
class Spelling:
    """What differs between the dialects of this parser.

    Attributes:
        is_variable: Whether a name that nothing binds is a variable.
        left_implication: Whether → associates to the left.
    """

    is_variable: Callable[[str], bool]
    left_implication: bool = False


class _Stop(Exception):
    """The group cannot be read further; its finding is recorded."""


@dataclass(slots=True)
class _Named:
    """A name with arguments, before it is known whether it is an atom or a term."""

    token: Token
    arguments: tuple[Term, ...]
    applied: bool
    span: Span


def parse(source: Source, span: Span, spelling: Spelling) -> tuple[Formula | None, list[Finding]]:
    """Reads one formula from a part of a text.

    Returns:
        The formula, or None when any of the findings is an error; and the findings.
    """
    words = tokens(source.text, span.start, span.end)
    if len(words) > WORD_LIMIT:
        return None, [
            finding(
                source,
                span,
                ErrorCode.TOO_LARGE,
                f"The formula has more than {WORD_LIMIT} words. Split it.",
            )
        ]
    bad = _bad_characters(source, words)
    if bad:
        return None, bad
    if words[0].kind is TokenKind.END:
        return None, [finding(source, span, ErrorCode.EMPTY, "There is no formula here.")]
    unbalanced = _unbalanced(source, words)
    if unbalanced:
        return None, [_with_bracket_fixes(unbalanced, source, span, words, spelling)]
    return _Parser(source, words, spelling).read()


def _bad_characters(source: Source, words: list[Token]) -> list[Finding]:
    found = []
    for word in words:
        character = word.text if word.kind is TokenKind.BAD else unseen(word.text)
        if character:
            start = source.text.index(character, word.start)
            found.append(
                finding(
                    source,
                    Span(start, start + 1),
                    ErrorCode.BAD_CHARACTER,
                    f"No formula has the character U+{ord(character):04X} {shown(character)}. "
                    "Remove it, or write the name that it belongs to with letters, digits and _.",
                )
            )
            if len(found) == MAX_ERRORS:
                break
    return found


def _unbalanced(source: Source, words: list[Token]) -> Finding | None:
    """The first bracket without a partner, if there is one."""
    waiting: list[Token] = []
    stray: Token | None = None
    for word in words:
        if word.kind is TokenKind.OPEN:
            waiting.append(word)
        elif word.kind is TokenKind.CLOSE:
            if not waiting or waiting[-1].text != OPENING[word.text]:
                stray = word
                break
            waiting.pop()
    if stray is None and not waiting:
        return None
    word = stray or waiting[-1]
    what = "is never opened" if stray else "is never closed"
    return finding(
        source,
        Span(word.start, word.end),
        ErrorCode.UNBALANCED,
        f"The bracket {shown(word.text)} {what}. Add its partner or remove it.",
    )


_MAX_REPAIRED_WORDS: Final = 120
_MAX_FIXES: Final = 3


def _with_bracket_fixes(
    unbalanced: Finding, source: Source, span: Span, words: list[Token], spelling: Spelling
) -> Finding:
    """The finding with the edits of brackets that give a formula, those without free variables
    first, and of edits that give one formula a single one.
    """
    if len(words) > _MAX_REPAIRED_WORDS:
        return unbalanced
    offered: dict[Formula, tuple[bool, Fix]] = {}
    for message, edits in _bracket_edits(source, words):
        text = source.text[span.start : span.end]
        for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
            start, end = edit.span.start - span.start, edit.span.end - span.start
            text = text[:start] + edit.text + text[end:]
        repaired = tokens(text)
        part = Source(source.name, text)
        if _unbalanced(part, repaired):
            continue
        formula, _ = _Parser(part, repaired, spelling).read()
        if formula is not None and formula not in offered:
            offered[formula] = (bool(free_variables(formula)), Fix(message, edits))
    closed = [fix for is_open, fix in offered.values() if not is_open]
    fixes = closed or [fix for _, fix in offered.values()]
    return replace(unbalanced, fixes=tuple(fixes[:_MAX_FIXES]))


def _bracket_edits(source: Source, words: list[Token]) -> Iterator[tuple[str, tuple[Edit, ...]]]:
    """Edits that restore as many opening as closing brackets, one kind of bracket in the text."""
    opened = [word for word in words if word.kind is TokenKind.OPEN]
    closed = [word for word in words if word.kind is TokenKind.CLOSE]
    surplus = len(opened) - len(closed)
    end = words[-2].end

    def insert(at: int, text: str) -> Edit:
        return Edit(source.name, Span(at, at), text)

    def delete(word: Token) -> Edit:
        return Edit(source.name, Span(word.start, word.end), "")

    if surplus > 0:
        yield f"Close {_brackets(surplus)} at the end.", (insert(end, ")" * surplus),)
    if surplus < 0:
        yield (
            f"Remove {_brackets(-surplus)} at the end.",
            tuple(delete(word) for word in closed[surplus:]),
        )
        start = words[0].start
        yield f"Open {_brackets(-surplus)} at the beginning.", (insert(start, "(" * -surplus),)
    if surplus == 1:
        yield from (("Remove a bracket.", (delete(word),)) for word in reversed(opened))
        yield from (("Close a bracket.", (insert(word.end, ")"),)) for word in reversed(words[:-2]))
    if surplus == -1:
        yield from (("Remove a bracket.", (delete(word),)) for word in reversed(closed))
        yield from (("Open a bracket.", (insert(word.start, "("),)) for word in words[1:-1])
    if surplus == 0:
        for word in closed:
            yield (
                "Move a bracket to the end.",
                (delete(word), insert(end, word.text)),
            )


def _brackets(count: int) -> str:
    return "a bracket" if count == 1 else f"{count} brackets"


@dataclass(slots=True)
class _Parser:
    source: Source
    words: list[Token]
    spelling: Spelling
    at: int = 0
    nesting: int = 0
    bound: dict[str, list[Variable]] = field(default_factory=dict)
    errors: list[Finding] = field(default_factory=list)
    lints: list[Finding] = field(default_factory=list)
    looked_ahead: int = 0

    def read(self) -> tuple[Formula | None, list[Finding]]:
        formula: Formula | None = None
        try:
            formula = self.formula(0)
            while self.word.kind is not TokenKind.END:
                if self.word.kind is TokenKind.DOT and self.words[self.at + 1].kind is (
                    TokenKind.END
                ):
                    self.at += 1
                    continue
                raise self.refuse_follower()
        except _Stop:
            pass
        if formula and len(self.words) > DEPTH_LIMIT and depth(formula) > DEPTH_LIMIT:
            self.note_too_deep(self.words[0])
        if self.errors:
            return None, self.errors + self.lints
        return formula, self.lints

    # Findings

    @property
    def word(self) -> Token:
        return self.words[self.at]

    def note(
        self,
        code: ErrorCode | LintCode,
        span: Span,
        message: str,
        *,
        expected: Iterable[str] = (),
        fixes: Iterable[Fix] = (),
    ) -> None:
        into = self.errors if isinstance(code, ErrorCode) else self.lints
        if len(into) < MAX_ERRORS:
            into.append(finding(self.source, span, code, message, expected=expected, fixes=fixes))

    def is_over(self) -> bool:
        """Whether nothing more of the formula is read: errors enough, or the text is too much."""
        return len(self.errors) == MAX_ERRORS or any(
            error.code in (ErrorCode.TOO_DEEP, ErrorCode.TOO_LARGE) for error in self.errors
        )

    def note_too_deep(self, word: Token) -> None:
        self.note(
            ErrorCode.TOO_DEEP,
            Span(word.start, word.end),
            f"The formula is nested more than {DEPTH_LIMIT} deep. Split it, or name its parts.",
        )

    def stop(
        self,
        code: ErrorCode,
        word: Token,
        message: str,
        *,
        expected: Iterable[str] = (),
        fixes: Iterable[Fix] = (),
    ) -> _Stop:
        """Notes an error that ends the group; the caller raises what is returned."""
        self.note(code, Span(word.start, word.end), message, expected=expected, fixes=fixes)
        return _Stop()

    def edit(self, message: str, start: int, end: int, text: str) -> Fix:
        return Fix(message, (Edit(self.source.name, Span(start, end), text),))

    def deeper(self) -> None:
        self.nesting += 1
        if self.nesting > DEPTH_LIMIT:
            self.note_too_deep(self.word)
            raise _Stop

    # Formulas

    def formula(self, tightness: int) -> Formula:
        """A formula whose connectives all bind tighter than `tightness`."""
        left = self.unary()
        while (level := _TIGHTNESS.get(self.word.kind, 0)) > tightness:
            self.deeper()
            match self.word.kind:
                case TokenKind.AND | TokenKind.OR:
                    left = self.run(left, level)
                case TokenKind.IMPLIES | TokenKind.IMPLIED:
                    left = self.implication(left, level)
                case _:
                    sign = self.word
                    self.at += 1
                    right = self.formula(level)
                    span = _over(left, right)
                    if sign.kind is TokenKind.XOR:
                        self.lint_mixed(left, right, sign)
                        left = ExclusiveOr(left, right, span=span)
                    else:
                        left = Equivalence(left, right, span=span)
            self.nesting -= 1
        return left

    def run(self, left: Formula, level: int) -> Formula:
        """`a ∧ b ∧ c`, as one conjunction, and the same of ∨."""
        kind = self.word.kind
        parts = [left]
        while self.word.kind is kind:
            if self.word.text == "^":
                self.lint_caret(self.word)
            self.at += 1
            parts.append(self.formula(level))
        span = _over(parts[0], parts[-1])
        if kind is TokenKind.AND:
            return Conjunction(tuple(parts), span=span)
        return Disjunction(tuple(parts), span=span)

    def implication(self, left: Formula, level: int) -> Formula:
        parts = [left]
        signs = []
        while self.word.kind in (TokenKind.IMPLIES, TokenKind.IMPLIED):
            signs.append(self.word)
            self.at += 1
            parts.append(self.formula(level))
        if len(signs) > 1:
            self.lint_chain(parts, signs)
        if len(signs) > DEPTH_LIMIT:
            self.note_too_deep(signs[-1])
            raise _Stop
        if self.spelling.left_implication:
            whole = parts[0]
            for sign, part in zip(signs, parts[1:], strict=True):
                whole = _implication(whole, sign, part)
            return whole
        whole = parts[-1]
        for sign, part in zip(reversed(signs), reversed(parts[:-1]), strict=True):
            whole = _implication(part, sign, whole)
        return whole

    def unary(self) -> Formula:
        """A formula under any number of negations and quantifiers."""
        formula: Formula
        prefixes: list[Token | tuple[Token, list[Variable]]] = []
        height = self.nesting
        while True:
            word = self.word
            if word.kind is TokenKind.NOT:
                self.at += 1
                prefixes.append(word)
            elif word.kind in _QUANTIFIERS:
                self.at += 1
                prefixes.append((word, self.quantified(word)))
            elif word.kind is TokenKind.OPEN and self.is_bracketed_quantifier():
                self.at += 2
                prefixes.append((self.words[self.at - 1], self.quantified(word)))
                self.at += 1  # the closing bracket
                self.skip(TokenKind.DOT, TokenKind.COLON)
            else:
                break
            self.deeper()
        word = self.word
        match word.kind:
            case TokenKind.OPEN:
                formula = self.bracketed()
            case TokenKind.NAME:
                formula = self.from_named(self.named(0))
            case TokenKind.TRUE | TokenKind.FALSE:
                self.at += 1
                made = Truth if word.kind is TokenKind.TRUE else Falsehood
                formula = made(span=Span(word.start, word.end))
            case _:
                raise self.stop(
                    ErrorCode.UNEXPECTED,
                    word,
                    f"A formula is expected here, not {_named(word)}.",
                    expected=["a name", "(", "¬", "∀", "∃"],
                )
        self.nesting = height
        for prefix in reversed(prefixes):
            formula = self.prefixed(prefix, formula)
        return formula

    def prefixed(self, prefix: Token | tuple[Token, list[Variable]], formula: Formula) -> Formula:
        end = formula.span.end if formula.span else self.word.start
        if isinstance(prefix, Token):
            return Negation(formula, span=Span(prefix.start, end))
        word, variables = prefix
        for variable in variables:
            self.bound[variable.name].pop()
        self.lint_scope(word, variables, formula)
        made = Universal if word.kind is TokenKind.FORALL else Existential
        return made(tuple(variables), formula, span=Span(word.start, end))

    def is_bracketed_quantifier(self) -> bool:
        """`(∃x)` and `(all x y)` before a formula."""
        at = self.at + 1
        if self.words[at].kind not in _QUANTIFIERS:
            return False
        at += 1
        while self.words[at].kind in (TokenKind.NAME, TokenKind.COMMA):
            at += 1
        return self.words[at].kind is TokenKind.CLOSE

    def quantified(self, quantifier: Token) -> list[Variable]:
        """The variables after a quantifier, bound from here on."""
        variables: list[Variable] = []
        while self.word.kind is TokenKind.NAME and self.word.text == self.word.name:
            before = self.words[self.at - 1].kind
            if variables and before is not TokenKind.COMMA and self.starts_body():
                break
            word = self.word
            self.check_name(word)
            if len(variables) == MAX_ARITY:
                raise self.stop(
                    ErrorCode.TOO_LARGE, word, f"A quantifier has at most {MAX_ARITY} variables."
                )
            variables.append(Variable(word.name, span=Span(word.start, word.end)))
            self.at += 1
            self.skip(TokenKind.COMMA)
        if not variables:
            raise self.stop(
                ErrorCode.UNEXPECTED,
                self.word,
                f"After {shown(quantifier.text)} the name of a variable is expected, not "
                f"{_named(self.word)}.",
                expected=["a variable"],
            )
        for variable in variables:
            scopes = self.bound.setdefault(variable.name, [])
            if scopes and variable.span:
                self.note(
                    LintCode.SHADOWED,
                    variable.span,
                    f"The variable {shown(variable.name)} is bound again within its own scope. "
                    "Give one of the two another name.",
                )
            scopes.append(variable)
        self.skip(TokenKind.DOT, TokenKind.COLON)
        return variables

    def skip(self, *kinds: TokenKind) -> None:
        if self.word.kind in kinds:
            self.at += 1

    def starts_body(self) -> bool:
        """Whether the name after a quantifier's variables begins the formula: `all x P(x)`."""
        follower = self.words[self.at + 1]
        if follower.kind is TokenKind.OPEN:
            # `all x y (P(x))`: a letter with a bracket after a space is one more variable.
            is_apart = follower.start > self.word.end
            return not (is_apart and _LETTER.fullmatch(self.word.text))
        if follower.kind is TokenKind.DOT:
            return self.words[self.at + 2].kind is TokenKind.END
        return follower.kind in (*_RELATIONS, *_TIGHTNESS, TokenKind.END, TokenKind.CLOSE)

    def bracketed(self) -> Formula:
        """A formula in brackets, or a term in brackets that is compared with another."""
        opening = self.word
        if self.is_bracketed_term():
            return self.from_named(self.bracketed_term())
        self.deeper()
        self.at += 1
        height = self.nesting
        try:
            formula = self.formula(0)
            if self.word.kind is not TokenKind.CLOSE:
                raise self.refuse_follower()
        except _Stop:
            if self.is_over():
                raise
            # The error is told; what follows the bracket may hold others.
            self.nesting = height
            self.leave_group(opening)
            formula = Truth()
        closing = self.word
        if closing.kind is not TokenKind.CLOSE:
            raise _Stop
        self.at += 1
        self.nesting -= 1
        return replace(formula, span=Span(opening.start, closing.end))

    def leave_group(self, opening: Token) -> None:
        """Goes to the bracket that closes a group; brackets are known to match."""
        level = 0
        for at, word in enumerate(self.words):
            if word.start >= opening.start:
                level += (word.kind is TokenKind.OPEN) - (word.kind is TokenKind.CLOSE)
                if at >= self.at and level <= 0:
                    self.at = at
                    return
        self.at = len(self.words) - 1

    def is_bracketed_term(self) -> bool:
        """Whether a bracket holds a lone term: `(a)` and `(f(x))`, in `(a) = (f(x))`."""
        end = self.end_of_term()
        return end is not None and self.words[end].kind in _RELATIONS

    def end_of_term(self) -> int | None:
        """The word after a bracket that holds names, brackets and commas only."""
        at = self.at + 1
        if self.words[at].kind is not TokenKind.NAME:
            return None
        level = 1
        while level:
            kind = self.words[at].kind
            if kind not in (TokenKind.NAME, TokenKind.COMMA, TokenKind.OPEN, TokenKind.CLOSE):
                return None
            level += (kind is TokenKind.OPEN) - (kind is TokenKind.CLOSE)
            at += 1
        return at

    def bracketed_term(self) -> _Named:
        self.at += 1
        named = self.named(0)
        if self.word.kind is not TokenKind.CLOSE:
            raise self.refuse_follower()
        self.at += 1
        return named

    def refuse_follower(self) -> _Stop:
        """Stops at a word that cannot follow a formula."""
        word, before = self.word, self.words[self.at - 1]
        starts = (TokenKind.NAME, TokenKind.OPEN, TokenKind.NOT, *_QUANTIFIERS)
        if word.kind is TokenKind.NAME and before.kind is TokenKind.NAME:
            raise self.stop_at_spaced_name(before, word)
        if word.kind in starts or word.kind in (TokenKind.TRUE, TokenKind.FALSE):
            raise self.stop(
                ErrorCode.MISSING_OPERATOR,
                word,
                f"Two formulas stand side by side before {_named(word)}. Put a connective "
                "between them.",
                expected=_CONNECTIVES,
            )
        expected = [*_CONNECTIVES, ")"] if word.kind is not TokenKind.END else [")"]
        raise self.stop(
            ErrorCode.UNEXPECTED,
            word,
            f"A formula ends before {_named(word)}; a connective or the end is expected.",
            expected=expected,
        )

    def stop_at_spaced_name(self, first: Token, second: Token, *others: Fix) -> _Stop:
        word = first.text.lower()
        if word in _QUANTITIES:
            sign = _QUANTITIES[word]
            fixes = [self.edit(f"Write {sign}.", first.start, first.end, sign)] if sign else []
            raise self.stop(
                ErrorCode.UNKNOWN_QUANTIFIER,
                first,
                f"There is no quantifier {shown(first.text)}. Say it with ∀, ∃ and ¬.",
                expected=["∀", "∃"],
                fixes=fixes,
            )
        last = self.at
        while self.words[last + 1].kind is TokenKind.NAME:
            last += 1
        words = [first, *self.words[self.at : last + 1]]
        end = words[-1].end
        joined = [
            self.edit(f"Write {shown(name)}.", first.start, end, name)
            for name in (
                "".join(word.text[:1].upper() + word.text[1:] for word in words),
                "_".join(word.text for word in words),
            )
        ]
        raise self.stop(
            ErrorCode.SPACE_IN_NAME,
            Token(TokenKind.NAME, "", first.start, second.end),
            f"Names side by side: {shown(self.source.text[first.start : end])}. A name is one "
            "word, and between formulas there is a connective.",
            expected=_CONNECTIVES,
            fixes=[*others, *joined] if self.bound.get(first.name) else [*joined, *others],
        )

    # Atoms and terms

    def named(self, level: int) -> _Named:
        """A name, with its arguments if it has some."""
        word = self.word
        self.check_name(word)
        self.at += 1
        if self.word.kind is not TokenKind.OPEN or self.word.text != "(":
            return _Named(word, (), False, Span(word.start, word.end))
        if word.text == word.name and self.bound.get(word.name):
            raise self.stop(
                ErrorCode.SECOND_ORDER,
                word,
                f"The variable {shown(word.name)} stands for a thing and takes no arguments. "
                "Use another name for the predicate or the function.",
            )
        arguments = self.arguments(word, level)
        return _Named(word, arguments, True, Span(word.start, self.words[self.at - 1].end))

    def arguments(self, owner: Token, level: int) -> tuple[Term, ...]:
        opening = self.word
        self.at += 1
        found: list[Term] = []
        try:
            while self.word.kind is not TokenKind.CLOSE or found:  # `P()` is `P`
                found.append(self.argument(owner, level + 1))
                if len(found) > MAX_ARITY:
                    raise self.stop(
                        ErrorCode.TOO_LARGE,
                        self.word,
                        f"{shown(owner.text)} has more than {MAX_ARITY} arguments.",
                    )
                if self.word.kind is TokenKind.CLOSE:
                    break
                self.at += 1
        except _Stop:
            if self.is_over():
                raise
            # The error is told; what follows the bracket may hold others.
            self.leave_group(opening)
        self.at += 1
        return tuple(found)

    def argument(self, owner: Token, level: int) -> Term:
        """A term, and then a comma or the closing bracket."""
        if self.nesting + level > DEPTH_LIMIT:
            self.note_too_deep(self.word)
            raise _Stop
        word = self.word
        if word.kind in (
            TokenKind.NOT,
            TokenKind.OPEN,
            TokenKind.TRUE,
            TokenKind.FALSE,
            *_QUANTIFIERS,
        ):
            raise self.stop_at_formula(owner, word)
        if word.kind is not TokenKind.NAME:
            before = self.words[self.at - 1]
            raise self.stop(
                ErrorCode.UNEXPECTED,
                word,
                f"An argument of {shown(owner.text)} is expected here, not {_named(word)}.",
                expected=["a name"],
                fixes=[self.edit("Remove the comma.", before.start, before.end, "")]
                if before.kind is TokenKind.COMMA
                else [],
            )
        term = self.term(self.named(level))
        follower = self.word
        if follower.kind in (TokenKind.COMMA, TokenKind.CLOSE):
            return term
        if follower.kind is TokenKind.NAME and self.words[self.at - 1].kind is TokenKind.NAME:
            before = self.words[self.at - 1]
            comma = self.edit("Put a comma.", before.end, before.end, ",")
            raise self.stop_at_spaced_name(before, follower, comma)
        if follower.kind in _TIGHTNESS or follower.kind in _RELATIONS:
            raise self.stop_at_formula(owner, follower)
        if follower.text in ("*", "/", "+"):
            raise self.stop_at_arithmetic(follower)
        raise self.stop(
            ErrorCode.UNEXPECTED,
            follower,
            f"In the arguments of {shown(owner.text)} a comma or `)` is expected, not "
            f"{_named(follower)}.",
            expected=[",", ")"],
        )

    def stop_at_formula(self, owner: Token, word: Token) -> _Stop:
        raise self.stop(
            ErrorCode.FORMULA_AS_TERM,
            word,
            f"The arguments of {shown(owner.text)} are names of things, and {_named(word)} makes "
            "a formula. Say it in a formula of its own.",
            expected=["a name"],
        )

    def stop_at_arithmetic(self, word: Token) -> _Stop:
        raise self.stop(
            ErrorCode.ARITHMETIC,
            word,
            f"{_named(word)} is arithmetic, which this logic has not. Use a function symbol, or "
            "SMT-LIB.",
        )

    def check_name(self, word: Token) -> None:
        if len(word.text) > MAX_NAME:
            raise self.stop(
                ErrorCode.TOO_LARGE, word, f"The name is longer than {MAX_NAME} characters."
            )
        if any(self.bound.get(part) for part in _parts(word.text)):
            raise self.stop_at_arithmetic(word)

    def term(self, named: _Named) -> Term:
        name, span = named.token.name, named.span
        if named.applied:
            return Application(function(name, len(named.arguments)), named.arguments, span=span)
        is_quoted = named.token.text != name
        if not is_quoted and (self.bound.get(name) or self.spelling.is_variable(name)):
            return Variable(name, span=span)
        return Application(function(name), (), span=span)

    def from_named(self, named: _Named) -> Formula:
        """An atom, or the equality or comparison that the name begins."""
        if self.word.kind in _RELATIONS:
            return self.relation(named)
        term = self.term(named)
        if isinstance(term, Variable) and not named.applied:
            self.note(
                ErrorCode.TERM_AS_FORMULA,
                named.span,
                f"The variable {shown(term.name)} names a thing; a formula says something "
                "about it. Write a predicate with it, such as "
                f"{shown('P(' + term.name + ')')}.",
            )
        name, arguments = named.token.name, named.arguments
        return Atom(predicate(name, len(arguments)), arguments, span=named.span)

    def relation(self, named: _Named) -> Formula:
        sign = self.word
        left = self.term(named)
        self.at += 1
        if self.word.kind is TokenKind.OPEN and self.end_of_term() is not None:
            right_named = self.bracketed_term()
        elif self.word.kind is TokenKind.NAME:
            right_named = self.named(0)
        else:
            raise self.stop(
                ErrorCode.EQUALITY_OF_FORMULAS
                if self.word.kind in (TokenKind.OPEN, TokenKind.NOT, *_QUANTIFIERS)
                else ErrorCode.UNEXPECTED,
                self.word,
                f"After {shown(sign.text)} the name of a thing is expected, not "
                f"{_named(self.word)}. Between formulas write ↔.",
                expected=["a name"],
                fixes=[self.edit("Write ↔.", sign.start, sign.end, "↔")],
            )
        right = self.term(right_named)
        span = Span(named.span.start, right_named.span.end)
        if self.word.kind in _RELATIONS:
            raise self.stop(
                ErrorCode.UNEXPECTED,
                self.word,
                "Relations are not chained. Connect two of them with ∧.",
                expected=_CONNECTIVES,
            )
        if sign.kind is TokenKind.COMPARE:
            self.note(
                LintCode.COMPARISON,
                Span(sign.start, sign.end),
                f"{shown(sign.text)} is a predicate like any other here: that it orders things, "
                "and numbers as usual, is not assumed. Add the laws that you need as premises.",
            )
            return Atom(
                predicate(_COMPARISONS.get(sign.text, sign.text), 2), (left, right), span=span
            )
        equality = Equality(left, right, span=span)
        return equality if sign.kind is TokenKind.EQUAL else Negation(equality, span=span)

    # Lints

    def lint_caret(self, word: Token) -> None:
        self.note(
            LintCode.CARET,
            Span(word.start, word.end),
            "`^` is read as ∧, as NLTK does. Others mean ⊕ by it: write the one that is meant.",
            fixes=[self.edit(f"Write {sign}.", word.start, word.end, sign) for sign in ("∧", "⊕")],
        )

    def lint_chain(self, parts: list[Formula], signs: list[Token]) -> None:
        first, second = signs[0], signs[1]
        left = self.spelling.left_implication
        whole = Span(_start(parts[0]), _end(parts[2]))
        bracketed = (
            [(whole.start, "("), (_end(parts[1]), ")")],
            [(_start(parts[1]), "("), (whole.end, ")")],
        )
        self.note(
            LintCode.CHAINED_IMPLICATION,
            Span(first.start, second.end),
            f"`a → b → c` is read as {'`(a → b) → c`' if left else '`a → (b → c)`'} here, and "
            "differently in other dialects. Put brackets.",
            fixes=[
                Fix(
                    message,
                    tuple(Edit(self.source.name, Span(at, at), text) for at, text in edits),
                )
                for message, edits in zip(
                    ("Bracket the left two.", "Bracket the right two."), bracketed, strict=True
                )
            ],
        )

    def lint_mixed(self, left: Formula, right: Formula, sign: Token) -> None:
        text = self.source.text
        for side in (left, right):
            if isinstance(side, Conjunction | Disjunction) and side.span:
                if _is_bracketed(text, side.span):
                    continue
                self.note(
                    LintCode.MIXED_OPERATORS,
                    Span(sign.start, sign.end),
                    "∧ and ∨ are read as binding tighter than ⊕. Put brackets.",
                )
                return

    def lint_scope(self, word: Token, variables: list[Variable], body: Formula) -> None:
        """Told at the quantifier, when its variable occurs again right after its scope."""
        if _TIGHTNESS.get(self.word.kind, 0) == 0 or any(
            self.bound.get(variable.name) for variable in variables
        ):
            return
        level = 0
        names = {variable.name for variable in variables}
        end = None
        if self.looked_ahead > WORD_LIMIT:
            return
        at = self.at
        while level >= 0 and self.words[at].kind is not TokenKind.END:
            kind = self.words[at].kind
            level += (kind is TokenKind.OPEN) - (kind is TokenKind.CLOSE)
            if kind in _QUANTIFIERS and self.words[at + 1].name in names:
                return
            if level >= 0:
                end = self.words[at].end
                if self.words[at].name in names:
                    names.discard(self.words[at].name)
                    break
            at += 1
            self.looked_ahead += 1
        else:
            return
        while level >= 0 and self.words[at].kind is not TokenKind.END:
            end = self.words[at].end
            at += 1
            level += (self.words[at].kind is TokenKind.OPEN) - (
                self.words[at].kind is TokenKind.CLOSE
            )
        assert end is not None
        start = _start(body)
        self.note(
            LintCode.SCOPE,
            Span(word.start, _end(body)),
            f"The scope of {shown(self.source.text[word.start : start].strip())} ends at its first "
            "formula, and its variable occurs free after that. Bracket what it is about.",
            fixes=[
                Fix(
                    "Bracket all that follows.",
                    (
                        Edit(self.source.name, Span(start, start), "("),
                        Edit(self.source.name, Span(end, end), ")"),
                    ),
                )
            ],
        )


_LETTER: Final = re.compile(r"[a-z]\d*")
_COMPARISONS: Final = {"≤": "<=", "≥": ">="}
_ARITHMETIC: Final = re.compile(r"[-–+.]+")


def _parts(name: str) -> list[str]:
    """The parts of a name between signs of arithmetic; none of a name without such signs."""
    parts = _ARITHMETIC.split(name)
    return parts if len(parts) > 1 else []


def _implication(left: Formula, sign: Token, right: Formula) -> Formula:
    span = _over(left, right)
    if sign.kind is TokenKind.IMPLIED:
        return Implication(right, left, span=span)
    return Implication(left, right, span=span)


def _start(formula: Formula) -> int:
    return formula.span.start if formula.span else 0


def _end(formula: Formula) -> int:
    return formula.span.end if formula.span else 0


def _over(first: Formula, last: Formula) -> Span:
    return Span(_start(first), _end(last))


def _is_bracketed(text: str, span: Span) -> bool:
    """Whether the first and the last character of a place are one pair of brackets."""
    level = 0
    if text[span.start] not in "([{":
        return False
    for at in range(span.start, span.end):
        level += (text[at] in "([{") - (text[at] in ")]}")
        if level == 0:
            return at == span.end - 1
    return False


def _named(word: Token) -> str:
    return "the end" if word.kind is TokenKind.END else shown(word.text)
