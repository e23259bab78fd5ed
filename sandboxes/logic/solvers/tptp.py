"""Formulas as TPTP: FOF where there is one sort, TF0 where there are more."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sandboxes.logic.solvers.vocabulary import Vocabulary
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
)

__all__ = ["tptp"]

_CONNECTIVES: Final[dict[type[Formula], str]] = {
    Implication: "=>",
    Equivalence: "<=>",
    ExclusiveOr: "<~>",
}


def tptp(axioms: Sequence[Formula], vocabulary: Vocabulary) -> str:
    """Closed formulas as axioms, named by their number."""
    typed = len(vocabulary.sorts) > 1
    emitter = _Emitter(vocabulary, typed=typed)
    language = "tff" if typed else "fof"
    lines = list(_types(vocabulary)) if typed else []
    for number, axiom in enumerate(axioms):
        lines.append(f"{language}(a{number}, axiom, {emitter.formula(axiom, {})}).")
    return "\n".join(lines) + "\n"


def _types(vocabulary: Vocabulary) -> Iterator[str]:
    for name in vocabulary.sorts.values():
        yield f"tff(t_{name}, type, {name}: $tType)."
    for symbol, name in vocabulary.names.items():
        yield f"tff(t_{name}, type, {name}: {_type(symbol, vocabulary)})."


def _type(symbol: Symbol, vocabulary: Vocabulary) -> str:
    value = "$o" if symbol.kind is Kind.PREDICATE else vocabulary.sorts[symbol.sort]
    if not symbol.arity:
        return value
    return f"({' * '.join(vocabulary.sorts[sort] for sort in symbol.argument_sorts)}) > {value}"


class _Emitter:
    def __init__(self, vocabulary: Vocabulary, *, typed: bool) -> None:
        self._vocabulary = vocabulary
        self._typed = typed
        self._fresh: Iterator[str] = (f"X{number}" for number in itertools.count())

    def formula(self, formula: Formula, scope: Mapping[Variable, str]) -> str:
        match formula:
            case Truth():
                return "$true"
            case Falsehood():
                return "$false"
            case Atom(symbol, arguments):
                return self._applied(symbol, arguments, scope)
            case Equality(left, right):
                return f"({self._term(left, scope)} = {self._term(right, scope)})"
            case Negation(operand):
                return f"~ {self.formula(operand, scope)}"
            case Conjunction(operands):
                return f"({' & '.join([self.formula(one, scope) for one in operands])})"
            case Disjunction(operands):
                return f"({' | '.join([self.formula(one, scope) for one in operands])})"
            case Implication(left, right) | Equivalence(left, right) | ExclusiveOr(left, right):
                connective = _CONNECTIVES[type(formula)]
                return f"({self.formula(left, scope)} {connective} {self.formula(right, scope)})"
            case Universal(variables, body):
                return self._quantified("!", variables, body, scope)
            case Existential(variables, body):
                return self._quantified("?", variables, body, scope)

    def _quantified(
        self,
        quantifier: str,
        variables: tuple[Variable, ...],
        body: Formula,
        scope: Mapping[Variable, str],
    ) -> str:
        named = {variable: next(self._fresh) for variable in dict.fromkeys(variables)}
        bound = ", ".join(self._bound(variable, name) for variable, name in named.items())
        return f"({quantifier} [{bound}] : {self.formula(body, {**scope, **named})})"

    def _bound(self, variable: Variable, name: str) -> str:
        return f"{name}: {self._vocabulary.sorts[variable.sort]}" if self._typed else name

    def _applied(
        self, symbol: Symbol, arguments: tuple[Term, ...], scope: Mapping[Variable, str]
    ) -> str:
        name = self._vocabulary.names[symbol]
        if not arguments:
            return name
        return f"{name}({', '.join([self._term(one, scope) for one in arguments])})"

    def _term(self, term: Term, scope: Mapping[Variable, str]) -> str:
        if isinstance(term, Variable):
            return scope[term]
        return self._applied(term.symbol, term.arguments, scope)
