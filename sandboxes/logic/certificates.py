"""Certificates that closed formulas contradict each other, and their checker.

A certificate rests on three kinds of facts, each of which holds in every structure once the
witnesses are chosen:

- *Instances.* `∀x A` implies `A(t)`, and `A(t)` implies `∃x A`, for each ground term `t`.
- *Witnesses.* Each quantified formula without free variables has an element of its own, written
  as a term: if anything satisfies `∃x A` then `Witness(∃x A)` does, and if anything falsifies
  `∀x A` then `Witness(∀x A)` does. (L. Henkin, "The completeness of the first-order functional
  calculus", J. Symb. Logic 14 (1949): adding such witnesses contradicts nothing new.)
- *Lemmas.* Clauses over ground atoms that hold by equality alone: closing the equalities that a
  clause denies under reflexivity, symmetry, transitivity and congruence makes it true.

The rest is propositional. The checker gives each subformula with its ground terms a variable of
its own, relates it to the formulas directly under it, and checks a refutation by reverse unit
propagation (`sandboxes.logic.rup`). It reads the formulas themselves: there is no normal form
that it would have to trust, and it shares no code with what searches for refutations.

In a certificate a *node* is the position of a subformula in `syntax.subformulas` of its formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from sandboxes.logic.rup import WORK, refutation
from sandboxes.logic.syntax import (
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
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    operands,
    terms,
    variables,
)

__all__ = [
    "Certificate",
    "Element",
    "GroundAtom",
    "GroundEquality",
    "GroundTerm",
    "Instance",
    "Proposition",
    "Refused",
    "Subformula",
    "Witness",
    "check",
]


@dataclass(frozen=True, slots=True)
class Witness:
    """The element that stands for a variable of a quantified formula.

    Its arguments are the values of the variables that are free in that formula, in the order of
    `syntax.free_variables`.

    Attributes:
        formula: Index of the formula.
        node: The quantified subformula in it.
        index: Which of its variables.
    """

    formula: int
    node: int
    index: int


@dataclass(frozen=True, slots=True)
class Element:
    """Some element of a sort: there is one, for no sort is empty. It has no arguments."""

    sort: str


@dataclass(frozen=True, slots=True)
class GroundTerm:
    """A term without variables; its arguments are earlier entries of the certificate's terms."""

    symbol: Symbol | Witness | Element
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """A quantified subformula, and terms for its variables.

    Attributes:
        formula: Index of the formula.
        node: The quantified subformula in it.
        free: Terms for the variables that are free in it.
        bound: Terms for the variables that it binds.
    """

    formula: int
    node: int
    free: tuple[int, ...]
    bound: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Subformula:
    """A subformula, with terms for the variables that are free in it."""

    formula: int
    node: int
    free: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GroundAtom:
    """A predicate of terms."""

    symbol: Symbol
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GroundEquality:
    """An equality of two terms."""

    left: int
    right: int


Proposition: TypeAlias = Subformula | GroundAtom | GroundEquality


@dataclass(frozen=True, slots=True)
class Certificate:
    """Evidence that some formulas of a list contradict each other.

    Attributes:
        formulas: Indices of the formulas that it starts from.
        terms: All terms that it speaks of.
        instances: Instances of quantified subformulas.
        propositions: What the lemmas and steps speak of; in them 1 is the first proposition, -1
            its negation.
        lemmas: Clauses that hold by equality alone.
        steps: Clauses that follow, each from what stands before it, by unit propagation; after
            the last, unit propagation meets a contradiction.
    """

    formulas: tuple[int, ...]
    terms: tuple[GroundTerm, ...] = ()
    instances: tuple[Instance, ...] = ()
    propositions: tuple[Proposition, ...] = ()
    lemmas: tuple[tuple[int, ...], ...] = ()
    steps: tuple[tuple[int, ...], ...] = ()


class Refused(ValueError):
    """A certificate does not show what it should; the message says where it fails."""


