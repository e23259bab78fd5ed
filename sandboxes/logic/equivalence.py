"""Whether two formalisations say the same, which symbols of theirs correspond, and where they part.

A formalisation is a list of closed formulas that all hold. Two that use other names for the same
things can be compared under an *alignment*, a renaming of the symbols of one to those of the
other. An alignment is a proposal: that two formalisations are equivalent under it shows that they
have the same shape, and whether the names mean the same is for the caller to say.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import permutations, product
from math import perm
from operator import itemgetter
from typing import TypeAlias

from sandboxes.logic.answers import Answer, Engine, Status
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Equality,
    Formula,
    Negation,
    Symbol,
    Term,
    conjunction,
    operands,
    rebuilt,
    subformulas,
    subterms,
    terms,
)
from sandboxes.logic.theory import GroundTheory

__all__ = [
    "Aligned",
    "Alignment",
    "Comparison",
    "Relation",
    "align",
    "alignments",
    "compare",
    "renamed",
]

PAIRINGS = 720
"""Most ways to pair the symbols of one kind that are all looked at."""

NAMES = 32
"""Most symbols of one kind that are paired."""

PROPOSALS = 64
"""Most alignments that are proposed."""


class Relation(enum.StrEnum):
    """How two formalisations stand to each other."""

    EQUIVALENT = "equivalent"
    STRONGER = "stronger"
    """The first implies the second and not the other way round."""
    WEAKER = "weaker"
    """The second implies the first and not the other way round."""
    INCOMPARABLE = "incomparable"
    """Neither implies the other."""
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two formalisations stand to each other, with evidence.

    Attributes:
        relation: The outcome.
        first_only: Whether the first and the denial of the second can hold together; certificates
            speak of the first's formulas and, after them, of that denial.
        second_only: The same the other way round.
    """

    relation: Relation
    first_only: Answer
    second_only: Answer

    @property
    def distinguishing(self) -> Interpretation | None:
        """An interpretation in which one of the two holds and the other does not."""
        return self.first_only.model or self.second_only.model


def compare(
    first: Sequence[Formula], second: Sequence[Formula], engine: Engine = GroundTheory
) -> Comparison:
    """Compares two formalisations by the symbols that they use.

    Args:
        first: Closed formulas.
        second: Closed formulas.
        engine: Who is asked.

    Raises:
        ValueError: A formula is not closed.
    """
    first_only = _only(first, second, engine)
    second_only = _only(second, first, engine)
    return Comparison(_relation(first_only.status, second_only.status), first_only, second_only)


def _only(these: Sequence[Formula], those: Sequence[Formula], engine: Engine) -> Answer:
    formulas = [*these, Negation(conjunction(those))]
    return engine(formulas).ask(frozenset(range(len(formulas))))


