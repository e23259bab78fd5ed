"""Finite interpretations in which formulas hold.

Two ways to them: the terms of ground clauses, where every variable took every term that there is
(`herbrand`), and a search through domains of growing size (`search`), in the manner of W. McCune's
MACE: each value of each function is a choice of the SAT solver, and equality is identity.

What comes out is a proposal. `evaluator.holds` says whether the formulas hold in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod

from pysat.solvers import Minisat22

from sandboxes.logic.clauses import Clause, Clauses, Definition, Skolem
from sandboxes.logic.congruence import Classes
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.grounding import Grounding
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Equality,
    Existential,
    Formula,
    Kind,
    Symbol,
    Term,
    Universal,
    Variable,
    subformulas,
    symbols,
)

__all__ = ["Found", "Signature", "herbrand", "search", "signature_of"]

ROWS = 100_000
"""Most rows that the tables of all functions together are filled up to."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What an interpretation has to interpret."""

    sorts: tuple[str, ...]
    symbols: tuple[Symbol, ...]


def signature_of(formulas: Iterable[Formula]) -> Signature:
    """The sorts and the symbols of formulas.

    Raises:
        ValueError: A formula has a symbol that only the service's own clauses have.
    """
    sorts: dict[str, None] = {}
    found: dict[Symbol, None] = {}
    for formula in formulas:
        for symbol in symbols(formula):
            found.setdefault(symbol)
        for part in subformulas(formula):
            if isinstance(part, Universal | Existential):
                sorts.update((variable.sort, None) for variable in part.variables)
    for symbol in found:
        if isinstance(symbol, Skolem | Definition):
            raise ValueError(f"{symbol.name!r} is a symbol of the service's own.")
        sorts.update((sort, None) for sort in symbol.argument_sorts)
        if symbol.kind is Kind.FUNCTION:
            sorts.setdefault(symbol.sort)
    return Signature(tuple(sorts), tuple(found))


def herbrand(
    grounding: Grounding, model: Sequence[int], classes: Classes, signature: Signature
) -> Interpretation:
    """The interpretation whose elements are the classes of the terms.

    Args:
        grounding: Ground clauses, complete.
        model: For each variable, itself or its negation; the first entry is not used.
        classes: The classes that the model makes of the terms.
        signature: What to interpret.
    """
    sizes: dict[str, int] = {}
    elements: dict[int, int] = {}
    for number, (symbol, _) in enumerate(grounding.terms):
        leader = classes.leaders[number]
        if leader not in elements:
            elements[leader] = sizes.get(symbol.sort, 0)
            sizes[symbol.sort] = elements[leader] + 1
    values = [elements[leader] for leader in classes.leaders]
    functions: dict[Symbol, dict[tuple[int, ...], int]] = {}
    for number, (symbol, arguments) in enumerate(grounding.terms):
        table = functions.setdefault(symbol, {})
        table[tuple([values[argument] for argument in arguments])] = values[number]
    predicates: dict[Symbol, set[tuple[int, ...]]] = {}
    for variable, (predicate, arguments) in enumerate(grounding.atoms):
        if variable and predicate is not None and model[variable] > 0:
            row = tuple([values[argument] for argument in arguments])
            predicates.setdefault(predicate, set()).add(row)
    return _total(sizes, functions, predicates, signature)


def _total(
    sizes: dict[str, int],
    functions: Mapping[Symbol, dict[tuple[int, ...], int]],
    predicates: Mapping[Symbol, set[tuple[int, ...]]],
    signature: Signature,
) -> Interpretation:
    """The interpretation of a signature; where nothing is said, values are element 0.

    Tables that would be too long stay as they are.
    """
    room = ROWS
    tables: dict[Symbol, Mapping[tuple[int, ...], int]] = {}
    extensions: dict[Symbol, frozenset[tuple[int, ...]]] = {}
    for sort in signature.sorts:
        sizes.setdefault(sort, 1)
    for symbol in signature.symbols:
        if symbol.kind is Kind.PREDICATE:
            extensions[symbol] = frozenset(predicates.get(symbol, ()))
            continue
        table = dict(functions.get(symbol, {}))
        ranges = [sizes[sort] for sort in symbol.argument_sorts]
        if _is_within(room, ranges):
            room -= prod(ranges)
            for row in product(*map(range, ranges)):
                table.setdefault(row, 0)
        tables[symbol] = table
    return Interpretation(sizes, tables, extensions)


def _is_within(limit: int, factors: Iterable[int]) -> bool:
    """Whether a product of positive factors is at most the limit."""
    total = 1
    for factor in factors:
        total *= factor
        if total > limit:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Found:
    """How a search ended.

    Attributes:
        interpretation: What was found; None where there is nothing of these sizes, or where the
            search was given up.
        work: What it took: instances, each weighed by the size of its clause.
        given_up: Whether there may be something after all.
    """

    interpretation: Interpretation | None
    work: int
    given_up: bool


