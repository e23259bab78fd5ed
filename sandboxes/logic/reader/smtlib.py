"""SMT-LIB 2.6 as a language of premises and goals: uninterpreted sorts, functions and equality.

Assertions are premises; the one that is named `goal` or `conclusion`, `(assert (! F :named
goal))`, is the goal. Queries with theories are `sandboxes.logic.reader.script`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias, TypeGuard

from sandboxes.logic.reader.collected import Collected
from sandboxes.logic.reader.expressions import Expression, Group, Leaf, expressions, head
from sandboxes.logic.reader.findings import ErrorCode, Finding, Role, Source, finding, shown
from sandboxes.logic.reader.limits import MAX_ARITY, MAX_NODES
from sandboxes.logic.syntax import (
    DEPTH_LIMIT,
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
    Span,
    Symbol,
    Term,
    Truth,
    Universal,
    Variable,
    conjunction,
    depth,
    subformulas,
    substitute,
    substitute_term,
    subterms,
    terms,
)

__all__ = ["read"]

_BOOL: Final = "Bool"
_GOALS: Final = ("goal", "conclusion")
_PASSED_OVER: Final = frozenset({"set-logic", "set-info", "exit"})
_QUESTIONS: Final = frozenset({"check-sat", "get-model", "get-unsat-core"})
_OTHER_COMMANDS: Final = frozenset(
    {
        "check-sat-assuming",
        "declare-datatype",
        "declare-datatypes",
        "define-const",
        "define-fun-rec",
        "define-funs-rec",
        "define-sort",
        "echo",
        "eval",
        "get-assertions",
        "get-assignment",
        "get-info",
        "get-option",
        "get-proof",
        "get-unsat-assumptions",
        "get-value",
        "include",
        "maximize",
        "minimize",
        "assert-soft",
        "pop",
        "push",
        "reset",
        "reset-assertions",
        "set-option",
        "simplify",
    }
)
_THEORIES: Final = frozenset(
    {"Int", "Real", "String", "RegLan", "Array", "BitVec", "FloatingPoint", "RoundingMode", "Seq"}
)

_Value: TypeAlias = Formula | Term


@dataclass(frozen=True, slots=True)
class _Macro:
    """A `define-fun`: parameters and body, how often each parameter occurs, quantifiers in it."""

    parameters: tuple[Variable, ...]
    body: _Value
    size: int
    occurrences: tuple[int, ...]
    quantifiers: int


@dataclass(frozen=True, slots=True)
class _Local:
    """What a name stands for within a scope, and how many nodes that has."""

    value: _Value
    size: int


class _Stop(Exception):
    def __init__(self, found: Finding) -> None:
        super().__init__()
        self.found = found


@dataclass(slots=True)
class _Scope:
    """What is declared, for all texts of a problem, and the nodes made so far."""

    sorts: set[str] = field(default_factory=set)
    symbols: dict[str, Symbol | _Macro] = field(default_factory=dict)
    nodes: int = 0
    renamed: int = 0
    is_asked: bool = False


def read(sources: Sequence[Source], collected: Collected) -> None:
    """Reads commands, or bare terms of sort Bool, which are asserted."""
    scope = _Scope()
    for source in sources:
        found, broken = expressions(source)
        if broken:
            collected.note(broken)
        reader = _Reader(source, scope, collected)
        for expression in found:
            try:
                reader.command(expression)
            except _Stop as stop:
                collected.note(stop.found)
            if collected.is_over():
                return


@dataclass(slots=True)
class _Reader:
    source: Source
    scope: _Scope
    collected: Collected

    def stop(self, code: ErrorCode, where: Expression, message: str, *expected: str) -> _Stop:
        return _Stop(finding(self.source, where.span, code, message, expected=expected))

    def command(self, expression: Expression) -> None:
        name = head(expression)
        match name:
            case "assert" if isinstance(expression, Group):
                self.assertion(self.parts(expression, 2)[1])
            case "declare-sort" if isinstance(expression, Group):
                self.declare_sort(expression)
            case "declare-fun" | "declare-const" if isinstance(expression, Group):
                self.declare(expression)
            case "define-fun" if isinstance(expression, Group):
                self.define(expression)
            case _ if name in _PASSED_OVER:
                pass
            case _ if name in _QUESTIONS:
                self.scope.is_asked = True
            case _ if name in _OTHER_COMMANDS:
                raise self.refused(expression, name)
            case _:
                self.assertion(expression)

    def refused(self, expression: Expression, name: str) -> _Stop:
        outward = name in ("set-option", "echo", "get-info", "get-option")
        return self.stop(
            ErrorCode.FORBIDDEN if outward else ErrorCode.UNSUPPORTED,
            expression,
            f"The command {shown(name)} is not run: a text declares and asserts, and nothing "
            "else. Remove it."
            if outward
            else f"The command {shown(name)} is not read in premises and goals. Declare sorts and "
            "functions, assert formulas, or ask it as a query of SMT-LIB.",
            "declare-sort",
            "declare-fun",
            "define-fun",
            "assert",
        )

    def parts(self, group: Group, count: int) -> tuple[Expression, ...]:
        if len(group.items) != count:
            raise self.stop(
                ErrorCode.UNEXPECTED,
                group,
                f"{shown(head(group))} takes {count - 1} parts, and here are "
                f"{len(group.items) - 1}.",
            )
        return group.items

    def symbol_of(self, expression: Expression) -> str:
        if not isinstance(expression, Leaf) or expression.kind != "symbol":
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A name is expected here.", "a name")
        return expression.text

    def new_name(self, expression: Expression) -> str:
        name = self.symbol_of(expression)
        if name in self.scope.symbols or name in _LEAST or name in _RESERVED:
            raise self.stop(
                ErrorCode.DUPLICATE,
                expression,
                f"The name {shown(name)} has a meaning already. Use another.",
            )
        return name

    def sort(self, expression: Expression) -> str:
        name = head(expression) or self.symbol_of(expression)
        if isinstance(expression, Leaf) and (name == _BOOL or name in self.scope.sorts):
            return name
        if name in _THEORIES or name == "_":
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                expression,
                f"The sort {shown(name)} belongs to a theory, and premises and goals have "
                "declared sorts only. Ask it as a query of SMT-LIB.",
            )
        raise self.stop(
            ErrorCode.UNDECLARED,
            expression,
            f"The sort {shown(name)} is not declared. Put `(declare-sort {name} 0)` before.",
        )

    # Declarations

    def declare_sort(self, group: Group) -> None:
        _, name_part, arity = self.parts(group, 3)
        name = self.symbol_of(name_part)
        if not isinstance(arity, Leaf) or arity.text != "0":
            raise self.stop(ErrorCode.UNSUPPORTED, arity, "Sorts with arguments are not read.", "0")
        if name in self.scope.sorts or name == _BOOL or name in _THEORIES:
            raise self.stop(
                ErrorCode.DUPLICATE, name_part, f"The sort {shown(name)} is known already."
            )
        self.scope.sorts.add(name)

    def declare(self, group: Group) -> None:
        if head(group) == "declare-const":
            _, name_part, result = self.parts(group, 3)
            parameters: tuple[Expression, ...] = ()
        else:
            _, name_part, listed, result = self.parts(group, 4)
            parameters = self.items(listed)
        name = self.new_name(name_part)
        if len(parameters) > MAX_ARITY:
            raise self.stop(
                ErrorCode.TOO_LARGE, group, f"A symbol has at most {MAX_ARITY} arguments."
            )
        sorts = tuple(self.sort(parameter) for parameter in parameters)
        if _BOOL in sorts:
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                group,
                "A function of truth values is not first-order. Use a formula instead.",
            )
        sort = self.sort(result)
        self.scope.symbols[name] = (
            Symbol(Kind.PREDICATE, name, sorts)
            if sort == _BOOL
            else Symbol(Kind.FUNCTION, name, sorts, sort)
        )

    def items(self, expression: Expression) -> tuple[Expression, ...]:
        if isinstance(expression, Leaf):
            raise self.stop(ErrorCode.UNEXPECTED, expression, "A list is expected here.", "(")
        return expression.items

    def define(self, group: Group) -> None:
        _, name_part, listed, result, body = self.parts(group, 5)
        name = self.new_name(name_part)
        sort = self.sort(result)
        parameters = tuple(self.variables(self.items(listed), {}))
        before = self.scope.nodes
        local = {variable.name: _Local(variable, 1) for variable in parameters}
        value = self.convert(body, local)
        size = self.scope.nodes - before
        if _sort(value) != sort:
            raise self.stop(
                ErrorCode.SORT,
                body,
                f"The definition is of sort {shown(_sort(value))}, and {shown(sort)} is declared.",
            )
        if _is_formula(value) and depth(value) > DEPTH_LIMIT:
            raise self.too_deep(body)
        inner = _all_terms(value)
        self.scope.symbols[name] = _Macro(
            parameters,
            value,
            size,
            tuple(sum(term == parameter for term in inner) for parameter in parameters),
            sum(isinstance(part, Universal | Existential) for part in subformulas(value))
            if _is_formula(value)
            else 0,
        )

    def too_deep(self, where: Expression) -> _Stop:
        return self.stop(
            ErrorCode.TOO_DEEP,
            where,
            f"With its definitions in place the formula is nested more than {DEPTH_LIMIT} deep. "
            "Declare functions instead.",
        )

    def variables(
        self, expressions: tuple[Expression, ...], local: dict[str, _Local]
    ) -> list[Variable]:
        """The variables of a list `((x S) (y T))`; none has a name that is in use."""
        found: list[Variable] = []
        if len(expressions) > MAX_ARITY:
            raise self.stop(
                ErrorCode.TOO_LARGE, expressions[0], f"At most {MAX_ARITY} variables are read."
            )
        for expression in expressions:
            items = self.items(expression)
            if len(items) != 2:
                raise self.stop(
                    ErrorCode.UNEXPECTED,
                    expression,
                    "A variable is written with its sort: (x S).",
                    "(x S)",
                )
            name, sort = self.symbol_of(items[0]), self.sort(items[1])
            if sort == _BOOL:
                raise self.stop(
                    ErrorCode.SECOND_ORDER,
                    expression,
                    "Quantification over truth values is not first-order. Write both cases out.",
                )
            if name in local:
                self.scope.renamed += 1
                name = f"{name}_{self.scope.renamed}"
            found.append(Variable(name, sort, span=items[0].span))
        return found

    # Assertions

    def assertion(self, expression: Expression) -> None:
        if self.scope.is_asked:
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                expression,
                "There is an assertion after a question. Ask once, about all assertions.",
            )
        name = ""
        if head(expression) == "!" and isinstance(expression, Group):
            name = self.name_in(expression)
        value = self.convert(expression, {})
        if not _is_formula(value):
            raise self.stop(
                ErrorCode.TERM_AS_FORMULA,
                expression,
                f"What is asserted is of sort {shown(_sort(value))}, and Bool is expected.",
            )
        if depth(value) > DEPTH_LIMIT:
            raise self.too_deep(expression)
        is_goal = name in _GOALS or self.source.role is Role.GOAL
        if is_goal and self.source.role is Role.PREMISES:
            raise self.stop(
                ErrorCode.GOAL,
                expression,
                "The goal is given elsewhere, and here premises are expected. Leave out the "
                "assertion, or its name.",
            )
        self.collected.add(self.source, value, expression.span, name=name, is_goal=is_goal)

    def name_in(self, group: Group) -> str:
        for key, value in zip(group.items[2:], group.items[3:], strict=False):
            if isinstance(key, Leaf) and key.text == ":named" and isinstance(value, Leaf):
                return value.text
        return ""

    # Terms

    def count(self, where: Expression, nodes: int) -> None:
        self.scope.nodes += nodes
        if self.scope.nodes > MAX_NODES:
            raise self.stop(
                ErrorCode.TOO_LARGE,
                where,
                f"With its definitions in place the text has more than {MAX_NODES} symbols and "
                "connectives. Declare functions instead of defining them.",
            )

    def convert(self, expression: Expression, local: dict[str, _Local]) -> _Value:
        self.count(expression, 1)
        if isinstance(expression, Leaf):
            return self.leaf(expression, local)
        name = head(expression)
        match name:
            case "!":
                return self.annotated(expression, local)
            case "let":
                return self.let(expression, local)
            case "forall" | "exists":
                return self.quantified(expression, local)
            case "":
                raise self.stop(
                    ErrorCode.UNSUPPORTED,
                    expression,
                    "A list begins with the name of a function or of a connective.",
                    "a name",
                )
        values: list[_Value] = []
        sizes: list[int] = []
        for item in expression.items[1:]:
            before = self.scope.nodes
            values.append(self.convert(item, local))
            sizes.append(self.scope.nodes - before)
        if name in _LEAST and name not in local:
            return self.operator(expression, name, values, sizes)
        return self.application(expression, name, values, sizes, local)

    def leaf(self, leaf: Leaf, local: dict[str, _Local]) -> _Value:
        if leaf.kind != "symbol":
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                leaf,
                f"{shown(leaf.text)} belongs to a theory, and premises and goals have declared "
                "symbols only. Ask it as a query of SMT-LIB.",
            )
        if leaf.text in local:
            known = local[leaf.text]
            self.count(leaf, known.size)
            return known.value
        if leaf.text in ("true", "false"):
            return (Truth if leaf.text == "true" else Falsehood)(span=leaf.span)
        return self.application(leaf, leaf.text, [], [], local)

    def annotated(self, group: Group, local: dict[str, _Local]) -> _Value:
        if len(group.items) < 2:
            raise self.stop(ErrorCode.UNEXPECTED, group, "A term is expected after `!`.", "a term")
        for key in group.items[2::2]:
            if not isinstance(key, Leaf) or key.text not in (":named", ":pattern", ":qid"):
                raise self.stop(
                    ErrorCode.UNSUPPORTED,
                    key,
                    "Of annotations :named, :pattern and :qid are read.",
                    ":named",
                )
        return self.convert(group.items[1], local)

    def let(self, group: Group, local: dict[str, _Local]) -> _Value:
        _, listed, body = self.parts(group, 3)
        inner = dict(local)
        for binding in self.items(listed):
            items = self.items(binding)
            if len(items) != 2:
                raise self.stop(ErrorCode.UNEXPECTED, binding, "A binding is (name term).", "(x t)")
            before = self.scope.nodes
            value = self.convert(items[1], local)
            inner[self.symbol_of(items[0])] = _Local(value, self.scope.nodes - before)
        return self.convert(body, inner)

    def quantified(self, group: Group, local: dict[str, _Local]) -> _Value:
        _, listed, body = self.parts(group, 3)
        names = [
            self.symbol_of(self.items(item)[0]) for item in self.items(listed) if self.items(item)
        ]
        variables = self.variables(self.items(listed), local)
        if not variables:
            raise self.stop(ErrorCode.UNEXPECTED, listed, "A variable is expected here.", "(x S)")
        bound = {name: _Local(variable, 1) for name, variable in zip(names, variables, strict=True)}
        # The new names are in use as well: no inner quantifier takes one of them.
        inner = local | {v.name: _Local(v, 1) for v in variables if v.name not in local} | bound
        value = self.formula(body, self.convert(body, inner))
        made = Universal if head(group) == "forall" else Existential
        return made(tuple(variables), value, span=group.span)

    def formula(self, where: Expression, value: _Value) -> Formula:
        if _is_formula(value):
            return value
        raise self.stop(
            ErrorCode.TERM_AS_FORMULA,
            where,
            f"A formula is expected here, and this is of sort {shown(_sort(value))}.",
        )

    def term(self, where: Expression, value: _Value) -> Term:
        if isinstance(value, Variable | Application):
            return value
        raise self.stop(
            ErrorCode.FORMULA_AS_TERM,
            where,
            "The name of a thing is expected here, and this is a formula.",
        )

    def operator(self, group: Group, name: str, values: list[_Value], sizes: list[int]) -> _Value:
        least = _LEAST[name]
        if len(values) < least or (name in ("not", "ite") and len(values) > least):
            raise self.stop(
                ErrorCode.UNEXPECTED,
                group,
                f"{shown(name)} takes {least} parts, and here are {len(values)}.",
            )
        if name in ("=", "distinct"):
            return self.equality(group, name, values, sizes)
        if name == "ite" and not all(map(_is_formula, values)):
            raise self.stop(
                ErrorCode.UNSUPPORTED,
                group,
                "`ite` is read between three formulas. Write the cases of a term as two formulas.",
            )
        parts = [
            self.formula(item, value) for item, value in zip(group.items[1:], values, strict=True)
        ]
        self.count(group, sizes[0] + 3 if name == "ite" else 0)
        return _connected(name, parts, group.span)

    def equality(self, group: Group, name: str, values: list[_Value], sizes: list[int]) -> Formula:
        sorts = {_sort(value) for value in values}
        if len(sorts) > 1:
            raise self.stop(
                ErrorCode.SORT,
                group,
                f"Things of the sorts {', '.join(map(shown, sorted(sorts)))} are compared. Only "
                "things of one sort can be equal.",
            )
        # Each value stands in as many pairs as this, or in one less at the ends of a chain.
        often = 2 if name == "=" else len(values) - 1
        if len(values) > 2:
            self.count(group, often * (sum(sizes) + len(values)))
        pairs = (
            pairwise(values)
            if name == "="
            else ((a, b) for at, a in enumerate(values) for b in values[at + 1 :])
        )
        span = group.span
        made: list[Formula] = []
        for left, right in pairs:
            equal: Formula
            if _is_formula(left) and _is_formula(right):
                equal = Equivalence(left, right, span=span)
            else:
                equal = Equality(self.term(group, left), self.term(group, right), span=span)
            made.append(equal if name == "=" else Negation(equal, span=span))
        return conjunction(made)

    def application(
        self,
        where: Expression,
        name: str,
        values: list[_Value],
        sizes: list[int],
        local: dict[str, _Local],
    ) -> _Value:
        known = self.scope.symbols.get(name)
        if known is None or name in local:
            raise self.stop(
                ErrorCode.UNDECLARED,
                where,
                f"{shown(name)} is not declared as a function. Declare it before, or ask a query "
                "of SMT-LIB if it belongs to a theory.",
            )
        items = where.items[1:] if isinstance(where, Group) else ()
        arguments = tuple(self.term(item, value) for item, value in zip(items, values, strict=True))
        sorts = tuple(map(_sort, arguments))
        wanted = (
            tuple(parameter.sort for parameter in known.parameters)
            if isinstance(known, _Macro)
            else known.argument_sorts
        )
        if sorts != wanted:
            raise self.stop(
                ErrorCode.SORT,
                where,
                f"{shown(name)} takes ({' '.join(wanted)}) and is given ({' '.join(sorts)}).",
            )
        if isinstance(known, _Macro):
            return self.expanded(where, known, arguments, sizes)
        if known.kind is Kind.PREDICATE:
            return Atom(known, arguments, span=where.span)
        return Application(known, arguments, span=where.span)

    def expanded(
        self, where: Expression, macro: _Macro, arguments: tuple[Term, ...], sizes: list[int]
    ) -> _Value:
        """The macro's body with the arguments in it, counted before it is made."""
        cost = macro.size + sum(
            size * (occurrences + macro.quantifiers)
            for size, occurrences in zip(sizes, macro.occurrences, strict=True)
        )
        self.count(where, cost)
        values = dict(zip(macro.parameters, arguments, strict=True))
        if isinstance(macro.body, Variable | Application):
            return substitute_term(macro.body, values)
        return substitute(macro.body, values)