def _relation(first_only: Status, second_only: Status) -> Relation:
    match first_only, second_only:
        case Status.UNSATISFIABLE, Status.UNSATISFIABLE:
            return Relation.EQUIVALENT
        case Status.UNSATISFIABLE, Status.SATISFIABLE:
            return Relation.STRONGER
        case Status.SATISFIABLE, Status.UNSATISFIABLE:
            return Relation.WEAKER
        case Status.SATISFIABLE, Status.SATISFIABLE:
            return Relation.INCOMPARABLE
    return Relation.UNDECIDED


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which symbols of a second formalisation stand for which of a first.

    Attributes:
        symbols: For each symbol of the second that gets another name, a symbol of the first.
        likeness: How alike the names are, from 0 to 1; 1 where nothing is renamed.
    """

    symbols: Mapping[Symbol, Symbol]
    likeness: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """A comparison under an alignment.

    Attributes:
        comparison: Of the first formalisation with the second after renaming.
        alignment: The first proposal under which they are equivalent; where there is none, the
            best proposal.
        tried: How many proposals were tried.
    """

    comparison: Comparison
    alignment: Alignment
    tried: int


def align(
    first: Sequence[Formula],
    second: Sequence[Formula],
    engine: Engine = GroundTheory,
    *,
    most: int = 24,
) -> Aligned:
    """Looks for an alignment under which two formalisations are equivalent.

    Args:
        first: Closed formulas.
        second: Closed formulas, whose symbols are renamed.
        engine: Who is asked.
        most: How many alignments to try, the likeliest first.

    Raises:
        ValueError: A formula is not closed.
    """
    best: Aligned | None = None
    tried = 0
    for alignment in alignments(first, second)[:most]:
        tried += 1
        other = [renamed(formula, alignment.symbols) for formula in second]
        comparison = compare(first, other, engine)
        if comparison.relation is Relation.EQUIVALENT:
            return Aligned(comparison, alignment, tried)
        best = best or Aligned(comparison, alignment, tried)
    assert best is not None
    return replace(best, tried=tried)


def alignments(first: Sequence[Formula], second: Sequence[Formula]) -> list[Alignment]:
    """Proposals, the likeliest first: at least one, and at most `PROPOSALS`.

    A symbol that both use stands for itself. Others are paired within their kind, arity and sorts
    by how alike their names are and how often they occur.
    """
    ours, theirs = _occurrences(first), _occurrences(second)
    proposals: list[_Pairs] = [((), 0.0)]
    for targets, sources in _groups(ours, theirs):
        pairings = nlargest(PROPOSALS, _pairings(targets, sources, ours, theirs), key=itemgetter(1))
        proposals = nlargest(
            PROPOSALS,
            (
                (pairs + more, score + added)
                for (pairs, score), (more, added) in product(proposals, pairings)
            ),
            key=itemgetter(1),
        )
    return [
        Alignment(dict(pairs), score / len(pairs) if pairs else 1.0) for pairs, score in proposals
    ]


def renamed(formula: Formula, names: Mapping[Symbol, Symbol]) -> Formula:
    """The formula with other symbols, all replaced at once."""
    match formula:
        case Atom(symbol, arguments):
            row = tuple([_renamed_term(argument, names) for argument in arguments])
            return Atom(names.get(symbol, symbol), row)
        case Equality(left, right):
            return Equality(_renamed_term(left, names), _renamed_term(right, names))
    return rebuilt(formula, [renamed(part, names) for part in operands(formula)])


def _renamed_term(term: Term, names: Mapping[Symbol, Symbol]) -> Term:
    if not isinstance(term, Application):
        return term
    row = tuple([_renamed_term(argument, names) for argument in term.arguments])
    return Application(names.get(term.symbol, term.symbol), row)


_Pairs: TypeAlias = tuple[tuple[tuple[Symbol, Symbol], ...], float]
"""Symbols of the second formalisation with those of the first, and the sum of their likeness."""


def _occurrences(formulas: Iterable[Formula]) -> Counter[Symbol]:
    found: Counter[Symbol] = Counter()
    for formula in formulas:
        for part in subformulas(formula):
            if isinstance(part, Atom):
                found[part.symbol] += 1
            for term in terms(part):
                found.update(one.symbol for one in subterms(term) if isinstance(one, Application))
    return found


def _groups(
    ours: Mapping[Symbol, int], theirs: Mapping[Symbol, int]
) -> Iterator[tuple[list[Symbol], list[Symbol]]]:
    """Symbols of the first formalisation that the second lacks, and the other way round."""
    groups: dict[object, tuple[list[Symbol], list[Symbol]]] = {}
    for side, (these, those) in enumerate([(ours, theirs), (theirs, ours)]):
        for symbol in these:
            if symbol not in those:
                key = (symbol.kind, symbol.argument_sorts, symbol.sort)
                groups.setdefault(key, ([], []))[side].append(symbol)
    for targets, sources in groups.values():
        if targets and sources:
            yield targets[:NAMES], sources[:NAMES]


def _pairings(
    targets: list[Symbol],
    sources: list[Symbol],
    ours: Mapping[Symbol, int],
    theirs: Mapping[Symbol, int],
) -> Iterator[_Pairs]:
    """Ways to pair sources with targets: all of them, or where they are too many the likeliest."""
    likeness = {
        (source, target): _likeness(source.name, target.name, theirs[source] == ours[target])
        for source in sources
        for target in targets
    }
    fewer, more = sorted([sources, targets], key=len)
    if perm(len(more), len(fewer)) > PAIRINGS:
        yield _greedy(likeness)
        return
    for row in permutations(more, len(fewer)):
        rows = (fewer, row) if fewer is sources else (row, fewer)
        pairs = tuple(zip(*rows, strict=True))
        yield pairs, sum(likeness[pair] for pair in pairs)


def _greedy(likeness: Mapping[tuple[Symbol, Symbol], float]) -> _Pairs:
    chosen: dict[Symbol, Symbol] = {}
    score = 0.0
    for (source, target), value in sorted(likeness.items(), key=itemgetter(1), reverse=True):
        if source not in chosen and target not in chosen.values():
            chosen[source] = target
            score += value
    return tuple(chosen.items()), score


def _likeness(source: str, target: str, is_as_frequent: bool) -> float:
    names = SequenceMatcher(None, source.casefold(), target.casefold(), autojunk=False).ratio()
    return 0.8 * names + 0.2 * is_as_frequent
