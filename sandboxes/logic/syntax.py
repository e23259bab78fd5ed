"""Many-sorted first-order logic with equality: the one tree that all of `sandboxes.logic` speaks.

A formula is what it looks like. Equality and hash go by structure, and spans, which say where in
the caller's text a node stood, are no part of either. Variables are told apart by name and sort,
symbols by kind, name and sorts, so a predicate `P` of one argument, a predicate `P` of two, and a
constant `P` are three symbols.

A tree is never deeper than `DEPTH_LIMIT`: readers refuse deeper text, and so recursion over a tree
is safe everywhere. Whoever builds trees by other means keeps to it.

Formulas may have free variables. Texts that leave a variable free mean the universal closure,
which `closure` makes; a reader tells of it, and changes nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "DEPTH_LIMIT",
    "INDIVIDUAL",
    "Application",
    "Atom",
    "Conjunction",
    "Disjunction",
    "Equality",
    "Equivalence",
    "ExclusiveOr",
    "Existential",
    "Falsehood",
    "Formula",
    "Implication",
    "Kind",
    "Negation",
    "Problem",
    "Span",
    "Statement",
    "Symbol",
    "Term",
    "Truth",
    "Universal",
    "Variable",
    "closure",
    "conjunction",
    "depth",
    "disjunction",
    "free_variables",
    "function",
    "operands",
    "predicate",
    "rebuilt",
    "size",
    "subformulas",
    "substitute",
    "substitute_term",
    "subterms",
    "symbols",
    "terms",
    "variables",
]

DEPTH_LIMIT = 200
"""Most nodes on a path from the root of a formula to a leaf of one of its terms."""

INDIVIDUAL = "$i"
"""Sort of everything in a text without sorts. The name is TPTP's."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands in a text: characters `start` to `end`, the latter not included."""

    start: int
    end: int


class Kind(enum.StrEnum):
    """What a symbol stands for."""

    PREDICATE = "predicate"
    """A relation; of no arguments, a proposition."""
    FUNCTION = "function"
    """A function; of no arguments, a constant."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name with a meaning of its own in each interpretation.

    Attributes:
        kind: What it stands for.
        name: As the caller wrote it: any text, so never to be shown to a solver.
        argument_sorts: One for each argument.
        sort: Of the value; `INDIVIDUAL` and without meaning for a predicate.
    """

    kind: Kind
    name: str
    argument_sorts: tuple[str, ...] = ()
    sort: str = INDIVIDUAL

    @property
    def arity(self) -> int:
        """How many arguments it takes."""
        return len(self.argument_sorts)


def predicate(name: str, arity: int = 0) -> Symbol:
    """A predicate on individuals."""
    return Symbol(Kind.PREDICATE, name, (INDIVIDUAL,) * arity)


def function(name: str, arity: int = 0) -> Symbol:
    """A function on individuals; a constant unless an arity is given."""
    return Symbol(Kind.FUNCTION, name, (INDIVIDUAL,) * arity)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, which is a term. Free or bound is a matter of where it stands."""

    name: str
    sort: str = INDIVIDUAL
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Application:
    """A function symbol with its arguments; a constant has none."""

    symbol: Symbol
    arguments: tuple[Term, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


Term: TypeAlias = Variable | Application


@dataclass(frozen=True, slots=True)
class Truth:
    """What always holds."""

    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Falsehood:
    """What never holds."""

    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Atom:
    """A predicate symbol with its arguments."""

    symbol: Symbol
    arguments: tuple[Term, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Equality:
    """Two terms of one sort have one value."""

    left: Term
    right: Term
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Negation:
    """The operand does not hold."""

    operand: Formula
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Conjunction:
    """All operands hold; two or more of them."""

    operands: tuple[Formula, ...]
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Disjunction:
    """Some operand holds; two or more of them."""

    operands: tuple[Formula, ...]
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Implication:
    """If the left side holds, so does the right."""

    left: Formula
    right: Formula
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Both sides hold or neither."""

    left: Formula
    right: Formula
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ExclusiveOr:
    """One side holds and the other does not."""

    left: Formula
    right: Formula
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Universal:
    """The body holds for all values of the variables, of which there is at least one."""

    variables: tuple[Variable, ...]
    body: Formula
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Existential:
    """The body holds for some values of the variables, of which there is at least one."""

    variables: tuple[Variable, ...]
    body: Formula
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