def check(certificate: Certificate, formulas: Sequence[Formula], *, work: int = WORK) -> None:
    """Checks that a certificate shows a contradiction among formulas.

    Args:
        certificate: What to check. It may come from anywhere.
        formulas: Closed formulas; the certificate starts from those that it names.
        work: How much unit propagation to do, as in `rup.refutation`.

    Raises:
        Refused: It does not, or it is malformed, or a formula that it starts from is not closed.
        TooMuchWork: That was not enough to tell.
    """
    try:
        _Check(certificate, formulas).run(work)
    except (IndexError, KeyError, TypeError) as error:
        raise Refused(f"The certificate is malformed: {error!r}.") from error


@dataclass(slots=True)
class _Node:
    """A subformula, and how the values of its free variables reach the formulas under it."""

    formula: Formula
    free: tuple[Variable, ...]
    children: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    """Nodes under it, each with the places of its values among those of this node. A quantified
    formula's own variables come after the free ones."""


_Item = TypeVar("_Item")
_Key: TypeAlias = tuple[object, ...]


class _Check:
    def __init__(self, certificate: Certificate, formulas: Sequence[Formula]) -> None:
        self._certificate = certificate
        self._formulas = formulas
        self._nodes: dict[int, list[_Node]] = {}
        self._term_numbers: dict[_Key, int] = {}
        self._sorts: list[str] = []
        self._parts: list[tuple[object, tuple[int, ...]]] = []
        self._variables: dict[_Key, int] = {}
        self._clauses: list[tuple[int, ...]] = []
        self._true = self._variable(("true",))
        self._clauses.append((self._true,))

    def run(self, work: int) -> None:
        certificate = self._certificate
        self._terms = self._read_terms()
        for index in certificate.formulas:
            if self._node(index, 0).free:
                raise Refused(f"Formula {index} is not closed.")
            self._clauses.append((self._literal(index, 0, ()),))
        for instance in certificate.instances:
            self._add_instance(instance)
        propositions = [self._proposition(part) for part in certificate.propositions]
        for lemma in certificate.lemmas:
            self._check_lemma(lemma)
            self._clauses.append(self._signed(lemma, propositions))
        steps = [self._signed(step, propositions) for step in certificate.steps]
        if refutation(self._clauses, steps, work=work) is None:
            raise Refused("The steps do not lead to a contradiction.")

    # Terms

    def _read_terms(self) -> list[int]:
        numbers: list[int] = []
        for term in self._certificate.terms:
            numbers.append(
                self._term(term.symbol, tuple([_at(numbers, i) for i in term.arguments]))
            )
        return numbers

    def _term(self, symbol: Symbol | Witness | Element, arguments: tuple[int, ...]) -> int:
        key = (symbol, arguments)
        number = self._term_numbers.get(key)
        if number is None:
            sorts, sort = self._signature(symbol)
            if tuple([self._sorts[argument] for argument in arguments]) != sorts:
                raise Refused(f"A term of {symbol} has the wrong arguments.")
            number = self._term_numbers[key] = len(self._parts)
            self._parts.append(key)
            self._sorts.append(sort)
        return number

    def _signature(self, symbol: Symbol | Witness | Element) -> tuple[tuple[str, ...], str]:
        match symbol:
            case Symbol(Kind.FUNCTION, _, sorts, sort):
                return sorts, sort
            case Element(sort):
                return (), sort
            case Witness(formula, number, index):
                node = self._node(formula, number)
                bound = _at(_bound(node.formula), index)
                return tuple([variable.sort for variable in node.free]), bound.sort
        raise Refused(f"A term cannot have {symbol} as its symbol.")

    def _evaluated(self, term: Term, values: Mapping[Variable, int]) -> int:
        if isinstance(term, Variable):
            return values[term]
        return self._term(
            term.symbol, tuple([self._evaluated(argument, values) for argument in term.arguments])
        )

    # Formulas

    def _node(self, formula: int, number: int) -> _Node:
        if formula not in self._nodes:
            nodes: list[_Node] = []
            _collect(_at(self._formulas, formula), nodes)
            self._nodes[formula] = nodes
        return _at(self._nodes[formula], number)

    def _variable(self, key: _Key) -> int:
        return self._variables.setdefault(key, len(self._variables) + 1)

    def _literal(self, index: int, number: int, values: tuple[int, ...]) -> int:
        """The variable of a subformula, negated for a negation."""
        node = self._nodes[index][number]
        match node.formula:
            case Truth():
                return self._true
            case Falsehood():
                return -self._true
            case Negation():
                return -self._literal(index, number + 1, values)
            case Atom(symbol, arguments):
                named = dict(zip(node.free, values, strict=True))
                return self._atom(symbol, [self._evaluated(part, named) for part in arguments])
            case Equality(left, right):
                named = dict(zip(node.free, values, strict=True))
                return self._equality(self._evaluated(left, named), self._evaluated(right, named))
        key = (index, number, values)
        known = self._variables.get(key)
        if known is not None:
            return known
        variable = self._variable(key)
        if not isinstance(node.formula, Universal | Existential):
            parts = [
                self._literal(index, child, tuple([values[place] for place in places]))
                for child, places in node.children
            ]
            self._clauses.extend(_definition(node.formula, variable, parts))
        return variable

    def _atom(self, symbol: Symbol, arguments: Sequence[int]) -> int:
        sorts = tuple([self._sorts[argument] for argument in arguments])
        if symbol.kind is not Kind.PREDICATE or sorts != symbol.argument_sorts:
            raise Refused(f"An atom of {symbol.name!r} has the wrong arguments.")
        return self._variable((symbol, *arguments))

    def _equality(self, left: int, right: int) -> int:
        if self._sorts[left] != self._sorts[right]:
            raise Refused("An equality relates terms of two sorts.")
        if left == right:
            return self._true
        return self._variable(("=", min(left, right), max(left, right)))

    def _add_instance(self, instance: Instance) -> None:
        node = self._node(instance.formula, instance.node)
        bound = _bound(node.formula)
        free_terms = self._values(instance.free, node.free)
        bound_terms = self._values(instance.bound, bound)
        quantified = self._literal(instance.formula, instance.node, free_terms)
        values = free_terms + bound_terms
        child, places = node.children[0]
        body = self._literal(instance.formula, child, tuple([values[place] for place in places]))
        if isinstance(node.formula, Existential):
            quantified, body = -quantified, -body
        self._clauses.append((-quantified, body))
        witnesses = [
            self._term(Witness(instance.formula, instance.node, index), free_terms)
            for index in range(len(bound))
        ]
        if list(bound_terms) == witnesses:
            self._clauses.append((quantified, -body))

    def _values(self, numbers: tuple[int, ...], expected: tuple[Variable, ...]) -> tuple[int, ...]:
        values = tuple([_at(self._terms, number) for number in numbers])
        if [self._sorts[value] for value in values] != [part.sort for part in expected]:
            raise Refused("An instance has too many or too few terms, or one of a wrong sort.")
        return values

    # Propositions, lemmas and steps

    def _proposition(self, part: Proposition) -> int:
        match part:
            case Subformula(formula, number, free):
                values = self._values(free, self._node(formula, number).free)
                return self._literal(formula, number, values)
            case GroundAtom(symbol, arguments):
                return self._atom(symbol, [_at(self._terms, argument) for argument in arguments])
            case GroundEquality(left, right):
                return self._equality(_at(self._terms, left), _at(self._terms, right))

    def _signed(self, clause: tuple[int, ...], propositions: list[int]) -> tuple[int, ...]:
        return tuple(
            [_at(propositions, abs(number) - 1) * (1 if number > 0 else -1) for number in clause]
        )

    def _check_lemma(self, lemma: tuple[int, ...]) -> None:
        """Denies the lemma, and looks for two classes that it keeps apart and equality joins."""
        parts = [(n > 0, _at(self._certificate.propositions, abs(n) - 1)) for n in lemma]
        equal = _Classes(self._parts)
        for positive, part in parts:
            if isinstance(part, GroundEquality) and not positive:
                equal.merge(self._terms[part.left], self._terms[part.right])
        equal.close()
        held: set[_Key] = set()
        denied: set[_Key] = set()
        for positive, part in parts:
            match part:
                case GroundEquality(left, right):
                    if positive and equal.same(self._terms[left], self._terms[right]):
                        return
                case GroundAtom(symbol, arguments):
                    key = (symbol, *[equal.representative(self._terms[i]) for i in arguments])
                    (denied if positive else held).add(key)
        if not held & denied:
            raise Refused("A lemma does not hold by equality alone.")


