"""What is odd about a problem that could be read: told before it is solved, or after.

Lints change no verdict. Each says what was assumed, or what the text probably meant, with the edit
of the caller's texts that would say so.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Final

from sandboxes.logic.canonical import statement_key
from sandboxes.logic.reader.dialects import Dialect
from sandboxes.logic.reader.findings import Edit, Finding, Fix, LintCode, Source, finding, shown
from sandboxes.logic.syntax import (
    Application,
    Atom,
    Conjunction,
    Existential,
    Formula,
    Implication,
    Kind,
    Problem,
    Span,
    Statement,
    Symbol,
    Universal,
    Variable,
    free_variables,
    operands,
    subformulas,
    subterms,
    symbols,
    terms,
)

__all__ = ["MAX_LINTS", "Outcome", "lint", "lint_outcome"]

MAX_LINTS: Final = 100
"""Most lints told of one problem."""

# Names longer than this, and more names than that, are not compared letter by letter.
_COMPARED_LENGTH: Final = 64
_COMPARED_NAMES: Final = 2_000
_TYPO_LENGTH: Final = 5

_SPELLED: Final = (Dialect.FOL, Dialect.NLTK, Dialect.UNICODE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What solving a problem has shown that a lint may tell.

    Attributes:
        used: Identifiers of the premises that the answer rests on; None if that is not known.
        consistent: Whether the premises have a model; None if that is not known.
        goal_alone: Whether the goal holds (True) or fails (False) without any premise; None if
            neither, or if that is not known.
    """

    used: Collection[str] | None = None
    consistent: bool | None = None
    goal_alone: bool | None = None


def lint(
    problem: Problem,
    sources: Sequence[Source],
    dialect: Dialect = Dialect.FOL,
    glosses: Mapping[Symbol, str] | None = None,
) -> tuple[Finding, ...]:
    """What can be told of a problem without solving it.

    Args:
        problem: As read.
        sources: The texts that it was read from.
        dialect: Language that it was read in.
        glosses: What the texts declare; symbols that are not among them are told of.
    """
    facts = _Facts.of(problem, sources)
    checks: tuple[Callable[[_Facts], Iterator[Finding]], ...] = (
        _free_variables,
        _overloaded,
        _arity_clashes,
        _confusable,
        _near_duplicates,
        _numerals,
        _shapes,
        _goal_symbols,
        _restated_goal,
    )
    found: list[Finding] = []
    for check in checks:
        found.extend(islice(check(facts), MAX_LINTS - len(found)))
    if dialect in _SPELLED:
        found.extend(islice(_prover9_variables(facts), MAX_LINTS - len(found)))
    if glosses:
        found.extend(islice(_undeclared(facts, glosses), MAX_LINTS - len(found)))
    return tuple(found)


def lint_outcome(
    problem: Problem, sources: Sequence[Source], outcome: Outcome
) -> tuple[Finding, ...]:
    """What the answer to a problem tells about the problem."""
    facts = _Facts.of(problem, sources)
    return tuple(islice(_of_outcome(facts, outcome), MAX_LINTS))


def _of_outcome(facts: _Facts, outcome: Outcome) -> Iterator[Finding]:
    if outcome.consistent is False and facts.problem.premises:
        yield facts.at(
            facts.problem.premises[0],
            LintCode.INCONSISTENT_PREMISES,
            "The premises contradict each other, and so everything follows from them. Correct "
            "them before the goal is asked about.",
        )
    if outcome.goal_alone is not None and facts.problem.goal:
        what = "holds" if outcome.goal_alone else "fails"
        yield facts.at(
            facts.problem.goal,
            LintCode.VACUOUS_GOAL,
            f"The goal {what} whatever the premises say. Check that it says what is meant.",
        )
    if outcome.used is not None and outcome.consistent is not False:
        for premise in facts.problem.premises:
            if premise.identifier not in outcome.used:
                yield facts.at(
                    premise,
                    LintCode.UNUSED_PREMISE,
                    f"The answer does not rest on the premise {shown(premise.identifier)}.",
                )


@dataclass(frozen=True, slots=True)
class _Occurrence:
    source: str
    span: Span


