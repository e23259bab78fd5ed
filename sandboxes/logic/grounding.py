"""Ground instances of clauses, numbered for a SAT solver.

Terms are numbers, atoms are variables of the solver, and every ground clause remembers the clause
and the terms that it was made of. Nothing is created that a limit does not allow: the number of
instances is known before the first of them is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import TypeAlias

from sandboxes.logic.clauses import Clause, Clauses, Literal, some_element
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Equality,
    Symbol,
    Term,
    Variable,
    variables,
)

__all__ = ["Grounding", "Origin", "TooManyInstances"]

Arguments: TypeAlias = tuple[int, ...]
_Getter: TypeAlias = Callable[[Arguments], Arguments]
_Call: TypeAlias = tuple[Symbol, dict[Arguments, int], _Getter]
"""A function symbol, the numbers of its terms, and where its arguments stand."""
_Ready: TypeAlias = tuple[int, Symbol | None, dict[Arguments, int], _Getter]
"""A sign, a predicate (None for equality), the numbers of its atoms, and where arguments stand."""


class TooManyInstances(Exception):
    """Instances would be more than allowed."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a ground clause comes from: a clause, and terms for the variables of its literals."""

    clause: int
    terms: Arguments


@dataclass(slots=True)
class _Template:
    """A clause made ready: where in a row of terms each argument of each literal stands.

    The row has the ground terms of the clause, then the values of its variables, then the values
    of its other terms in the order of `calls`.
    """

    variables: tuple[Variable, ...]
    constants: Arguments
    calls: list[_Call]
    literals: list[_Ready]

    @property
    def weight(self) -> int:
        """What an instance costs, in terms and literals that are looked at."""
        row = len(self.variables) + len(self.constants) + len(self.calls)
        return 1 + row * (1 + len(self.calls)) + len(self.literals)