class _Classes:
    """Terms in classes that equality and congruence join."""

    def __init__(self, parts: Sequence[tuple[object, tuple[int, ...]]]) -> None:
        self._parts = parts
        self._leaders = list(range(len(parts)))

    def representative(self, term: int) -> int:
        while self._leaders[term] != term:
            term = self._leaders[term]
        return term

    def same(self, left: int, right: int) -> bool:
        return self.representative(left) == self.representative(right)

    def merge(self, left: int, right: int) -> None:
        self._leaders[self.representative(left)] = self.representative(right)

    def close(self) -> None:
        changed = True
        while changed:
            changed = False
            known: dict[_Key, int] = {}
            for term, (symbol, arguments) in enumerate(self._parts):
                key = (symbol, *[self.representative(argument) for argument in arguments])
                other = known.setdefault(key, term)
                if not self.same(term, other):
                    self.merge(term, other)
                    changed = True


def _collect(formula: Formula, nodes: list[_Node]) -> tuple[Variable, ...]:
    """Appends the nodes of a formula in order, and returns its free variables."""
    node = _Node(formula, ())
    nodes.append(node)
    below: list[tuple[int, tuple[Variable, ...]]] = []
    for operand in operands(formula):
        number = len(nodes)
        below.append((number, _collect(operand, nodes)))
    bound = _bound(formula) if isinstance(formula, Universal | Existential) else ()
    found = [
        *(variable for term in terms(formula) for variable in variables(term)),
        *(variable for _, free in below for variable in free),
    ]
    node.free = tuple(dict.fromkeys(part for part in found if part not in bound))
    places = {variable: place for place, variable in enumerate(node.free + bound)}
    for number, free in below:
        node.children.append((number, tuple([places[variable] for variable in free])))
    return node.free