@dataclass(slots=True)
class _Facts:
    """A problem with the places of its symbols."""

    problem: Problem
    sources: dict[str, Source]
    places: dict[Symbol, list[_Occurrence]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, problem: Problem, sources: Sequence[Source]) -> _Facts:
        facts = cls(problem, {source.name: source for source in sources})
        for statement in facts.statements():
            for symbol, span in _symbol_places(statement.formula):
                facts.places[symbol].append(_Occurrence(statement.source, span))
        return facts

    def statements(self) -> Iterator[Statement]:
        yield from self.problem.premises
        if self.problem.goal:
            yield self.problem.goal

    def finding(
        self, source: str, span: Span, code: LintCode, message: str, fixes: Iterable[Fix] = ()
    ) -> Finding:
        text = self.sources.get(source, Source(source, ""))
        return finding(text, span, code, message, fixes=fixes)

    def at(
        self, statement: Statement, code: LintCode, message: str, fixes: Iterable[Fix] = ()
    ) -> Finding:
        """A finding on a whole statement."""
        return self.finding(statement.source, statement.span or Span(0, 0), code, message, fixes)

    def on(
        self, symbol: Symbol, code: LintCode, message: str, fixes: Iterable[Fix] = ()
    ) -> Finding:
        """A finding where a symbol comes first."""
        place = self.places[symbol][0]
        return self.finding(place.source, place.span, code, message, fixes)

    def renaming(self, symbol: Symbol, name: str) -> Fix | None:
        """The edits that give a symbol another name; None where its places are not plain."""
        edits = []
        for place in self.places[symbol]:
            end = place.span.start + len(symbol.name)
            text = self.sources.get(place.source, Source("", "")).text
            if text[place.span.start : end] != symbol.name:
                return None
            edits.append(Edit(place.source, Span(place.span.start, end), name))
        return Fix(f"Write {shown(name)} for {shown(symbol.name)}.", tuple(edits))


def _symbol_places(formula: Formula) -> Iterator[tuple[Symbol, Span]]:
    for part in subformulas(formula):
        if isinstance(part, Atom) and part.span:
            yield part.symbol, part.span
        for term in terms(part):
            for inner in subterms(term):
                if isinstance(inner, Application) and inner.span:
                    yield inner.symbol, inner.span


def _free_variables(facts: _Facts) -> Iterator[Finding]:
    for statement in facts.statements():
        free = free_variables(statement.formula)
        if not free or statement.span is None:
            continue
        names = ", ".join(shown(variable.name) for variable in free)
        start, end = statement.span.start, statement.span.end
        binding = "".join(f"∀{variable.name} " for variable in free)
        fix = Fix(
            "Bind it around the whole formula.",
            (
                Edit(statement.source, Span(start, start), f"{binding}("),
                Edit(statement.source, Span(end, end), ")"),
            ),
        )
        yield facts.at(
            statement,
            LintCode.FREE_VARIABLE,
            f"Nothing binds {names}. The formula is taken to hold for all values; write the "
            "quantifier that is meant.",
            [fix],
        )


def _by_name(facts: _Facts, kind: Kind) -> dict[str, list[Symbol]]:
    names: dict[str, list[Symbol]] = defaultdict(list)
    for symbol in facts.places:
        if symbol.kind is kind:
            names[symbol.name].append(symbol)
    return names


def _overloaded(facts: _Facts) -> Iterator[Finding]:
    functions = _by_name(facts, Kind.FUNCTION)
    for name, predicates in _by_name(facts, Kind.PREDICATE).items():
        if name in functions:
            what = "a constant" if functions[name][0].arity == 0 else "a function"
            yield facts.on(
                max(predicates[0], functions[name][0], key=lambda s: facts.places[s][0].span.start),
                LintCode.OVERLOADED,
                f"{shown(name)} is a predicate and {what}. The two have nothing to do with each "
                "other; Prover9 refuses the text. Use two names.",
            )


def _arity_clashes(facts: _Facts) -> Iterator[Finding]:
    for kind in Kind:
        for name, same in _by_name(facts, kind).items():
            if len(same) > 1:
                numbers = " and ".join(str(n) for n in sorted({s.arity for s in same}))
                yield facts.on(
                    min(same, key=lambda symbol: len(facts.places[symbol])),
                    LintCode.ARITY_CLASH,
                    f"The {kind} {shown(name)} is used with {numbers} arguments. These are "
                    "symbols that have nothing to do with each other.",
                )


# Letters and digits that look like others, of other scripts and of ASCII itself.
_LOOK_ALIKES: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТХҮаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧοιν",  # noqa: RUF001
    "ABESIJKMHOPCTXYaesijopcyxABEZHIKMNOPTYXoiv",
)
_ASCII_LOOK_ALIKES: Final = str.maketrans("I10", "llO")


