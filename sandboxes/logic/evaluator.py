"""Finite interpretations, and what holds in them.

Equality is identity, functions are total, and no sort is empty. The evaluator walks the formula
as it was read, so that a countermodel is checked against the caller's formulas and nothing that
a search for it made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

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
    Negation,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
)

__all__ = ["EVALUATION_STEPS", "Interpretation", "Silent", "TooManySteps", "holds"]

EVALUATION_STEPS = 1_000_000
"""Formulas visited before an evaluation gives up."""


class Silent(ValueError):
    """An interpretation does not say what a formula needs: a sort, a symbol or a value."""


class TooManySteps(Exception):
    """An evaluation visited more formulas than it was allowed to."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A finite interpretation.

    Attributes:
        sizes: For each sort, how many elements it has; they are 0, 1, … up to that.
        functions: For each function symbol, its value for each tuple of arguments.
        predicates: For each predicate symbol, the tuples of which it holds.
    """

    sizes: Mapping[str, int]
    functions: Mapping[Symbol, Mapping[tuple[int, ...], int]]
    predicates: Mapping[Symbol, frozenset[tuple[int, ...]]]


def holds(
    formula: Formula, interpretation: Interpretation, *, steps: int = EVALUATION_STEPS
) -> bool:
    """Whether a closed formula holds.

    Args:
        formula: What to evaluate.
        interpretation: Where.
        steps: Formulas to visit at most, counted again for each assignment.

    Raises:
        Silent: The interpretation lacks a sort, a symbol or a value, or has one that is out of
            range; or the formula has a free variable.
        TooManySteps: The formula has more instances than `steps` allows for.
    """
    return _Evaluation(interpretation, steps).holds(formula, {})


class _Evaluation:
    def __init__(self, interpretation: Interpretation, steps: int) -> None:
        self._sizes = interpretation.sizes
        self._functions = interpretation.functions
        self._predicates = interpretation.predicates
        self._steps = steps

    def holds(self, formula: Formula, values: dict[Variable, int]) -> bool:
        self._steps -= 1
        if self._steps < 0:
            raise TooManySteps
        match formula:
            case Atom(symbol, arguments):
                extension = self._predicates.get(symbol)
                if extension is None:
                    raise Silent(f"The interpretation has no predicate {symbol.name!r}.")
                return tuple([self._value(term, values) for term in arguments]) in extension
            case Equality(left, right):
                return self._value(left, values) == self._value(right, values)
            case Negation(operand):
                return not self.holds(operand, values)
            case Conjunction(operands):
                return all(self.holds(operand, values) for operand in operands)
            case Disjunction(operands):
                return any(self.holds(operand, values) for operand in operands)
            case Implication(left, right):
                return not self.holds(left, values) or self.holds(right, values)
            case Equivalence(left, right):
                return self.holds(left, values) == self.holds(right, values)
            case ExclusiveOr(left, right):
                return self.holds(left, values) != self.holds(right, values)
            case Universal(variables, body):
                return not self._some(variables, body, values, wanted=False)
            case Existential(variables, body):
                return self._some(variables, body, values, wanted=True)
            case Truth():
                return True
            case Falsehood():
                return False

    def _some(
        self,
        variables: tuple[Variable, ...],
        body: Formula,
        values: dict[Variable, int],
        *,
        wanted: bool,
    ) -> bool:
        ranges = [range(self._size(variable.sort)) for variable in variables]
        inner = dict(values)
        for elements in product(*ranges):
            inner.update(zip(variables, elements, strict=True))
            if self.holds(body, inner) is wanted:
                return True
        return False

    def _value(self, term: Term, values: dict[Variable, int]) -> int:
        if isinstance(term, Variable):
            if term not in values:
                raise Silent(f"The variable {term.name!r} is free.")
            return values[term]
        arguments = tuple([self._value(argument, values) for argument in term.arguments])
        table = self._functions.get(term.symbol)
        if table is None:
            raise Silent(f"The interpretation has no function {term.symbol.name!r}.")
        value = table.get(arguments)
        if value is None or not 0 <= value < self._size(term.symbol.sort):
            raise Silent(f"The function {term.symbol.name!r} has no value for {arguments}.")
        return value

    def _size(self, sort: str) -> int:
        size = self._sizes.get(sort, 0)
        if size < 1:
            raise Silent(f"The sort {sort!r} has no elements.")
        return size