Formula: TypeAlias = (
    Truth
    | Falsehood
    | Atom
    | Equality
    | Negation
    | Conjunction
    | Disjunction
    | Implication
    | Equivalence
    | ExclusiveOr
    | Universal
    | Existential
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A formula that stands in a text.

    Attributes:
        identifier: Unique within its problem: the caller's name where the dialect has names,
            else "p1", "p2", … for premises and "goal" for the goal.
        formula: As read; it may have free variables.
        text: What the formula was read from, without a gloss.
        gloss: The sentence in English that the caller put beside it, or "".
        source: Name of the text that it was read from: "premises[0]", "source".
        span: Where `text` stands in that text.
    """

    identifier: str
    formula: Formula
    text: str = ""
    gloss: str = ""
    source: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """Premises, and the formula that may follow from them.

    Attributes:
        premises: In the order of the text.
        goal: None where only the premises are asked about.
        closed_negation: Whether a goal with free variables is contradicted where the premises
            entail the negation of its closure. A prover that is handed the negation and closes
            that, as Prover9 under NLTK, asks for more: that they entail `∀x ¬goal(x)`.
    """

    premises: tuple[Statement, ...]
    goal: Statement | None = None
    closed_negation: bool = True

    def denial(self) -> Formula:
        """What cannot hold together with the premises where they entail the goal; closed.

        Raises:
            ValueError: There is no goal.
        """
        return Negation(closure(self._goal()))

    def affirmation(self) -> Formula:
        """What cannot hold together with the premises where they contradict the goal; closed.

        Raises:
            ValueError: There is no goal.
        """
        goal = self._goal()
        if self.closed_negation or not free_variables(goal):
            return closure(goal)
        return Negation(closure(Negation(goal)))

    def _goal(self) -> Formula:
        if self.goal is None:
            raise ValueError("A problem without a goal neither affirms nor denies one.")
        return self.goal.formula


def conjunction(formulas: Iterable[Formula]) -> Formula:
    """The conjunction of any number of formulas: none is the truth, and one is itself."""
    operands = tuple(formulas)
    if not operands:
        return Truth()
    return operands[0] if len(operands) == 1 else Conjunction(operands)


def disjunction(formulas: Iterable[Formula]) -> Formula:
    """The disjunction of any number of formulas: none is the falsehood, and one is itself."""
    operands = tuple(formulas)
    if not operands:
        return Falsehood()
    return operands[0] if len(operands) == 1 else Disjunction(operands)


def operands(formula: Formula) -> tuple[Formula, ...]:
    """The formulas directly under a formula, in order."""
    match formula:
        case Negation(operand):
            return (operand,)
        case Conjunction(parts) | Disjunction(parts):
            return parts
        case Implication(left, right) | Equivalence(left, right) | ExclusiveOr(left, right):
            return (left, right)
        case Universal(_, body) | Existential(_, body):
            return (body,)
        case _:
            return ()


def terms(formula: Formula) -> tuple[Term, ...]:
    """The terms directly under a formula, in order: only atoms and equalities have some."""
    match formula:
        case Atom(_, arguments):
            return arguments
        case Equality(left, right):
            return (left, right)
        case _:
            return ()


def subformulas(formula: Formula) -> Iterator[Formula]:
    """The formula and all formulas in it, each before those in it, left before right."""
    pending = [formula]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(operands(current)))


def subterms(term: Term) -> Iterator[Term]:
    """The term and all terms in it, each before those in it, left before right."""
    pending = [term]
    while pending:
        current = pending.pop()
        yield current
        if isinstance(current, Application):
            pending.extend(reversed(current.arguments))


def symbols(formula: Formula) -> tuple[Symbol, ...]:
    """The symbols of a formula, each once, in the order in which they first occur."""
    found: dict[Symbol, None] = {}
    for part in subformulas(formula):
        if isinstance(part, Atom):
            found.setdefault(part.symbol)
        for term in terms(part):
            for inner in subterms(term):
                if isinstance(inner, Application):
                    found.setdefault(inner.symbol)
    return tuple(found)


def variables(term: Term) -> tuple[Variable, ...]:
    """The variables of a term, each once, in the order in which they first occur."""
    return tuple(dict.fromkeys(part for part in subterms(term) if isinstance(part, Variable)))


def free_variables(formula: Formula) -> tuple[Variable, ...]:
    """The variables that occur free, each once, in the order in which they first occur so."""
    found: dict[Variable, None] = {}
    _collect_free(formula, frozenset(), found)
    return tuple(found)


def _collect_free(
    formula: Formula, bound: frozenset[Variable], found: dict[Variable, None]
) -> None:
    if isinstance(formula, Universal | Existential):
        bound = bound.union(formula.variables)
    for term in terms(formula):
        for variable in variables(term):
            if variable not in bound:
                found.setdefault(variable)
    for operand in operands(formula):
        _collect_free(operand, bound, found)


def closure(formula: Formula) -> Formula:
    """The universal closure: the formula itself where nothing is free in it."""
    free = free_variables(formula)
    return Universal(free, formula, span=formula.span) if free else formula


def substitute_term(term: Term, values: Mapping[Variable, Term]) -> Term:
    """The term with all of the variables replaced at once."""
    if isinstance(term, Variable):
        return values.get(term, term)
    if not term.arguments:
        return term
    arguments = tuple(substitute_term(argument, values) for argument in term.arguments)
    return Application(term.symbol, arguments, span=term.span)


def substitute(formula: Formula, values: Mapping[Variable, Term]) -> Formula:
    """The formula with all free occurrences of the variables replaced at once.

    A bound variable that would capture a variable of a value is renamed.
    """
    match formula:
        case Atom(symbol, arguments, span=span):
            replaced = tuple(substitute_term(argument, values) for argument in arguments)
            return Atom(symbol, replaced, span=span)
        case Equality(left, right, span=span):
            return Equality(
                substitute_term(left, values), substitute_term(right, values), span=span
            )
        case Universal(bound, body, span=span) | Existential(bound, body, span=span):
            free = free_variables(formula)
            values = {variable: values[variable] for variable in free if variable in values}
            if not values:
                return formula
            taken = {inner.name for value in values.values() for inner in variables(value)}
            taken_or_free = taken | {variable.name for variable in free}
            renamed = dict(_renamings(bound, taken, taken_or_free))
            quantified = tuple(renamed.get(variable, variable) for variable in bound)
            inner = substitute(body, {**values, **renamed})
            return type(formula)(quantified, inner, span=span)
        case _:
            return rebuilt(formula, [substitute(part, values) for part in operands(formula)])


def _renamings(
    bound: tuple[Variable, ...], taken: set[str], avoided: set[str]
) -> Iterator[tuple[Variable, Variable]]:
    avoided = avoided | {variable.name for variable in bound}
    for variable in dict.fromkeys(bound):
        if variable.name in taken:
            number = 1
            while (name := f"{variable.name}_{number}") in avoided:
                number += 1
            avoided.add(name)
            yield variable, Variable(name, variable.sort, span=variable.span)


def rebuilt(formula: Formula, parts: Iterable[Formula]) -> Formula:
    """The formula with other formulas directly under it, as many as `operands` gave."""
    match formula:
        case Negation(_, span=span):
            (operand,) = parts
            return Negation(operand, span=span)
        case Conjunction(_, span=span):
            return Conjunction(tuple(parts), span=span)
        case Disjunction(_, span=span):
            return Disjunction(tuple(parts), span=span)
        case Implication(span=span) | Equivalence(span=span) | ExclusiveOr(span=span):
            left, right = parts
            return type(formula)(left, right, span=span)
        case Universal(quantified, span=span) | Existential(quantified, span=span):
            (body,) = parts
            return type(formula)(quantified, body, span=span)
        case _:
            return formula


def depth(formula: Formula) -> int:
    """Nodes on the longest path from the root to a leaf, terms counted."""
    deepest = 0
    pending: list[tuple[Formula | Term, int]] = [(formula, 1)]
    while pending:
        node, level = pending.pop()
        deepest = max(deepest, level)
        below: Iterable[Formula | Term]
        if isinstance(node, Variable):
            below = ()
        elif isinstance(node, Application):
            below = node.arguments
        else:
            below = (*operands(node), *terms(node))
        pending.extend((child, level + 1) for child in below)
    return deepest


def size(formula: Formula) -> int:
    """Nodes in all, terms counted and quantified variables not."""
    return sum(
        1 + sum(sum(1 for _ in subterms(term)) for term in terms(part))
        for part in subformulas(formula)
    )