def _likeness(name: str) -> str:
    """What a name looks like: equal for names that cannot be told apart by eye."""
    plain = unicodedata.normalize("NFKC", name).translate(_LOOK_ALIKES)
    return plain.translate(_ASCII_LOOK_ALIKES).replace("rn", "m").replace("vv", "w")


def _confusable(facts: _Facts) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for statement in facts.statements():
        for part in subformulas(statement.formula):
            if isinstance(part, Universal | Existential):
                seen.update(
                    (_likeness(variable.name), variable.name) for variable in part.variables
                )
    for symbol in sorted(facts.places, key=lambda symbol: not symbol.name.isascii()):
        other = seen.setdefault(_likeness(symbol.name), symbol.name)
        if other != symbol.name:
            fix = facts.renaming(symbol, other)
            yield facts.on(
                symbol,
                LintCode.CONFUSABLE,
                f"{symbol.name!a} looks like {other!a} and is another name. Write both "
                "with the same letters if they are one.",
                [fix] if fix else [],
            )
        elif len(scripts := _scripts(symbol.name)) > 1:
            yield facts.on(
                symbol,
                LintCode.CONFUSABLE,
                f"{symbol.name!a} has letters of several scripts: "
                f"{', '.join(sorted(scripts))}. Write it with letters of one.",
            )


def _scripts(name: str) -> set[str]:
    return {
        unicodedata.name(letter, "UNKNOWN").split()[0].capitalize()
        for letter in name
        if letter.isalpha()
    } & {"Latin", "Greek", "Cyrillic", "Armenian", "Cherokee"}


def _near_duplicates(facts: _Facts) -> Iterator[Finding]:
    groups: dict[tuple[Kind, int], list[Symbol]] = defaultdict(list)
    for symbol in facts.places:
        if len(symbol.name) <= _COMPARED_LENGTH:
            groups[symbol.kind, symbol.arity].append(symbol)
    for group in groups.values():
        for first, second in _near_pairs(group[:_COMPARED_NAMES]):
            rare, usual = sorted((second, first), key=lambda symbol: len(facts.places[symbol]))
            fix = facts.renaming(rare, usual.name)
            yield facts.on(
                rare,
                LintCode.NEAR_DUPLICATE,
                f"{shown(rare.name)} and {shown(usual.name)} are two symbols. Use one name if "
                "one thing is meant.",
                [fix] if fix else [],
            )


def _near_pairs(group: Sequence[Symbol]) -> Iterator[tuple[Symbol, Symbol]]:
    """Pairs of names that differ by case, underscores, a plural's s, or one letter."""
    buckets: dict[str, list[Symbol]] = defaultdict(list)
    for symbol in group:
        plain = _plain(symbol.name)
        keys = {plain, plain.removesuffix("s")}
        if len(plain) >= _TYPO_LENGTH:
            keys.update(plain[:at] + plain[at + 1 :] for at in range(len(plain)))
        for key in keys:
            buckets[key].append(symbol)
    told: set[tuple[Symbol, Symbol]] = set()
    for bucket in buckets.values():
        for pair in combinations(bucket[:_MAX_BUCKET], 2):
            if pair not in told and _are_near(_plain(pair[0].name), _plain(pair[1].name)):
                told.add(pair)
                yield pair


_MAX_BUCKET: Final = 20


def _plain(name: str) -> str:
    return re.sub(r"[-_'’. ]", "", name).casefold()


def _are_near(first: str, second: str) -> bool:
    if first.removesuffix("s") == second.removesuffix("s"):
        return bool(first and second)
    if min(len(first), len(second)) < _TYPO_LENGTH:
        return False
    short, long = sorted((first, second), key=len)
    start = 0
    while start < len(short) and short[start] == long[start]:
        start += 1
    rest_short, rest_long = short[start:], long[start:]
    if any(letter.isdigit() for letter in rest_short[:2] + rest_long[:2]):
        return False  # room1 and room2 are two rooms
    if len(short) < len(long):
        return rest_short == rest_long[1:]
    return rest_short[1:] == rest_long[1:] or (
        rest_short[:2] == rest_long[1::-1] and rest_short[2:] == rest_long[2:]
    )


_NUMERAL: Final = re.compile(r"[\d.]+")


def _numerals(facts: _Facts) -> Iterator[Finding]:
    numerals = [
        symbol
        for symbol in facts.places
        if symbol.kind is Kind.FUNCTION and _NUMERAL.fullmatch(symbol.name)
    ]
    if len(numerals) > 1:
        yield facts.on(
            numerals[0],
            LintCode.NUMERAL,
            f"{shown(numerals[0].name)} and {shown(numerals[1].name)} are constants like others: "
            "that they differ, and which is more, is not assumed. Say so in a premise if it "
            "matters.",
        )


