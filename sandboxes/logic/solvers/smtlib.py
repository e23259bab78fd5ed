"""Formulas as SMT-LIB 2.6, with uninterpreted sorts and functions (logic UF)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
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
    Term,
    Truth,
    Universal,
    Variable,
)

__all__ = ["declarations", "smtlib"]

_CONNECTIVES: Final[dict[type[Formula], str]] = {
    Implication: "=>",
    Equivalence: "=",
    ExclusiveOr: "xor",
}


def declarations(vocabulary: Vocabulary) -> str:
    """Declares all sorts and symbols, one a line."""
    lines = [f"(declare-sort {name} 0)" for name in vocabulary.sorts.values()]
    for symbol, name in vocabulary.names.items():
        arguments = " ".join(vocabulary.sorts[sort] for sort in symbol.argument_sorts)
        value = "Bool" if symbol.kind is Kind.PREDICATE else vocabulary.sorts[symbol.sort]
        lines.append(f"(declare-fun {name} ({arguments}) {value})")
    return "\n".join(lines)


def smtlib(formula: Formula, vocabulary: Vocabulary, *, label: str = "") -> str:
    """A closed formula as an SMT-LIB term.

    Args:
        formula: What to write.
        vocabulary: Names for its symbols and sorts.
        label: A name for a universal formula's quantifier, by which a solver tells its instances.
    """
    emitter = _Emitter(vocabulary)
    if label and isinstance(formula, Universal):
        return emitter.quantified("forall", formula.variables, formula.body, {}, label)
    return emitter.formula(formula, {})


class _Emitter:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._fresh: Iterator[str] = (f"x{number}" for number in itertools.count())

    def formula(self, formula: Formula, scope: Mapping[Variable, str]) -> str:
        match formula:
            case Truth():
                return "true"
            case Falsehood():
                return "false"
            case Atom(symbol, arguments):
                return self._applied(self._vocabulary.names[symbol], arguments, scope)
            case Equality(left, right):
                return self._applied("=", (left, right), scope)
            case Negation(operand):
                return f"(not {self.formula(operand, scope)})"
            case Conjunction(operands):
                return f"(and {' '.join([self.formula(one, scope) for one in operands])})"
            case Disjunction(operands):
                return f"(or {' '.join([self.formula(one, scope) for one in operands])})"
            case Implication(left, right) | Equivalence(left, right) | ExclusiveOr(left, right):
                connective = _CONNECTIVES[type(formula)]
                return f"({connective} {self.formula(left, scope)} {self.formula(right, scope)})"
            case Universal(variables, body):
                return self.quantified("forall", variables, body, scope)
            case Existential(variables, body):
                return self.quantified("exists", variables, body, scope)

    def quantified(
        self,
        quantifier: str,
        variables: tuple[Variable, ...],
        body: Formula,
        scope: Mapping[Variable, str],
        label: str = "",
    ) -> str:
        named = {variable: next(self._fresh) for variable in dict.fromkeys(variables)}
        sorts = self._vocabulary.sorts
        bound = " ".join(f"({name} {sorts[variable.sort]})" for variable, name in named.items())
        text = self.formula(body, {**scope, **named})
        return f"({quantifier} ({bound}) {f'(! {text} :qid {label})' if label else text})"

    def _applied(
        self, name: str, arguments: tuple[Term, ...], scope: Mapping[Variable, str]
    ) -> str:
        if not arguments:
            return name
        return f"({name} {' '.join([self._term(one, scope) for one in arguments])})"

    def _term(self, term: Term, scope: Mapping[Variable, str]) -> str:
        if isinstance(term, Variable):
            return scope[term]
        return self._applied(self._vocabulary.names[term.symbol], term.arguments, scope)