class Grounding:
    """Ground instances of clauses.

    Args:
        clauses: What to instantiate.
        reserved: How many variables of the solver, from 1, to leave for other uses.

    Attributes:
        clauses: What is instantiated.
        ground: The ground clauses, over numbered atoms, without those that hold anyway.
        origins: For each of them, where it comes from.
        terms: Each term: its symbol and its arguments.
        atoms: For each variable of the solver, its predicate and arguments; the predicate is
            None for an equality, and for variables that stand for no atom.
        equalities: The variables of equalities, by their sides, smaller first.
    """

    def __init__(self, clauses: Clauses, reserved: int = 0) -> None:
        self.clauses = clauses
        self.ground: list[list[int]] = []
        self.origins: list[Origin] = []
        self.terms: list[tuple[Symbol, Arguments]] = []
        self.atoms: list[tuple[Symbol | None, Arguments]] = [(None, ())] * (1 + reserved)
        self.equalities: dict[Arguments, int] = {}
        self._functions: dict[Symbol, dict[Arguments, int]] = {}
        self._predicates: dict[Symbol, dict[Arguments, int]] = {}
        self._universe: dict[str, list[int]] = {}
        self._covered: dict[str, int] = {}
        """How many terms of each sort have been put for variables."""
        self._extended = False
        self._templates = [self._template(clause) for clause in clauses.clauses]

    @property
    def complete(self) -> bool:
        """Whether every variable of every clause has taken every term that there is."""
        return self._extended and all(
            self._covered.get(sort) == len(terms) for sort, terms in self._universe.items()
        )

    def extend(self, limit: int) -> int:
        """Puts all terms that there are for the variables of all clauses.

        Args:
            limit: How much work that may be: instances, each weighed by the size of its clause.

        Returns:
            How much it was.

        Raises:
            TooManyInstances: It would be more. Nothing was added.
        """
        for template in self._templates:
            for variable in template.variables:
                self.some(variable.sort)
        universe = {sort: tuple(terms) for sort, terms in self._universe.items()}
        work = 0
        for template in self._templates:
            count = template.weight
            for variable in template.variables:
                count *= len(universe[variable.sort])
                if work + count > limit:
                    raise TooManyInstances
            work += count
        if work > limit:
            raise TooManyInstances
        old = {
            sort: frozenset(terms[: self._covered.get(sort, 0)]) for sort, terms in universe.items()
        }
        for index, template in enumerate(self._templates):
            rows: Iterable[Arguments]
            rows = product(*[universe[variable.sort] for variable in template.variables])
            if self._extended:
                covered = [old[variable.sort] for variable in template.variables]
                rows = (row for row in rows if not all(map(frozenset.__contains__, covered, row)))
            self._add_all(index, template, rows)
        self._covered = {sort: len(terms) for sort, terms in universe.items()}
        self._extended = True
        return work

    def add(self, clause: int, terms: Sequence[Term]) -> None:
        """Adds one instance.

        Args:
            clause: Index of the clause.
            terms: Ground terms for its variables, in order.

        Raises:
            ValueError: There is no such clause, the terms are too many or too few, or one has a
                variable or a wrong sort.
        """
        if not 0 <= clause < len(self._templates):
            raise ValueError(f"There is no clause {clause}.")
        template = self._templates[clause]
        sorts = [variable.sort for variable in template.variables]
        if sorts != [_sort(term) for term in terms] or any(map(variables, terms)):
            raise ValueError(f"These are no terms for clause {clause}.")
        row = tuple([self.evaluated(term, {}) for term in terms])
        self._add_all(clause, template, [row])

    def evaluated(self, term: Term, values: Mapping[Variable, int]) -> int:
        """The number of a term whose variables have values."""
        if isinstance(term, Variable):
            return values[term]
        arguments = tuple([self.evaluated(argument, values) for argument in term.arguments])
        return self.term(term.symbol, arguments)

    def term(self, symbol: Symbol, arguments: Arguments) -> int:
        """The number of a term."""
        table = self._functions.setdefault(symbol, {})
        number = table.get(arguments)
        if number is None:
            number = table[arguments] = len(self.terms)
            self.terms.append((symbol, arguments))
            self._universe.setdefault(symbol.sort, []).append(number)
        return number

    def values(self, origin: Origin) -> dict[Variable, int]:
        """The terms that an instance has for all variables of the clause and of its instances."""
        values = dict(zip(self._templates[origin.clause].variables, origin.terms, strict=True))
        for instance in self.clauses.clauses[origin.clause].instances:
            for term in (*instance.free, *instance.bound):
                for variable in variables(term):
                    if variable not in values:
                        values[variable] = self.some(variable.sort)
        return values

    def some(self, sort: str) -> int:
        """A term of a sort; one is made where there is none."""
        terms = self._universe.get(sort)
        return terms[0] if terms else self.term(some_element(sort), ())

    def atom(self, symbol: Symbol | None, arguments: Arguments) -> int:
        """The variable of an atom; of an equality, where there is no symbol."""
        table = self.equalities if symbol is None else self._predicates.setdefault(symbol, {})
        if symbol is None:
            arguments = (min(arguments), max(arguments))
        number = table.get(arguments)
        if number is None:
            number = table[arguments] = len(self.atoms)
            self.atoms.append((symbol, arguments))
        return number

    def _template(self, clause: Clause) -> _Template:
        free = clause.variables
        rows = [_arguments(literal) for literal in clause.literals]
        slots: dict[Term, int] = {variable: slot for slot, variable in enumerate(free)}
        constants: dict[int, int] = {}
        for term in _ground_parts(term for row in rows for term in row):
            slots[term] = constants.setdefault(self.evaluated(term, {}), len(free) + len(constants))
        calls: list[_Call] = []

        def slot(term: Term) -> int:
            if isinstance(term, Application) and term not in slots:
                getter = _getter([slot(argument) for argument in term.arguments])
                slots[term] = len(free) + len(constants) + len(calls)
                calls.append((term.symbol, self._functions.setdefault(term.symbol, {}), getter))
            return slots[term]

        literals: list[_Ready] = []
        for literal, row in zip(clause.literals, rows, strict=True):
            symbol = literal.atom.symbol if isinstance(literal.atom, Atom) else None
            table = self.equalities if symbol is None else self._predicates.setdefault(symbol, {})
            sign = 1 if literal.positive else -1
            literals.append((sign, symbol, table, _getter([slot(term) for term in row])))
        return _Template(free, tuple(constants), calls, literals)

    def _add_all(self, index: int, template: _Template, rows: Iterable[Arguments]) -> None:
        for row in rows:
            values = row + template.constants
            for symbol, table, getter in template.calls:
                arguments = getter(values)
                term = table.get(arguments)
                values += (self.term(symbol, arguments) if term is None else term,)
            clause: list[int] = []
            for sign, predicate, table, getter in template.literals:
                arguments = getter(values)
                if predicate is None:
                    left, right = arguments
                    if left == right:
                        if sign > 0:
                            break
                        continue
                    if left > right:
                        arguments = (right, left)
                atom = table.get(arguments)
                clause.append(sign * (self.atom(predicate, arguments) if atom is None else atom))
            else:
                self.ground.append(clause)
                self.origins.append(Origin(index, row))


def _arguments(literal: Literal) -> tuple[Term, ...]:
    match literal.atom:
        case Atom(_, arguments):
            return arguments
        case Equality(left, right):
            return (left, right)


def _ground_parts(terms: Iterable[Term]) -> Iterator[Application]:
    """The largest terms without variables."""
    for term in terms:
        if isinstance(term, Application):
            if variables(term):
                yield from _ground_parts(term.arguments)
            else:
                yield term


def _getter(slots: Sequence[int]) -> _Getter:
    if len(slots) < 2:
        start = slots[0] if slots else 0
        return itemgetter(slice(start, start + len(slots)))
    return itemgetter(*slots)


def _sort(term: Term) -> str:
    return term.sort if isinstance(term, Variable) else term.symbol.sort
