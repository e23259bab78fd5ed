"""Skolemised clauses of closed formulas, in size linear in the formulas.

A subformula that would multiply clauses gets a predicate of its own, which stands for it
(D. Plaisted and S. Greenbaum, "A structure-preserving clause form translation", J. Symbolic
Computation 2 (1986)): under a disjunction in the one direction that is needed, under an
equivalence in both. Skolem functions depend on the variables that really occur, so that formulas
without `∀ … ∃` give clauses without functions.

Every clause, Skolem function and defined predicate remembers which subformulas it comes from, so
that a contradiction among instances of clauses can be told as one about the formulas themselves
(`sandboxes.logic.certificates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sandboxes.logic.syntax import (
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
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    disjunction,
    operands,
    substitute,
    terms,
    variables,
)

__all__ = [
    "Choice",
    "Clause",
    "Clauses",
    "Definition",
    "Literal",
    "Meaning",
    "QuantifierInstance",
    "Skolem",
    "clausify",
    "some_element",
]

DISTRIBUTED = 64
"""Most literals that a disjunction may repeat before a part of it gets a predicate of its own."""


@dataclass(frozen=True, slots=True)
class Skolem(Symbol):
    """A function that the service made. It is equal to no symbol of a caller's."""


@dataclass(frozen=True, slots=True)
class Definition(Symbol):
    """A predicate that the service made. It is equal to no symbol of a caller's."""


@dataclass(frozen=True, slots=True)
class Literal:
    """An atom or an equality, or its negation."""

    positive: bool
    atom: Atom | Equality


@dataclass(frozen=True, slots=True)
class QuantifierInstance:
    """A quantified subformula, by its node, and terms for its free and its bound variables."""

    node: int
    free: tuple[Term, ...]
    bound: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """A disjunction of literals, closed universally.

    Attributes:
        formula: Index of the formula that it comes from.
        literals: None in a clause that can't hold.
        instances: The instances of quantified subformulas through which it follows. They may
            have variables that the literals lack, which may take any value.
        defining: Whether it only says what a defined predicate stands for, and so holds whether
            or not the formula does.
    """

    formula: int
    literals: tuple[Literal, ...]
    instances: tuple[QuantifierInstance, ...]
    defining: bool

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables of the literals, in the order in which they first occur."""
        return tuple(dict.fromkeys(_variables_of(self.literals)))

    def as_formula(self) -> Formula:
        """The clause, closed."""
        parts = [
            literal.atom if literal.positive else Negation(literal.atom)
            for literal in self.literals
        ]
        body = disjunction(parts)
        return Universal(self.variables, body) if self.variables else body


@dataclass(frozen=True, slots=True)
class Choice:
    """What a Skolem function chooses: a value for a variable of a quantified subformula.

    Attributes:
        formula: Index of the formula.
        node: The quantified subformula.
        index: Which of the variables that it binds.
        parameters: The arguments of the Skolem function.
        free: The values of the variables free in the subformula, in terms of the parameters.
    """

    formula: int
    node: int
    index: int
    parameters: tuple[Variable, ...]
    free: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a defined predicate stands for: a subformula, or the negation of one.

    Attributes:
        formula: Index of the formula.
        node: The subformula.
        positive: False for its negation.
        parameters: The arguments of the predicate.
        free: The values of the variables free in the subformula, in terms of the parameters.
    """

    formula: int
    node: int
    positive: bool
    parameters: tuple[Variable, ...]
    free: tuple[Term, ...]


@dataclass(slots=True)
class Clauses:
    """Clauses of a list of formulas.

    Attributes:
        clauses: Together they can hold just where the formulas can.
        choices: What the Skolem functions choose.
        meanings: What the defined predicates stand for.
    """

    clauses: list[Clause] = field(default_factory=list)
    choices: dict[Skolem, Choice] = field(default_factory=dict)
    meanings: dict[Definition, Meaning] = field(default_factory=dict)


def some_element(sort: str) -> Skolem:
    """A constant for an element of a sort, whichever: no sort is empty."""
    return Skolem(Kind.FUNCTION, "element", (), sort)


