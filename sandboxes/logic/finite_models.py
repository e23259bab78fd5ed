"""Finite models as evidence: an interpretation that a caller writes down, and what holds in it.

One in which the premises hold and the goal fails shows that the goal does not follow. One in which
all hold shows that the premises are consistent, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from sandboxes.logic.evaluator import Interpretation, TooManySteps, holds
from sandboxes.logic.reader.findings import ErrorCode, Finding, Source, finding, shown
from sandboxes.logic.reader.limits import MAX_CHARACTERS
from sandboxes.logic.reader.names import unseen
from sandboxes.logic.syntax import (
    INDIVIDUAL,
    Formula,
    Kind,
    Problem,
    Span,
    Symbol,
    closure,
    symbols,
)

__all__ = ["FiniteModel", "ModelReport", "interpretation", "judge_model", "read_model"]

MAX_THINGS: Final = 64
"""Things of a model."""
MAX_LINES: Final = 4_096
"""Lines of a model's text."""
MAX_ARITY: Final = 8
"""Arguments of a predicate or a function in a model."""

_LINE: Final = re.compile(r"[^\n]+")
_NAME: Final = r"[^\s:=,()]+"
_PREDICATE: Final = re.compile(rf"\s*({_NAME})\s*:(.*)")
_VALUE: Final = re.compile(rf"\s*({_NAME})\s*(?:\(([^()]*)\))?\s*=\s*({_NAME})\s*")
_TUPLES: Final = re.compile(rf"\s*(?:\(([^()]*)\)|({_NAME}))\s*(?:,|$)")
_THINGS: Final = "things"


