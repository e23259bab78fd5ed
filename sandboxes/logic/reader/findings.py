"""What a reader has to say about a text: errors, which leave no formula, and lints, which do.

A finding names the text, the place and the way out. A fix is an edit of the caller's texts that
would make the finding go away; readers offer fixes and never apply one.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from sandboxes.logic.syntax import Span

__all__ = [
    "MAX_ERRORS",
    "Edit",
    "ErrorCode",
    "Finding",
    "Fix",
    "LintCode",
    "Role",
    "Source",
    "applied",
    "finding",
    "shown",
]

MAX_ERRORS = 20
"""Most errors told of one reading. More are not looked for."""

_SHOWN = 40


class Role(enum.StrEnum):
    """What the formulas of a text are for, where the text itself does not say so."""

    PREMISES = "premises"
    """All are premises, and a goal among them is an error."""
    GOAL = "goal"
    """There is one formula, the goal."""
    FORMALISATION = "formalisation"
    """Those marked as such are the goal; if none is, the last one is, as in LINC's outputs."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text of the caller.

    Attributes:
        name: Where the caller put it: "premises[2]", "conclusion", "source".
        text: All of it.
        role: What its formulas are for.
    """

    name: str
    text: str
    role: Role = Role.PREMISES


class ErrorCode(enum.StrEnum):
    """Why a text is no formula."""

    ARITHMETIC = "arithmetic"
    """An operation of arithmetic in a language that has none."""
    BAD_CHARACTER = "bad-character"
    """A character that no formula has: controls, unpaired surrogates, stray punctuation."""
    BAD_NAME = "bad-name"
    """A name that its dialect does not allow there."""
    CLASH = "clash"
    """A symbol used in two ways in a dialect that gives each name one use."""
    DUPLICATE = "duplicate"
    """A declaration or a name of a statement comes twice."""
    EMPTY = "empty"
    """There is no formula in the text."""
    EQUALITY_OF_FORMULAS = "equality-of-formulas"
    """An equality sign between formulas, which "if and only if" connects."""
    FORBIDDEN = "forbidden"
    """A command that reaches outside of the question: files, output, options."""
    FORMULA_AS_TERM = "formula-as-term"
    """A formula where only the name of a thing can stand."""
    GOAL = "goal"
    """No goal where one is needed, or several."""
    MISSING_OPERATOR = "missing-operator"
    """Two formulas side by side."""
    SECOND_ORDER = "second-order"
    """A quantified predicate or function."""
    SORT = "sort"
    """A term of one sort where another is declared."""
    SPACE_IN_NAME = "space-in-name"
    """A name in several words."""
    TERM_AS_FORMULA = "term-as-formula"
    """The name of a thing where something must be said about it."""
    TOO_DEEP = "too-deep"
    """More nesting than is read."""
    TOO_LARGE = "too-large"
    """More text, statements, arguments or nodes than are read."""
    UNBALANCED = "unbalanced"
    """A bracket without its partner."""
    UNDECLARED = "undeclared"
    """A symbol without a declaration in a dialect that declares all."""
    UNEXPECTED = "unexpected"
    """Something else was expected here."""
    UNKNOWN_QUANTIFIER = "unknown-quantifier"
    """A word such as "no" or "most" in the place of a quantifier."""
    UNSUPPORTED = "unsupported"
    """A part of the dialect beyond first-order logic with equality."""


class LintCode(enum.StrEnum):
    """What is odd about a text that has a meaning."""

    ARITY_CLASH = "arity-clash"
    """One name, several numbers of arguments."""
    CARET = "caret"
    """`^`, which is "and" in NLTK and "exclusive or" elsewhere."""
    CHAINED_IMPLICATION = "chained-implication"
    """`a -> b -> c`, which associates to the left in some dialects and to the right in others."""
    COMPARISON = "comparison"
    """`<` or its like: a predicate like any other here, without the laws of order."""
    CONFUSABLE = "confusable"
    """Names that look the same, or letters of several scripts in one name."""
    EXISTENTIAL_IMPLICATION = "existential-implication"
    """`∃x (P → Q)`, true as soon as anything is not P."""
    FREE_VARIABLE = "free-variable"
    """A variable that nothing binds; its universal closure is meant."""
    GOAL_SYMBOL = "goal-symbol"
    """A symbol of the goal that no premise speaks of."""
    INCONSISTENT_PREMISES = "inconsistent-premises"
    """The premises contradict each other, and everything follows."""
    MIXED_OPERATORS = "mixed-operators"
    """Exclusive or beside "and" or "or" without brackets."""
    NEAR_DUPLICATE = "near-duplicate"
    """Two names that are one but for case, plural or a letter."""
    NUMERAL = "numeral"
    """A number: a constant like any other here; two of them may be equal."""
    OVERLOADED = "overloaded"
    """One name for a predicate and for a function or a constant: two symbols here."""
    PROVER9_VARIABLE = "prover9-variable"
    """A name that begins with u to z, which Prover9 reads as a variable."""
    RESTATED_GOAL = "restated-goal"
    """A premise says what the goal says."""
    SCOPE = "scope"
    """A quantifier that ends before the last occurrence of its variable."""
    SHADOWED = "shadowed"
    """A variable that is bound again within its own scope."""
    UNDECLARED_PREDICATE = "undeclared-predicate"
    """A predicate that the text's own list of predicates does not have."""
    UNIVERSAL_CONJUNCTION = "universal-conjunction"
    """`∀x (P ∧ Q)`, which says that everything is P."""
    UNUSED_PREMISE = "unused-premise"
    """A premise that the answer does not rest on."""
    UNUSED_VARIABLE = "unused-variable"
    """A quantifier whose variable does not occur."""
    VACUOUS_GOAL = "vacuous-goal"
    """The goal holds or fails whatever the premises are."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace a part of a text.

    Attributes:
        source: Name of the text.
        span: What to replace; an empty span inserts.
        text: What to put there.
    """

    source: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A repair that the caller may want: what it does, and the edits, none overlapping."""

    message: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a place in a text.

    Attributes:
        code: What kind of thing.
        source: Name of the text.
        span: The place.
        line: Line of the place, from 1.
        column: Character in that line, from 1.
        message: A whole sentence or two, with the way out.
        expected: What could stand there instead, where that is a short list.
        fixes: Likely repairs, the likeliest first.
    """

    code: ErrorCode | LintCode
    source: str
    span: Span
    line: int
    column: int
    message: str
    expected: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the text could not be read because of it."""
        return isinstance(self.code, ErrorCode)


def finding(
    source: Source,
    span: Span,
    code: ErrorCode | LintCode,
    message: str,
    *,
    expected: Iterable[str] = (),
    fixes: Iterable[Fix] = (),
) -> Finding:
    """A finding with the line and the column worked out."""
    before = source.text[: span.start]
    line = before.count("\n") + 1
    column = span.start - (before.rfind("\n") + 1) + 1
    return Finding(code, source.name, span, line, column, message, tuple(expected), tuple(fixes))


def applied(fix: Fix, source: Source) -> Source:
    """The text with those edits of a fix that concern it."""
    text = source.text
    edits = [edit for edit in fix.edits if edit.source == source.name]
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return Source(source.name, text, source.role)


def shown(text: str) -> str:
    """A piece of a caller's text, fit for a message: short, in one line, printable, quoted."""
    cut = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    printable = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
    return f"`{printable}`"