def _shapes(facts: _Facts) -> Iterator[Finding]:
    for statement in facts.statements():
        for variable in _unused(statement.formula, {}):
            yield facts.finding(
                statement.source,
                variable.span or statement.span or Span(0, 0),
                LintCode.UNUSED_VARIABLE,
                f"The variable {shown(variable.name)} does not occur in what its quantifier is "
                "about. Leave it out, or use it.",
            )
        for part in subformulas(statement.formula):
            if isinstance(part, Universal | Existential):
                yield from _of_quantifier(facts, statement, part)


def _unused(formula: Formula, scope: dict[Variable, list[Variable]]) -> Iterator[Variable]:
    """Quantified variables that do not occur; `scope` has those that wait for an occurrence."""
    for term in terms(formula):
        for part in subterms(term):
            if isinstance(part, Variable) and part in scope:
                scope[part].clear()
    if isinstance(formula, Universal | Existential):
        waiting = {variable: [variable] for variable in formula.variables}
        yield from _unused(formula.body, {**scope, **waiting})
        for left in waiting.values():
            yield from left
        return
    for operand in operands(formula):
        yield from _unused(operand, scope)


def _of_quantifier(
    facts: _Facts, statement: Statement, part: Universal | Existential
) -> Iterator[Finding]:
    span = part.span or statement.span or Span(0, 0)
    if isinstance(part, Existential) and isinstance(part.body, Implication):
        yield facts.finding(
            statement.source,
            span,
            LintCode.EXISTENTIAL_IMPLICATION,
            "`∃x (P → Q)` holds as soon as something is not P. To say that some P is Q, write "
            "`∃x (P ∧ Q)`.",
        )
    if isinstance(part, Universal) and isinstance(part.body, Conjunction):
        yield facts.finding(
            statement.source,
            span,
            LintCode.UNIVERSAL_CONJUNCTION,
            "`∀x (P ∧ Q)` says that everything is P. To say that every P is Q, write `∀x (P → Q)`.",
        )


def _goal_symbols(facts: _Facts) -> Iterator[Finding]:
    goal = facts.problem.goal
    if goal is None or not facts.problem.premises:
        return
    known = {symbol for one in facts.problem.premises for symbol in symbols(one.formula)}
    for symbol in symbols(goal.formula):
        if symbol not in known:
            span = next((s for found, s in _symbol_places(goal.formula) if found == symbol), None)
            yield facts.finding(
                goal.source,
                span or goal.span or Span(0, 0),
                LintCode.GOAL_SYMBOL,
                f"No premise speaks of the {symbol.kind} {shown(symbol.name)} with "
                f"{_arguments(symbol.arity)}. Check its spelling.",
            )


def _restated_goal(facts: _Facts) -> Iterator[Finding]:
    if facts.problem.goal is None:
        return
    goal = facts.problem.goal.formula
    used = set(symbols(goal))
    for premise in facts.problem.premises:
        if set(symbols(premise.formula)) != used:
            continue
        if statement_key(premise.formula) == statement_key(goal):
            yield facts.at(
                premise,
                LintCode.RESTATED_GOAL,
                f"The premise {shown(premise.identifier)} says what the goal says.",
            )


def _arguments(number: int) -> str:
    return "1 argument" if number == 1 else f"{number or 'no'} arguments"


def _prover9_variables(facts: _Facts) -> Iterator[Finding]:
    for symbol in facts.places:
        if symbol.kind is Kind.FUNCTION and symbol.arity == 0 and symbol.name[:1] in set("uvwxyz"):
            yield facts.on(
                symbol,
                LintCode.PROVER9_VARIABLE,
                f"{shown(symbol.name)} is a constant here. Prover9, and NLTK with it, takes names "
                "that begin with u to z for variables.",
            )


def _undeclared(facts: _Facts, glosses: Mapping[Symbol, str]) -> Iterator[Finding]:
    arities: dict[str, list[str]] = defaultdict(list)
    for symbol in glosses:
        arities[symbol.name].append(str(symbol.arity))
    for symbol in facts.places:
        if symbol.kind is Kind.PREDICATE and symbol not in glosses:
            others = " or ".join(arities[symbol.name])
            yield facts.on(
                symbol,
                LintCode.UNDECLARED_PREDICATE,
                f"The list of predicates has no {shown(symbol.name)} with "
                f"{_arguments(symbol.arity)}" + (f", but one with {others}." if others else "."),
            )