@dataclass(slots=True)
class FiniteModel:
    """An interpretation by names.

    Attributes:
        things: All there are.
        predicates: For each name, the tuples of things of which it holds, all of one length.
        functions: For each name, the value for each tuple of arguments.
    """

    things: list[str] = field(default_factory=list)
    predicates: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    functions: dict[str, dict[tuple[str, ...], str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What holds in a model.

    Attributes:
        violated: Identifiers of the premises that fail.
        goal: Whether the goal holds; None if there is none.
        refutes: Whether the premises hold and so does the denial of the goal, so that the goal
            does not follow.
    """

    violated: tuple[str, ...]
    goal: bool | None
    refutes: bool


def read_model(source: Source) -> tuple[FiniteModel | None, tuple[Finding, ...]]:
    """Reads a model, a line for each thing that it says.

    `Things: rex, mia` comes first. `Dog: rex` and `Likes: (mia, rex), (rex, mia)` say of what a
    predicate holds, `Rain: true` that a proposition does; `boss = mia` and `owner(rex) = mia` give
    values of constants and functions. What no line says of a predicate is false.
    """
    if len(source.text) > MAX_CHARACTERS:
        message = f"A model has at most {MAX_CHARACTERS} characters."
        return None, (finding(source, Span(0, 0), ErrorCode.TOO_LARGE, message),)
    model = FiniteModel()
    errors: list[Finding] = []
    for number, match in enumerate(_LINE.finditer(source.text)):
        span = Span(*match.span())
        line = match.group()
        if not line.strip():
            continue
        if number == MAX_LINES:
            errors.append(
                finding(
                    source, span, ErrorCode.TOO_LARGE, f"A model has at most {MAX_LINES} lines."
                )
            )
            break
        wrong = _added(model, line)
        if wrong:
            errors.append(finding(source, span, ErrorCode.UNEXPECTED, wrong))
        if len(errors) == 20:
            break
    if not model.things and not errors:
        message = "A model begins with the things that there are: `Things: a, b`."
        errors.append(finding(source, Span(0, 0), ErrorCode.EMPTY, message))
    return (None, tuple(errors)) if errors else (model, ())


def _added(model: FiniteModel, line: str) -> str:
    """Adds what a line says to a model; returns what is wrong with it, or ""."""
    if character := unseen(line.strip()):
        return f"No model has the character U+{ord(character):04X}. Remove it."
    if match := _VALUE.fullmatch(line):
        return _value_added(model, match[1], _split(match[2] or ""), match[3])
    match = _PREDICATE.fullmatch(line)
    if match is None:
        return "A line is `Things: a, b`, `P: a, b`, `R: (a, b)`, `c = a` or `f(a) = b`."
    name, listed = match.groups()
    if name.lower() == _THINGS:
        things = _split(listed)
        if model.things or not things or len(set(things)) < len(things):
            return "The things of a model are named once, each by its own name."
        if len(things) > MAX_THINGS:
            return f"A model has at most {MAX_THINGS} things."
        model.things = things
        return ""
    if name in model.predicates:
        return f"The predicate {shown(name)} comes twice."
    rows: set[tuple[str, ...]] = {()}
    if listed.strip().lower() != "true":
        rows = set(_tuples(listed))
    return _predicate_added(model, name, rows)


def _split(listed: str) -> list[str]:
    return [part.strip() for part in listed.split(",") if part.strip()]


def _tuples(listed: str) -> Iterator[tuple[str, ...]]:
    """The tuples of a list; what is none comes as it stands, and is no thing."""
    if listed.strip().lower() in ("", "false", "none"):
        return
    at = 0
    while at < len(listed):
        match = _TUPLES.match(listed, at)
        if match is None:
            yield (listed[at:].strip(),)
            return
        yield (match[2],) if match[2] else tuple(_split(match[1]))
        at = match.end()


def _predicate_added(model: FiniteModel, name: str, rows: set[tuple[str, ...]]) -> str:
    for row in rows:
        for thing in row:
            if thing not in model.things:
                return f"There is no thing {shown(thing)}. Name it in the first line."
    if len({len(row) for row in rows}) > 1 or any(len(row) > MAX_ARITY for row in rows):
        return f"A predicate has one number of arguments, at most {MAX_ARITY}."
    model.predicates[name] = rows
    return ""


def _value_added(model: FiniteModel, name: str, arguments: list[str], value: str) -> str:
    for thing in (*arguments, value):
        if thing not in model.things:
            return f"There is no thing {shown(thing)}. Name it in the first line."
    known = model.functions.setdefault(name, {})
    row = tuple(arguments)
    if row in known:
        return f"The value of {shown(name)} is given twice."
    if len(row) > MAX_ARITY or any(len(other) != len(row) for other in known):
        return f"A function has one number of arguments, at most {MAX_ARITY}."
    known[row] = value
    return ""


def interpretation(problem: Problem, model: FiniteModel) -> Interpretation:
    """The interpretation that a model is of the symbols of a problem.

    A constant without a line is the thing of its name.

    Raises:
        ValueError: The problem has sorts; or the model does not say what a function or a constant
            is for all arguments, or has a symbol of the problem with other arguments.
    """
    used: dict[Symbol, None] = {}
    for statement in (*problem.premises, *([problem.goal] if problem.goal else [])):
        used.update(dict.fromkeys(symbols(statement.formula)))
    number = {thing: index for index, thing in enumerate(model.things)}
    functions = {}
    predicates = {}
    for symbol in used:
        if {*symbol.argument_sorts, symbol.sort} != {INDIVIDUAL}:
            raise ValueError(f"Models are judged without sorts, and {symbol.name!r} has one.")
        if symbol.kind is Kind.PREDICATE:
            rows = model.predicates.get(symbol.name, set())
            if any(len(row) != symbol.arity for row in rows):
                raise ValueError(
                    f"The model has {symbol.name!r} with other than {symbol.arity} arguments."
                )
            predicates[symbol] = frozenset(tuple(number[t] for t in row) for row in rows)
            continue
        values = model.functions.get(symbol.name, {})
        if not values and symbol.arity == 0 and symbol.name in number:
            values = {(): symbol.name}
        if symbol.arity > MAX_ARITY or len(number) ** symbol.arity != len(values):
            raise ValueError(
                f"The model does not say what {symbol.name!r} is for all of its "
                f"{symbol.arity} arguments."
                if symbol.arity
                else f"The model does not say which thing {symbol.name!r} is."
            )
        if any(row not in values for row in product(model.things, repeat=symbol.arity)):
            raise ValueError(
                f"The model has {symbol.name!r} with other than {symbol.arity} arguments."
            )
        functions[symbol] = {
            tuple(number[thing] for thing in row): number[value] for row, value in values.items()
        }
    return Interpretation({INDIVIDUAL: len(number)}, functions, predicates)


def judge_model(problem: Problem, model: FiniteModel) -> ModelReport:
    """Says what holds in a model.

    Raises:
        ValueError: As `interpretation`; or the formulas have more instances than are looked at.
    """
    whole = interpretation(problem, model)

    def is_so(formula: Formula) -> bool:
        try:
            return holds(closure(formula), whole)
        except TooManySteps:
            raise ValueError("The model has too many things for these formulas.") from None

    violated = tuple(one.identifier for one in problem.premises if not is_so(one.formula))
    if problem.goal is None:
        return ModelReport(violated, None, False)
    return ModelReport(
        violated, is_so(problem.goal.formula), not violated and is_so(problem.denial())
    )