def search(
    clauses: Clauses,
    formulas: frozenset[int],
    sizes: Mapping[str, int],
    signature: Signature,
    *,
    work: int,
    conflicts: int,
) -> Found:
    """Looks for an interpretation with so many elements.

    Args:
        clauses: Clauses of these formulas, and perhaps of others.
        formulas: Indices of the formulas that are to hold.
        sizes: How many elements each sort has.
        signature: What to interpret.
        work: How much the instances may come to.
        conflicts: Most conflicts that the SAT solver may search through.
    """
    flat = [_flat(clause) for clause in clauses.clauses if clause.formula in formulas]
    cells = {symbol: None for clause in flat for symbol in clause.functions}
    weights = [
        *(((*symbol.argument_sorts, symbol.sort, symbol.sort), 1) for symbol in cells),
        *((clause.sorts, clause.weight) for clause in flat),
    ]
    spent = 0
    for sorts, weight in weights:
        if not _is_within(work - spent, (weight, *(sizes[sort] for sort in sorts))):
            return Found(None, spent, given_up=True)
        spent += weight * prod(sizes[sort] for sort in sorts)
    grid = _Grid(sizes)
    rows = [row for symbol in cells for row in grid.totality(symbol)]
    rows.extend(row for clause in flat for row in grid.instances(clause))
    with Minisat22(bootstrap_with=rows) as solver:
        solver.conf_budget(conflicts)
        verdict = solver.solve_limited()
        if not verdict:
            return Found(None, spent, given_up=verdict is None)
        model = [0, *solver.get_model()]
    functions, predicates = grid.tables(model)
    return Found(_total(dict(sizes), functions, predicates, signature), spent, given_up=False)


@dataclass(slots=True)
class _Flat:
    """A clause whose literals have variables alone for arguments.

    A literal is a sign, a symbol and the places of its arguments among the variables. For a
    function symbol the last place is that of the value; None stands for equality.
    """

    sorts: list[str] = field(default_factory=list)
    literals: list[tuple[int, Symbol | None, tuple[int, ...]]] = field(default_factory=list)
    places: dict[Term, int] = field(default_factory=dict)

    @property
    def functions(self) -> list[Symbol]:
        return [
            symbol
            for _, symbol, _ in self.literals
            if symbol is not None and symbol.kind is Kind.FUNCTION
        ]

    @property
    def weight(self) -> int:
        return 1 + len(self.sorts) + sum(1 + len(places) for _, _, places in self.literals)

    def place(self, term: Term) -> int:
        """The place of a term; that of an application is a variable which equals it."""
        if term not in self.places:
            if isinstance(term, Application):
                arguments = [self.place(argument) for argument in term.arguments]
                self.literals.append((-1, term.symbol, (*arguments, len(self.sorts))))
                self.sorts.append(term.symbol.sort)
            else:
                self.sorts.append(term.sort)
            self.places[term] = len(self.sorts) - 1
        return self.places[term]


def _flat(clause: Clause) -> _Flat:
    flat = _Flat()
    for literal in clause.literals:
        sign = 1 if literal.positive else -1
        match literal.atom:
            case Atom(symbol, arguments):
                row = tuple([flat.place(argument) for argument in arguments])
                flat.literals.append((sign, symbol, row))
            case Equality(left, right):
                if isinstance(left, Variable):
                    left, right = right, left
                if isinstance(left, Application) and left not in flat.places:
                    row = tuple([flat.place(argument) for argument in left.arguments])
                    flat.literals.append((sign, left.symbol, (*row, flat.place(right))))
                else:
                    flat.literals.append((sign, None, (flat.place(left), flat.place(right))))
    return flat


class _Grid:
    """Variables for the values of functions and predicates at all elements."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self._variables: dict[tuple[Symbol, tuple[int, ...]], int] = {}
        self._constants: dict[str, int] = {}

    def totality(self, symbol: Symbol) -> Iterator[list[int]]:
        """Each value of a function is one element, and the first constants are the first."""
        values = range(self._sizes[symbol.sort])
        for row in product(*[range(self._sizes[sort]) for sort in symbol.argument_sorts]):
            cells = [self._variable(symbol, (*row, value)) for value in values]
            yield cells
            yield from ([-one, -other] for one, other in combinations(cells, 2))
        if not symbol.argument_sorts:
            earlier = self._constants.get(symbol.sort, 0)
            self._constants[symbol.sort] = earlier + 1
            yield from ([-cell] for cell in cells[earlier + 1 :])

    def instances(self, clause: _Flat) -> Iterator[list[int]]:
        """The clause for all elements, but for those for which it holds anyway."""
        for row in product(*[range(self._sizes[sort]) for sort in clause.sorts]):
            ground: list[int] = []
            for sign, symbol, places in clause.literals:
                arguments = tuple([row[place] for place in places])
                if symbol is not None:
                    ground.append(sign * self._variable(symbol, arguments))
                elif (arguments[0] == arguments[1]) == (sign > 0):
                    break
            else:
                yield ground

    def tables(
        self, model: Sequence[int]
    ) -> tuple[dict[Symbol, dict[tuple[int, ...], int]], dict[Symbol, set[tuple[int, ...]]]]:
        """What a model of the variables says of functions and of predicates."""
        functions: dict[Symbol, dict[tuple[int, ...], int]] = {}
        predicates: dict[Symbol, set[tuple[int, ...]]] = {}
        for (symbol, row), variable in self._variables.items():
            if variable < len(model) and model[variable] > 0:
                if symbol.kind is Kind.FUNCTION:
                    functions.setdefault(symbol, {})[row[:-1]] = row[-1]
                else:
                    predicates.setdefault(symbol, set()).add(row)
        return functions, predicates

    def _variable(self, symbol: Symbol, row: tuple[int, ...]) -> int:
        return self._variables.setdefault((symbol, row), len(self._variables) + 1)