def clausify(formulas: Sequence[Formula]) -> Clauses:
    """The clauses of closed formulas.

    Raises:
        ValueError: A formula has a free variable.
    """
    result = Clauses()
    for index, formula in enumerate(formulas):
        _Clausifier(index, formula, result).run()
    return result


_Partial: TypeAlias = tuple[tuple[Literal, ...], tuple[QuantifierInstance, ...]]
_Values: TypeAlias = Mapping[Variable, Term]
_Part: TypeAlias = tuple[int, bool]
"""A node, and whether it or its negation is meant."""


class _Clausifier:
    """Clauses of one formula."""

    def __init__(self, index: int, formula: Formula, result: Clauses) -> None:
        self._index = index
        self._nodes: list[Formula] = []
        self._below: list[list[int]] = []
        self._free: list[tuple[Variable, ...]] = []
        for variable in self._collect(formula):
            raise ValueError(f"The variable {variable.name!r} is free in formula {index}.")
        self._result = result
        self._serial = 0
        self._defined: dict[int, Definition] = {}

    def run(self) -> None:
        self._emit(self._clauses_of(0, True, {}), (), defining=False)

    def _collect(self, formula: Formula) -> tuple[Variable, ...]:
        """Numbers the subformulas, and returns the free variables of this one."""
        number = len(self._nodes)
        below: list[int] = []
        self._nodes.append(formula)
        self._below.append(below)
        self._free.append(())
        found = dict.fromkeys(_variables_in(terms(formula)))
        for operand in operands(formula):
            below.append(len(self._nodes))
            found.update(dict.fromkeys(self._collect(operand)))
        if isinstance(formula, Universal | Existential):
            for variable in formula.variables:
                found.pop(variable, None)
        self._free[number] = tuple(found)
        return self._free[number]

    def _emit(
        self, partials: Iterable[_Partial], prefix: tuple[Literal, ...], *, defining: bool
    ) -> None:
        for literals, instances in partials:
            clause = Clause(self._index, prefix + literals, instances, defining)
            self._result.clauses.append(clause)

    def _clauses_of(self, number: int, positive: bool, values: _Values) -> list[_Partial]:
        """Clauses that follow from a subformula, or from its negation, and imply it."""
        formula = self._nodes[number]
        below = self._below[number]
        match formula:
            case Atom() | Equality():
                atom = substitute(formula, values) if values else formula
                assert isinstance(atom, Atom | Equality)
                return [((Literal(positive, atom),), ())]
            case Negation():
                return self._clauses_of(below[0], not positive, values)
            case Conjunction():
                parts = [(part, positive) for part in below]
                return (self._all if positive else self._any)(parts, values)
            case Disjunction():
                parts = [(part, positive) for part in below]
                return (self._any if positive else self._all)(parts, values)
            case Implication():
                parts = [(below[0], not positive), (below[1], positive)]
                return (self._any if positive else self._all)(parts, values)
            case Equivalence():
                return self._both(below, values, same=positive)
            case ExclusiveOr():
                return self._both(below, values, same=not positive)
            case Universal(bound, _):
                return self._quantified(number, bound, positive, positive, values)
            case Existential(bound, _):
                return self._quantified(number, bound, positive, not positive, values)
            case Truth():
                return [] if positive else [((), ())]
            case Falsehood():
                return [((), ())] if positive else []

    def _all(self, parts: Iterable[_Part], values: _Values) -> list[_Partial]:
        return [
            partial
            for number, positive in parts
            for partial in self._clauses_of(number, positive, values)
        ]

    def _any(self, parts: Iterable[_Part], values: _Values) -> list[_Partial]:
        literals: list[Literal] = []
        instances: list[QuantifierInstance] = []
        several: list[tuple[_Part, list[_Partial]]] = []
        for part in parts:
            partials = self._clauses_of(*part, values)
            if not partials:
                return []
            if len(partials) == 1:
                literals.extend(partials[0][0])
                instances.extend(partials[0][1])
            else:
                several.append((part, partials))
        if len(several) != 1 or len(several[0][1]) * len(literals) > DISTRIBUTED:
            literals.extend(self._implied(part, partials, values) for part, partials in several)
            return [(tuple(literals), tuple(instances))]
        return [((*literals, *other), (*instances, *more)) for other, more in several[0][1]]

    def _both(self, below: list[int], values: _Values, *, same: bool) -> list[_Partial]:
        left, right = (self._equivalent(number, values) for number in below)
        if same:
            right = _negated(right)
        return [((left, right), ()), ((_negated(left), _negated(right)), ())]

    def _quantified(
        self,
        number: int,
        bound: tuple[Variable, ...],
        positive: bool,
        universal: bool,
        values: _Values,
    ) -> list[_Partial]:
        free = tuple([values[variable] for variable in self._free[number]])
        chosen: list[Term] = []
        parameters = () if universal else tuple(dict.fromkeys(_variables_in(free)))
        for index, variable in enumerate(bound):
            if universal:
                chosen.append(self._fresh(variable))
                continue
            skolem = self._skolem(variable.sort, parameters)
            choice = Choice(self._index, number, index, parameters, free)
            self._result.choices[skolem] = choice
            chosen.append(Application(skolem, parameters))
        inner = {**values, **dict(zip(bound, chosen, strict=True))}
        instance = (QuantifierInstance(number, free, tuple(chosen)),)
        return [
            (literals, instance + instances)
            for literals, instances in self._clauses_of(self._below[number][0], positive, inner)
        ]

    def _implied(self, part: _Part, partials: list[_Partial], values: _Values) -> Literal:
        """A literal that implies the part."""
        number, positive = part
        free = tuple([values[variable] for variable in self._free[number]])
        parameters = tuple(dict.fromkeys(_variables_in(free)))
        name = self._definition(Meaning(self._index, number, positive, parameters, free))
        literal = Literal(True, Atom(name, parameters))
        self._emit(partials, (_negated(literal),), defining=True)
        return literal

    def _equivalent(self, number: int, values: _Values) -> Literal:
        """A literal that is equivalent to a subformula."""
        formula = self._nodes[number]
        if isinstance(formula, Negation):
            return _negated(self._equivalent(self._below[number][0], values))
        if isinstance(formula, Atom | Equality):
            ((literals, _),) = self._clauses_of(number, True, values)
            return literals[0]
        free = self._free[number]
        if number not in self._defined:
            parameters = tuple([self._fresh(variable) for variable in free])
            meaning = Meaning(self._index, number, True, parameters, parameters)
            name = self._defined[number] = self._definition(meaning)
            literal = Literal(True, Atom(name, parameters))
            inner = dict(zip(free, parameters, strict=True))
            for positive in (True, False):
                prefix = _negated(literal) if positive else literal
                partials = self._clauses_of(number, positive, inner)
                self._emit(partials, (prefix,), defining=True)
        arguments = tuple([values[variable] for variable in free])
        return Literal(True, Atom(self._defined[number], arguments))

    def _fresh(self, variable: Variable) -> Variable:
        self._serial += 1
        return Variable(f"x{self._serial}", variable.sort)

    def _skolem(self, sort: str, parameters: tuple[Variable, ...]) -> Skolem:
        sorts = tuple([parameter.sort for parameter in parameters])
        return Skolem(Kind.FUNCTION, f"s{len(self._result.choices)}", sorts, sort)

    def _definition(self, meaning: Meaning) -> Definition:
        sorts = tuple([parameter.sort for parameter in meaning.parameters])
        name = Definition(Kind.PREDICATE, f"d{len(self._result.meanings)}", sorts)
        self._result.meanings[name] = meaning
        return name


def _negated(literal: Literal) -> Literal:
    return Literal(not literal.positive, literal.atom)


def _variables_in(row: Iterable[Term]) -> Iterable[Variable]:
    return (variable for term in row for variable in variables(term))


def _variables_of(literals: Iterable[Literal]) -> Iterable[Variable]:
    for literal in literals:
        match literal.atom:
            case Atom(_, arguments):
                yield from _variables_in(arguments)
            case Equality(left, right):
                yield from _variables_in((left, right))
