"""A checked certificate as an argument that a person can follow, in the caller's own names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from sandboxes.logic.certificates import Certificate, Element, Instance, Witness
from sandboxes.logic.printing import Unprintable, printed, printed_term
from sandboxes.logic.reader import Dialect
from sandboxes.logic.syntax import (
    Application,
    Existential,
    Formula,
    Kind,
    Symbol,
    Term,
    Universal,
    Variable,
    free_variables,
    subformulas,
    substitute,
    symbols,
)

__all__ = ["argument"]

MAX_LINES: Final = 200
"""Of an argument; the certificate itself has no such bound."""


def argument(certificate: Certificate, formulas: Sequence[Formula], names: Sequence[str]) -> str:
    """What a certificate uses of each formula, line by line.

    Args:
        certificate: One that `certificates.check` has passed for these formulas.
        formulas: Closed.
        names: What to call each of them.
    """
    writer = _Writer(certificate, formulas, names)
    lines = list(writer.lines())
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = [f"… and {len(lines) - MAX_LINES} more."]
    return "\n".join([*lines, "No truth values make all of these true at once."])


class _Writer:
    def __init__(
        self, certificate: Certificate, formulas: Sequence[Formula], names: Sequence[str]
    ) -> None:
        self._certificate = certificate
        self._formulas = formulas
        self._names = names
        self._taken = {
            symbol.name for index in certificate.formulas for symbol in symbols(formulas[index])
        }
        self._made: dict[Witness | Element, Symbol] = {}
        self._terms: list[Term] = []
        for term in certificate.terms:
            arguments = tuple([self._terms[index] for index in term.arguments])
            symbol = term.symbol
            if isinstance(symbol, Witness | Element):
                symbol = self._named(symbol, arguments)
            self._terms.append(Application(symbol, arguments))

    def lines(self) -> Iterator[str]:
        """The formulas, then the instances."""
        for index in self._certificate.formulas:
            yield f"{self._names[index]}: {_shown(self._formulas[index])}"
        for instance in self._certificate.instances:
            yield self._instance(instance)

    def _instance(self, instance: Instance) -> str:
        node = list(subformulas(self._formulas[instance.formula]))[instance.node]
        assert isinstance(node, Universal | Existential)
        free = dict(zip(free_variables(node), self._chosen(instance.free), strict=True))
        bound = dict(zip(node.variables, self._chosen(instance.bound), strict=True))
        body = _shown(substitute(node.body, {**free, **bound}))
        values = ", ".join(f"{one.name} = {printed_term(term)}" for one, term in bound.items())
        name = self._names[instance.formula]
        if instance.node == 0 and isinstance(node, Universal):
            return f"{name}, for {values}: {body}"
        whole = _shown(substitute(node, free))
        if self._is_witnessed(instance):
            return f"{name}, where {values} decides: {whole} just if {body}"
        if isinstance(node, Universal):
            return f"{name}, for {values}: if {whole}, then {body}"
        return f"{name}, for {values}: if {body}, then {whole}"

    def _is_witnessed(self, instance: Instance) -> bool:
        """Whether the values are the ones on which the quantified formula depends."""
        return all(
            self._certificate.terms[number].symbol
            == Witness(instance.formula, instance.node, index)
            and self._certificate.terms[number].arguments == instance.free
            for index, number in enumerate(instance.bound)
        )

    def _chosen(self, numbers: Sequence[int]) -> list[Term]:
        return [self._terms[number] for number in numbers]

    def _named(self, made: Witness | Element, arguments: Sequence[Term]) -> Symbol:
        """A symbol of our own for what has no name, unlike all of the caller's."""
        if made not in self._made:
            number = len(self._made) + 1
            while (name := f"c{number}") in self._taken:
                number += 1
            self._taken.add(name)
            sort = made.sort if isinstance(made, Element) else self._bound(made).sort
            sorts = tuple([_sort(argument) for argument in arguments])
            self._made[made] = Symbol(Kind.FUNCTION, name, sorts, sort)
        return self._made[made]

    def _bound(self, witness: Witness) -> Variable:
        node = list(subformulas(self._formulas[witness.formula]))[witness.node]
        assert isinstance(node, Universal | Existential)
        return node.variables[witness.index]


def _shown(formula: Formula) -> str:
    """The formula in the first language that has a way to say it."""
    for dialect in (Dialect.UNICODE, Dialect.TPTP, Dialect.SMTLIB):
        with contextlib.suppress(Unprintable):
            return printed(formula, dialect)
    return "a formula whose names no language can write"


def _sort(term: Term) -> str:
    return term.sort if isinstance(term, Variable) else term.symbol.sort
