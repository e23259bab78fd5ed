"""Instances of clauses that cvc5 found to contradict each other, read from its own words.

(A. Reynolds, C. Tinelli, L. de Moura, "Finding conflicting instances of quantified formulas in
SMT", FMCAD 2014.) Nothing is believed of them: whether they contradict each other is for a
certificate's checker to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from sandboxes.logic.clauses import Clause, Skolem
from sandboxes.logic.solvers.sexpressions import Sexpression, sexpressions
from sandboxes.logic.solvers.smtlib import smtlib
from sandboxes.logic.solvers.vocabulary import Vocabulary
from sandboxes.logic.syntax import Application, Kind, Term

__all__ = ["ClauseInstance", "labelled", "read_instances"]

ClauseInstance: TypeAlias = tuple[int, tuple[Term, ...]]
"""The index of a clause, and ground terms for its variables."""

MAX_DEPTH: Final = 100
"""Of a term; deeper ones are left out."""


def labelled(clause: Clause, index: int, vocabulary: Vocabulary) -> str:
    """An assertion of a clause, under the name by which its instances are told."""
    return f"(assert {smtlib(clause.as_formula(), vocabulary, label=f'c{index}')})"


def read_instances(
    text: str, clauses: Sequence[Clause], vocabulary: Vocabulary
) -> list[ClauseInstance]:
    """The instances that cvc5 lists, in its order; what is none of these clauses is left out.

    Raises:
        ValueError: The text is no list of instances.
    """
    return list(_instances(sexpressions(text), clauses, vocabulary))


def _instances(
    lists: Sequence[Sexpression], clauses: Sequence[Clause], vocabulary: Vocabulary
) -> Iterator[ClauseInstance]:
    for entry in lists:
        match entry:
            case ["instantiations", str(label), *tuples] if label[1:].isdecimal():
                index = int(label[1:])
                if label[0] != "c" or index >= len(clauses):
                    continue
                sorts = [variable.sort for variable in clauses[index].variables]
                for values in tuples:
                    if isinstance(values, list) and len(values) == len(sorts):
                        terms = zip(values, sorts, strict=True)
                        yield index, tuple([_term(one, sort, vocabulary) for one, sort in terms])


def _term(value: Sexpression, sort: str, vocabulary: Vocabulary, depth: int = 0) -> Term:
    """A term over the vocabulary; whatever else it may be, some element stands for it."""
    name, arguments = (value[0], value[1:]) if isinstance(value, list) and value else (value, [])
    symbol = vocabulary.symbols.get(name) if isinstance(name, str) else None
    if (
        symbol is None
        or symbol.kind is not Kind.FUNCTION
        or symbol.sort != sort
        or symbol.arity != len(arguments)
        or depth > MAX_DEPTH
    ):
        return Application(Skolem(Kind.FUNCTION, "element", (), sort))
    below = zip(arguments, symbol.argument_sorts, strict=True)
    return Application(
        symbol, tuple([_term(one, inner, vocabulary, depth + 1) for one, inner in below])
    )
