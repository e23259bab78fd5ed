"""Formulas and problems as text in the dialects that are read, with the caller's names.

Text is for people and for other tools of theirs. Solvers of this service are handed generated
names, by `sandboxes.logic.solvers`.

What is printed is read as the same formula again, but for the names of bound variables in TPTP,
and for what a dialect has no sign for: NLTK and Prover9 are told `-(a <-> b)` for an exclusive or,
and Prover9 has one variable to a quantifier.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.logic.reader import Dialect
from sandboxes.logic.reader.tokens import TokenKind, tokens
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
    Kind,
    Negation,
    Problem,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    closure,
    free_variables,
    subformulas,
    symbols,
)

__all__ = ["Unprintable", "printed", "printed_problem", "printed_term"]


class Unprintable(ValueError):
    """The dialect has no way to say it; the message says what."""


def printed(formula: Formula, dialect: Dialect = Dialect.UNICODE) -> str:
    """A formula as text; for TPTP and SMT-LIB the bare formula, closed, without declarations.

    Raises:
        Unprintable: The dialect has no such names or formulas, or the formula has sorts and the
            dialect has none.
    """
    match dialect:
        case Dialect.TPTP:
            return _Tptp().formula(closure(formula), {})
        case Dialect.SMTLIB:
            return _smt(closure(formula), frozenset())
        case Dialect.PYKE | Dialect.STRICT:
            raise Unprintable(f"Formulas are not printed as {dialect}. Use nltk.")
        case _:
            return _Infix(_SIGNS[dialect]).formula(formula, ())


def printed_term(term: Term) -> str:
    """A term as people write it: `f(x, a)`."""
    if isinstance(term, Variable):
        return term.name
    if not term.arguments:
        return term.symbol.name
    return f"{term.symbol.name}({', '.join(map(printed_term, term.arguments))})"


def printed_problem(problem: Problem, dialect: Dialect = Dialect.UNICODE) -> str:
    """A problem as a text that `read` reads as one formalisation.

    Raises:
        Unprintable: As `printed`; in SMT-LIB also if a name stands for several symbols.
    """
    match dialect:
        case Dialect.TPTP:
            return "\n".join(_tptp_lines(problem)) + "\n"
        case Dialect.SMTLIB:
            return "\n".join(_smt_lines(problem)) + "\n"
        case Dialect.PROVER9:
            return "\n".join(_ladr_lines(problem)) + "\n"
        case _:
            lines = ["Premises:", *(printed(one.formula, dialect) for one in problem.premises)]
            if problem.goal:
                lines += ["Conclusion:", printed(problem.goal.formula, dialect)]
            return "\n".join(lines) + "\n"


# NLTK, LADR and Unicode


@dataclass(frozen=True, slots=True)
class _Signs:
    forall: str
    exists: str
    between: str
    after: str
    negation: str
    conjunction: str
    disjunction: str
    implication: str
    equivalence: str
    exclusive: str
    unequal: str
    truth: str
    falsehood: str
    variables: re.Pattern[str]


_LONE: Final = re.compile(r"[u-z]\d*")
_SIGNS: Final = {
    Dialect.UNICODE: _Signs(
        "∀", "∃", ", ", " ", "¬", "∧", "∨", "→", "↔", "⊕", "≠", "⊤", "⊥", _LONE
    ),
    Dialect.NLTK: _Signs(
        "all ", "exists ", " ", ". ", "-", "&", "|", "->", "<->", "", "!=", "", "", _LONE
    ),
    Dialect.PROVER9: _Signs(
        "all ", "exists ", "", " ", "-", "&", "|", "->", "<->", "", "!=", "$T", "$F",
        re.compile(r"[u-z].*"),
    ),
}  # fmt: skip
_SIGNS[Dialect.FOL] = _SIGNS[Dialect.UNICODE]


@dataclass(frozen=True, slots=True)
class _Infix:
    signs: _Signs

    def formula(self, formula: Formula, bound: tuple[str, ...]) -> str:
        signs = self.signs
        match formula:
            case Truth():
                return signs.truth or _missing("truth")
            case Falsehood():
                return signs.falsehood or _missing("falsehood")
            case Atom(symbol, arguments):
                return self.applied(symbol, arguments, bound)
            case Equality(left, right):
                return f"{self.term(left, bound)} = {self.term(right, bound)}"
            case Negation(Equality(left, right)):
                return f"{self.term(left, bound)} {signs.unequal} {self.term(right, bound)}"
            case Negation(operand):
                return signs.negation + self.operand(operand, bound)
            case Conjunction(operands):
                return self.joined(operands, signs.conjunction, bound)
            case Disjunction(operands):
                return self.joined(operands, signs.disjunction, bound)
            case Implication(left, right):
                return self.joined((left, right), signs.implication, bound)
            case Equivalence(left, right):
                return self.joined((left, right), signs.equivalence, bound)
            case ExclusiveOr(left, right):
                if not signs.exclusive:
                    return self.formula(Negation(Equivalence(left, right)), bound)
                return self.joined((left, right), signs.exclusive, bound)
            case Universal(variables, body) | Existential(variables, body):
                sign = signs.forall if isinstance(formula, Universal) else signs.exists
                names = tuple(self.variable(variable) for variable in variables)
                inner = self.operand(body, (*bound, *names))
                if not signs.between:
                    return "".join(f"{sign}{name}{signs.after}" for name in names) + inner
                return f"{sign}{signs.between.join(names)}{signs.after}{inner}"

    def joined(self, operands: Iterable[Formula], sign: str, bound: tuple[str, ...]) -> str:
        return f" {sign} ".join(self.operand(operand, bound) for operand in operands)

    def operand(self, formula: Formula, bound: tuple[str, ...]) -> str:
        """The formula, in brackets unless it is an atom or begins with a quantifier or ¬."""
        text = self.formula(formula, bound)
        tight = Truth | Falsehood | Atom | Universal | Existential
        if isinstance(formula, tight) or (
            isinstance(formula, Negation) and not isinstance(formula.operand, Equality)
        ):
            return text
        return f"({text})"

    def applied(self, symbol: Symbol, arguments: tuple[Term, ...], bound: tuple[str, ...]) -> str:
        name = self.name(symbol.name, bound)
        if not arguments:
            return name
        return f"{name}({', '.join(self.term(argument, bound) for argument in arguments)})"

    def term(self, term: Term, bound: tuple[str, ...]) -> str:
        if isinstance(term, Application):
            return self.applied(term.symbol, term.arguments, bound)
        if term.name not in bound and not self.signs.variables.fullmatch(term.name):
            raise Unprintable(
                f"The free variable {term.name!r} would be read as a constant. Bind it."
            )
        return self.variable(term)

    def variable(self, variable: Variable) -> str:
        if variable.sort != INDIVIDUAL:
            raise Unprintable(f"The dialect has no sorts, and {variable.name!r} has one.")
        if not _is_plain(variable.name):
            raise Unprintable(f"{variable.name!r} cannot be the name of a variable.")
        return variable.name

    def name(self, name: str, bound: tuple[str, ...]) -> str:
        """The name, in quotes where it would be read as something else."""
        if _is_plain(name) and name not in bound and not self.signs.variables.fullmatch(name):
            return name
        for quote in "\"'":
            if name == name.strip() and name and quote not in name and "\n" not in name:
                return f"{quote}{name}{quote}"
        raise Unprintable(f"The name {name!r} cannot be put in quotes.")


_PLAIN: Final = re.compile(r"[^\W\d]\w*")


@functools.lru_cache(maxsize=4096)
def _is_plain(name: str) -> bool:
    """Whether a name is one word for all of these dialects, and has no other meaning."""
    words = tokens(f"({name})") if _PLAIN.fullmatch(name) else []
    return len(words) == 4 and words[1].kind is TokenKind.NAME


def _missing(what: str) -> str:
    raise Unprintable(f"The dialect has no sign for {what}.")


def _ladr_lines(problem: Problem) -> Iterator[str]:
    yield "formulas(assumptions)."
    for premise in problem.premises:
        yield f"  {printed(premise.formula, Dialect.PROVER9)}."
    yield "end_of_list."
    if problem.goal:
        yield "formulas(goals)."
        yield f"  {printed(problem.goal.formula, Dialect.PROVER9)}."
        yield "end_of_list."


# TPTP

_LOWER: Final = re.compile(r"[a-z][a-zA-Z0-9_]*")
_BINARY_TPTP: Final[dict[type[Formula], str]] = {
    Implication: "=>",
    Equivalence: "<=>",
    ExclusiveOr: "<~>",
}


def _tptp_name(name: str) -> str:
    if _LOWER.fullmatch(name):
        return name
    if "\n" in name or not name:
        raise Unprintable(f"TPTP has no name {name!r}.")
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _tptp_sort(sort: str) -> str:
    return sort if sort == INDIVIDUAL else _tptp_name(sort)


@dataclass(frozen=True, slots=True)
class _Tptp:
    has_sorts: bool = False

    def formula(self, formula: Formula, names: dict[Variable, str]) -> str:
        match formula:
            case Truth():
                return "$true"
            case Falsehood():
                return "$false"
            case Atom(symbol, arguments):
                return self.applied(symbol, arguments, names)
            case Equality(left, right):
                return f"{self.term(left, names)} = {self.term(right, names)}"
            case Negation(Equality(left, right)):
                return f"{self.term(left, names)} != {self.term(right, names)}"
            case Negation(operand):
                return "~ " + self.operand(operand, names)
            case Conjunction(operands) | Disjunction(operands):
                sign = " & " if isinstance(formula, Conjunction) else " | "
                return sign.join(self.operand(operand, names) for operand in operands)
            case Universal(variables, body) | Existential(variables, body):
                inner = dict(names)
                for variable in variables:
                    inner[variable] = _fresh(variable.name, inner.values())
                listed = ", ".join(
                    inner[v] + (f": {_tptp_sort(v.sort)}" if self.has_sorts else "")
                    for v in variables
                )
                sign = "!" if isinstance(formula, Universal) else "?"
                return f"{sign} [{listed}] : {self.operand(body, inner)}"
            case Implication(left, right) | Equivalence(left, right) | ExclusiveOr(left, right):
                sign = _BINARY_TPTP[type(formula)]
                return f"{self.operand(left, names)} {sign} {self.operand(right, names)}"

    def operand(self, formula: Formula, names: dict[Variable, str]) -> str:
        text = self.formula(formula, names)
        return text if isinstance(formula, Atom | Truth | Falsehood) else f"({text})"

    def applied(self, symbol: Symbol, arguments: Sequence[Term], names: dict[Variable, str]) -> str:
        name = _tptp_name(symbol.name)
        if not arguments:
            return name
        return f"{name}({', '.join(self.term(argument, names) for argument in arguments)})"

    def term(self, term: Term, names: dict[Variable, str]) -> str:
        if isinstance(term, Variable):
            return names[term]
        return self.applied(term.symbol, term.arguments, names)


def _fresh(name: str, taken: Iterable[str]) -> str:
    """A TPTP variable after the name, unlike those that are taken."""
    base = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    base = base[:1].upper() + base[1:] if base[:1].isalpha() else f"X{base}"
    used = set(taken)
    number = 1
    fresh = base
    while fresh in used:
        number += 1
        fresh = f"{base}_{number}"
    return fresh


def _tptp_lines(problem: Problem) -> Iterator[str]:
    used, sorts = _signature(problem)
    language = _Tptp(has_sorts=bool(sorts - {INDIVIDUAL}))
    kind = "tff" if language.has_sorts else "fof"
    if language.has_sorts:
        by_name = _one_symbol_to_a_name(used)
        for number, sort in enumerate(sorted(sorts - {INDIVIDUAL})):
            yield f"tff(sort_{number}, type, {_tptp_name(sort)}: $tType)."
        for number, symbol in enumerate(by_name):
            result = "$o" if symbol.kind is Kind.PREDICATE else _tptp_sort(symbol.sort)
            arguments = " * ".join(map(_tptp_sort, symbol.argument_sorts))
            type_ = f"({arguments}) > {result}" if arguments else result
            yield f"tff(symbol_{number}, type, {_tptp_name(symbol.name)}: {type_})."
    for premise in problem.premises:
        text = language.formula(closure(premise.formula), {})
        yield f"{kind}({_tptp_name(premise.identifier)}, axiom, {text})."
    if problem.goal:
        text = language.formula(closure(problem.goal.formula), {})
        yield f"{kind}({_tptp_name(problem.goal.identifier)}, conjecture, {text})."


# SMT-LIB

_SIMPLE: Final = re.compile(r"[a-zA-Z~!@$%^&*_+=<>.?/-][\w~!@$%^&*+=<>.?/-]*", re.ASCII)
_OPERATORS: Final[dict[type[Formula], str]] = {
    Negation: "not",
    Conjunction: "and",
    Disjunction: "or",
    Implication: "=>",
    Equivalence: "=",
    ExclusiveOr: "xor",
}
_TAKEN: Final = frozenset(_OPERATORS.values()) | {
    *("distinct", "ite", "true", "false", "let", "forall", "exists"),
    *("!", "_", "as", "match", "par", "Bool"),
}


def _smt_name(name: str) -> str:
    if name in _TAKEN or "|" in name or "\\" in name:
        raise Unprintable(f"SMT-LIB has no free name {name!r}.")
    return name if _SIMPLE.fullmatch(name) else f"|{name}|"


def _smt(formula: Formula, bound: frozenset[str]) -> str:
    match formula:
        case Truth():
            return "true"
        case Falsehood():
            return "false"
        case Atom(symbol, arguments):
            return _smt_applied(symbol, arguments, bound)
        case Equality(left, right):
            return f"(= {_smt_term(left, bound)} {_smt_term(right, bound)})"
        case Universal(variables, body) | Existential(variables, body):
            sign = "forall" if isinstance(formula, Universal) else "exists"
            listed = " ".join(f"({_smt_name(v.name)} {_smt_name(v.sort)})" for v in variables)
            inner = bound.union(variable.name for variable in variables)
            return f"({sign} ({listed}) {_smt(body, inner)})"
        case Negation(operand):
            return f"(not {_smt(operand, bound)})"
        case Conjunction(operands) | Disjunction(operands):
            parts = " ".join(_smt(operand, bound) for operand in operands)
            return f"({_OPERATORS[type(formula)]} {parts})"
        case Implication(left, right) | Equivalence(left, right) | ExclusiveOr(left, right):
            return f"({_OPERATORS[type(formula)]} {_smt(left, bound)} {_smt(right, bound)})"


def _smt_applied(symbol: Symbol, arguments: Sequence[Term], bound: frozenset[str]) -> str:
    if symbol.name in bound:
        raise Unprintable(f"{symbol.name!r} is a symbol, and a bound variable around it.")
    name = _smt_name(symbol.name)
    if not arguments:
        return name
    return f"({name} {' '.join(_smt_term(argument, bound) for argument in arguments)})"


def _smt_term(term: Term, bound: frozenset[str]) -> str:
    if isinstance(term, Variable):
        return _smt_name(term.name)
    return _smt_applied(term.symbol, term.arguments, bound)


def _smt_lines(problem: Problem) -> Iterator[str]:
    used, sorts = _signature(problem)
    for sort in sorted(sorts):
        yield f"(declare-sort {_smt_name(sort)} 0)"
    for symbol in _one_symbol_to_a_name(used):
        arguments = " ".join(map(_smt_name, symbol.argument_sorts))
        result = "Bool" if symbol.kind is Kind.PREDICATE else _smt_name(symbol.sort)
        yield f"(declare-fun {_smt_name(symbol.name)} ({arguments}) {result})"
    for premise in problem.premises:
        text = _smt(closure(premise.formula), frozenset())
        yield f"(assert (! {text} :named {_smt_name('premise ' + premise.identifier)}))"
    if problem.goal:
        text = _smt(closure(problem.goal.formula), frozenset())
        yield f"(assert (! {text} :named goal))"


def _signature(problem: Problem) -> tuple[tuple[Symbol, ...], set[str]]:
    """The symbols of a problem in order, and all sorts."""
    statements = [*problem.premises, *([problem.goal] if problem.goal else [])]
    used: dict[Symbol, None] = {}
    sorts: set[str] = set()
    for statement in statements:
        used.update(dict.fromkeys(symbols(statement.formula)))
        for part in subformulas(statement.formula):
            if isinstance(part, Universal | Existential):
                sorts.update(variable.sort for variable in part.variables)
        sorts.update(variable.sort for variable in free_variables(statement.formula))
    for symbol in used:
        sorts.update(symbol.argument_sorts)
        if symbol.kind is Kind.FUNCTION:
            sorts.add(symbol.sort)
    return tuple(used), sorts


def _one_symbol_to_a_name(used: Iterable[Symbol]) -> tuple[Symbol, ...]:
    by_name: dict[str, Symbol] = {}
    for symbol in used:
        if by_name.setdefault(symbol.name, symbol) != symbol:
            raise Unprintable(
                f"{symbol.name!r} stands for several symbols, and the dialect has one to a name."
            )
    return tuple(by_name.values())
