"""One key for problems that differ only in how they are written.

The key is the SHA-256 of the problem in a normal form: symbols and bound variables numbered,
operands of ∧, ∨, ↔ and = without order, nested ∧ and ∨ in one, blocks of one quantifier in one
and without order, a ⊕ b as ¬(a ↔ b) and negations before ↔, doubled negations and doubled operands
gone, premises a set. Each of these steps
keeps what follows from what (given that every sort has members), and so two problems with one key
have one answer. The converse is not promised: numbering without regard to names is the
isomorphism of graphs, and what refinement of colours cannot tell apart is numbered in the order of
the text.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, TypeAlias

from sandboxes.logic.syntax import (
    INDIVIDUAL,
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
    Negation,
    Problem,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    closure,
    conjunction,
    disjunction,
    operands,
    rebuilt,
    subterms,
    terms,
)

__all__ = ["VERSION", "Canonical", "canonical", "normal", "statement_key"]

VERSION: Final = 1
"""Part of every key; it grows with each change of what the normal form is."""

_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Canonical:
    """The key of a problem, and what is needed to carry an answer over to another one with it.

    Attributes:
        key: 64 hexadecimal digits.
        symbols: Symbols of the problem in the order of the normal form: the n-th of one problem
            plays the part of the n-th of the other.
        sorts: Sorts in the order of the normal form.
        premises: For each premise of the normal form, which premises of the problem it is, by
            index: several where they say the same.
    """

    key: str
    symbols: tuple[Symbol, ...]
    sorts: tuple[str, ...]
    premises: tuple[tuple[int, ...], ...]


def canonical(problem: Problem) -> Canonical:
    """The key of a problem: premises as a set, and what affirms and denies the goal."""
    premises = [normal(closure(premise.formula)) for premise in problem.premises]
    goals: list[Formula] = []
    if problem.goal:
        goals = [normal(problem.affirmation()), normal(problem.denial())]
    coloured = _Coloured([*goals, *premises], len(goals))
    groups: dict[Formula, list[int]] = defaultdict(list)
    for index, premise in enumerate(premises):
        groups[coloured.ordered(premise)].append(index)
    ranked = sorted(groups.items(), key=lambda item: coloured.hash(item[0]))
    writer = _Writer()
    parts = [writer.formula(coloured.ordered(goal), {}) for goal in goals]
    # Premises that colours cannot tell apart stay in the order of the text.
    parts += ["premises", *(writer.formula(premise, {}) for premise, _ in ranked)]
    text = "\n".join([f"logic {VERSION} {len(goals)}", *parts, *writer.signature()])
    return Canonical(
        hashlib.sha256(text.encode()).hexdigest(),
        tuple(writer.numbers),
        tuple(writer.sorts),
        tuple(tuple(indices) for _, indices in ranked),
    )


def statement_key(formula: Formula) -> str:
    """A key of one formula that keeps the names of its symbols: equal for two formulas only if
    they are one but for bound variables and order.
    """
    whole = normal(closure(formula))
    coloured = _Coloured([whole], 0, named=True)
    text = _Writer(named=True).formula(coloured.ordered(whole), {})
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def normal(formula: Formula) -> Formula:
    """The formula without nesting, negations, operands and variables that change nothing.

    Bound variables have names of their own, none in two quantifiers.
    """
    simple, _ = _simple(_renamed(formula, {}, 0, None))
    return _renamed(simple, {}, 0, count())


def _simple(formula: Formula) -> tuple[Formula, frozenset[Variable]]:
    """The formula in fewer words, and its free variables."""
    match formula:
        case Atom() | Equality():
            parts = (part for term in terms(formula) for part in subterms(term))
            return formula, frozenset(part for part in parts if isinstance(part, Variable))
        case Negation(operand):
            inner, free = _simple(operand)
            return _negated(inner), free
        case Conjunction(parts) | Disjunction(parts):
            kind = type(formula)
            flat: dict[Formula, None] = {}
            free = frozenset()
            for part in parts:
                inner, inner_free = _simple(part)
                flat.update(dict.fromkeys(inner.operands if isinstance(inner, kind) else (inner,)))
                free |= inner_free
            return (conjunction if kind is Conjunction else disjunction)(flat), free
        case Equivalence(left, right) | ExclusiveOr(left, right):
            (first, first_free), (second, second_free) = _simple(left), _simple(right)
            is_even = isinstance(formula, Equivalence)
            for side in (first, second):
                is_even = is_even is not isinstance(side, Negation)
            same = Equivalence(_bare(first), _bare(second))
            return same if is_even else Negation(same), first_free | second_free
        case Implication(left, right):
            (first, first_free), (second, second_free) = _simple(left), _simple(right)
            return Implication(first, second), first_free | second_free
        case Universal(variables, body) | Existential(variables, body):
            inner, free = _simple(body)
            made = type(formula)
            kept = tuple(variable for variable in dict.fromkeys(variables) if variable in free)
            if kept and isinstance(inner, made):
                return made((*kept, *inner.variables), inner.body), free.difference(kept)
            return made(kept, inner) if kept else inner, free.difference(kept)
        case _:
            return formula, frozenset()


def _bare(formula: Formula) -> Formula:
    return formula.operand if isinstance(formula, Negation) else formula


def _negated(formula: Formula) -> Formula:
    return formula.operand if isinstance(formula, Negation) else Negation(formula)


def _renamed(
    formula: Formula, names: Mapping[Variable, Variable], depth: int, numbers: Iterator[int] | None
) -> Formula:
    """The formula with bound variables numbered: through all of it, or without numbers to go by,
    by how many are bound around each, so that parts that differ in names only become equal.
    """
    match formula:
        case Atom(symbol, arguments):
            return Atom(symbol, tuple([_renamed_term(term, names) for term in arguments]))
        case Equality(left, right):
            return Equality(_renamed_term(left, names), _renamed_term(right, names))
        case Universal(variables, body) | Existential(variables, body):
            fresh = [
                Variable(f"v{next(numbers) if numbers else depth + place}", variable.sort)
                for place, variable in enumerate(variables)
            ]
            inner = {**names, **dict(zip(variables, fresh, strict=True))}
            renamed = _renamed(body, inner, depth + len(variables), numbers)
            return type(formula)(tuple(fresh), renamed)
        case _:
            parts = [_renamed(part, names, depth, numbers) for part in operands(formula)]
            return rebuilt(formula, parts)


def _renamed_term(term: Term, names: Mapping[Variable, Variable]) -> Term:
    if isinstance(term, Variable):
        return names[term]
    arguments = tuple([_renamed_term(argument, names) for argument in term.arguments])
    return Application(term.symbol, arguments)


_Colour: TypeAlias = int
# Hashes of tuples of integers are the same in all processes of one Python, unlike those of strings.
# A key may differ between versions of Python, then, and is never wrong for it.
_mixed: Final = hash


def _of_text(text: str) -> _Colour:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


_KINDS: Final = {
    Atom: 0,
    Equality: 1,
    Truth: 2,
    Falsehood: 3,
    Negation: 4,
    Conjunction: 5,
    Disjunction: 6,
    Implication: 7,
    Equivalence: 8,
    ExclusiveOr: 9,
    Universal: 10,
    Existential: 11,
}


class _Coloured:
    """Colours of symbols and variables: what can be told of each from where it occurs."""

    def __init__(self, formulas: Sequence[Formula], goals: int, *, named: bool = False) -> None:
        self._colours: dict[Symbol | Variable, _Colour] = {}
        self._memory: dict[int, tuple[Formula, _Colour]] = {}
        self._named = named
        told_apart = 0
        for _ in range(_ROUNDS):
            contexts: dict[Symbol | Variable, list[_Colour]] = defaultdict(list)
            for number, formula in enumerate(formulas):
                self._spread(formula, min(number, goals), contexts)
            self._colours = {
                node: _mixed((self._colour(node), tuple(sorted(found))))
                for node, found in contexts.items()
            }
            self._memory.clear()
            before, told_apart = told_apart, len(set(self._colours.values()))
            if told_apart == before:
                break

    def _colour(self, node: Symbol | Variable) -> _Colour:
        known = self._colours.get(node)
        if known is None:
            known = self._first_colour(node)
            self._colours[node] = known
        return known

    def _first_colour(self, node: Symbol | Variable) -> _Colour:
        if isinstance(node, Variable):
            return self._sort(node.sort)
        sorts = tuple(self._sort(sort) for sort in (*node.argument_sorts, node.sort))
        name = _of_text(node.name) if self._named else 0
        return _mixed((_of_text(node.kind), sorts, name))

    def _sort(self, sort: str) -> int:
        return _of_text(sort) if self._named or sort == INDIVIDUAL else 1

    def hash(self, formula: Formula) -> _Colour:
        """The colour of a formula: without regard to order where order has no meaning."""
        known = self._memory.get(id(formula))
        if known is not None:
            return known[1]
        match formula:
            case Atom(symbol, arguments):
                colour = _mixed((self._colour(symbol), *[self._term(t) for t in arguments]))
            case Equality(left, right):
                colour = _mixed((_KINDS[Equality], *sorted((self._term(left), self._term(right)))))
            case Universal(variables, body) | Existential(variables, body):
                bound = sorted(self._colour(variable) for variable in variables)
                colour = _mixed((_KINDS[type(formula)], *bound, self.hash(body)))
            case _:
                parts = [self.hash(part) for part in operands(formula)]
                if isinstance(formula, _UNORDERED):
                    parts.sort()
                colour = _mixed((_KINDS[type(formula)], *parts))
        self._memory[id(formula)] = (formula, colour)
        return colour

    def _term(self, term: Term) -> _Colour:
        if isinstance(term, Variable):
            return self._colour(term)
        if not term.arguments:
            return self._colour(term.symbol)
        return _mixed((self._colour(term.symbol), *[self._term(t) for t in term.arguments]))

    def _spread(
        self,
        formula: Formula,
        context: _Colour,
        contexts: dict[Symbol | Variable, list[_Colour]],
    ) -> None:
        """Tells each symbol and variable of each of its occurrences: the way to it."""
        here = _mixed((context, self.hash(formula)))
        match formula:
            case Atom(symbol, arguments):
                contexts[symbol].append(here)
                for place, term in enumerate(arguments):
                    self._spread_term(term, _mixed((here, place)), contexts)
            case Equality(left, right):
                for side, other in ((left, right), (right, left)):
                    self._spread_term(side, _mixed((here, self._term(other))), contexts)
            case Universal(variables, body) | Existential(variables, body):
                for variable in variables:
                    contexts[variable].append(here)
                self._spread(body, here, contexts)
            case _:
                ordered = isinstance(formula, Implication)
                for place, part in enumerate(operands(formula)):
                    self._spread(part, _mixed((here, place if ordered else 0)), contexts)

    def _spread_term(
        self, term: Term, context: _Colour, contexts: dict[Symbol | Variable, list[_Colour]]
    ) -> None:
        if isinstance(term, Variable):
            contexts[term].append(context)
            return
        contexts[term.symbol].append(context)
        for place, argument in enumerate(term.arguments):
            self._spread_term(argument, _mixed((context, self._term(term), place)), contexts)

    def ordered(self, formula: Formula) -> Formula:
        """The formula with operands, sides and variables in the order of their colours."""
        match formula:
            case Atom() | Truth() | Falsehood():
                return formula
            case Equality(left, right):
                return Equality(*sorted((left, right), key=self._term))
            case Universal(variables, body) | Existential(variables, body):
                listed = tuple(sorted(variables, key=self._colour))
                return type(formula)(listed, self.ordered(body))
            case _:
                parts: Sequence[Formula] = operands(formula)
                if isinstance(formula, _UNORDERED):
                    parts = sorted(parts, key=self.hash)
                return rebuilt(formula, [self.ordered(part) for part in parts])


_UNORDERED: Final = (Conjunction, Disjunction, Equivalence)


class _Writer:
    """Writes formulas with numbers for names, in the order in which they come first."""

    def __init__(self, *, named: bool = False) -> None:
        self.numbers: dict[Symbol, int] = {}
        self.sorts: dict[str, int] = {}
        self._named = named

    def formula(self, formula: Formula, bound: dict[Variable, int]) -> str:
        match formula:
            case Atom(symbol, arguments):
                return self._applied(symbol, arguments, bound)
            case Equality(left, right):
                return f"(= {self._term(left, bound)} {self._term(right, bound)})"
            case Universal(variables, body) | Existential(variables, body):
                inner = dict(bound)
                for variable in variables:
                    inner[variable] = len(inner)
                listed = " ".join(self._sort(variable.sort) for variable in variables)
                return f"({type(formula).__name__} [{listed}] {self.formula(body, inner)})"
            case _:
                parts = [self.formula(part, bound) for part in operands(formula)]
                return f"({' '.join([type(formula).__name__, *parts])})"

    def _term(self, term: Term, bound: dict[Variable, int]) -> str:
        if isinstance(term, Variable):
            return f"v{bound[term]}"
        return self._applied(term.symbol, term.arguments, bound)

    def _applied(
        self, symbol: Symbol, arguments: tuple[Term, ...], bound: dict[Variable, int]
    ) -> str:
        number = self.numbers.setdefault(symbol, len(self.numbers))
        name = repr(symbol) if self._named else f"s{number}"
        return f"({' '.join([name, *(self._term(term, bound) for term in arguments)])})"

    def _sort(self, sort: str) -> str:
        if self._named or sort == INDIVIDUAL:
            return repr(sort)
        return str(self.sorts.setdefault(sort, len(self.sorts)))

    def signature(self) -> list[str]:
        """What each number stands for, but for names."""
        return [
            f"s{number} {symbol.kind} ({' '.join(map(self._sort, symbol.argument_sorts))}) "
            f"{self._sort(symbol.sort)}"
            for symbol, number in self.numbers.items()
        ]