def _bound(formula: Formula) -> tuple[Variable, ...]:
    if isinstance(formula, Universal | Existential):
        return formula.variables
    raise Refused("A certificate takes a subformula for a quantified one that is none.")


def _definition(formula: Formula, name: int, parts: list[int]) -> Iterator[tuple[int, ...]]:
    """Clauses that make a variable equivalent to a connective of others."""
    match formula:
        case Conjunction():
            return _some(-name, [-part for part in parts])
        case Disjunction():
            return _some(name, parts)
        case Implication():
            return _some(name, [-parts[0], parts[1]])
        case Equivalence():
            return _same(name, *parts)
        case ExclusiveOr():
            return _same(-name, *parts)
    raise Refused("A certificate takes a quantified subformula for a connective.")


def _some(name: int, parts: list[int]) -> Iterator[tuple[int, ...]]:
    yield (-name, *parts)
    for part in parts:
        yield (name, -part)


def _same(name: int, left: int, right: int) -> Iterator[tuple[int, ...]]:
    yield from ((-name, -left, right), (-name, left, -right))
    yield from ((name, left, right), (name, -left, -right))


def _at(items: Sequence[_Item], index: int) -> _Item:
    """The item at an index from 0; negative ones do not count from the end."""
    if index < 0:
        raise IndexError(index)
    return items[index]