def _is_formula(value: _Value) -> TypeGuard[Formula]:
    return not isinstance(value, Variable | Application)


def _sort(value: _Value) -> str:
    match value:
        case Variable():
            return value.sort
        case Application():
            return value.symbol.sort
        case _:
            return _BOOL


def _all_terms(value: _Value) -> list[Term]:
    if isinstance(value, Variable | Application):
        return list(subterms(value))
    return [
        inner for part in subformulas(value) for term in terms(part) for inner in subterms(term)
    ]


def _connected(name: str, parts: list[Formula], span: Span) -> Formula:
    match name:
        case "not":
            return Negation(parts[0], span=span)
        case "and" | "or" if len(parts) == 1:
            return parts[0]
        case "and":
            return Conjunction(tuple(parts), span=span)
        case "or":
            return Disjunction(tuple(parts), span=span)
        case "xor":
            whole = parts[0]
            for part in parts[1:]:
                whole = ExclusiveOr(whole, part, span=span)
            return whole
        case "=>":
            whole = parts[-1]
            for part in reversed(parts[:-1]):
                whole = Implication(part, whole, span=span)
            return whole
        case _:
            condition, then, otherwise = parts
            return Conjunction(
                (
                    Implication(condition, then, span=span),
                    Implication(Negation(condition, span=span), otherwise, span=span),
                ),
                span=span,
            )


_LEAST: Final = {
    "not": 1,
    "and": 1,
    "or": 1,
    "xor": 2,
    "=>": 2,
    "ite": 3,
    "=": 2,
    "distinct": 2,
}
_RESERVED: Final = frozenset({"true", "false", "let", "forall", "exists", "!", "_", "as", "match"})
