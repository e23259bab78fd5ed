"""Expressions of Lean's type theory, for the kernel of our own (`kernel.py`).

Equal expressions are the same object. Variables are bound by number, from the innermost binder out;
`FREE` ones stand for them while a kernel is below their binder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandboxes.lean.jailed.levels import Level, Name, parameters, substituted

BOUND, SORT, CONSTANT, APPLICATION, LAMBDA, PI, LET, NATURAL, TEXT, PROJECTION, FREE = range(11)


class Term:
    """An expression; equal ones are the same object."""

    __slots__ = ("a", "b", "c", "has_free", "has_parameters", "loose", "tag")

    def __init__(self, tag: int, a: Any, b: Any, c: Any) -> None:
        """Made by `term` alone."""
        self.tag, self.a, self.b, self.c = tag, a, b, c
        below = parts(self)
        self.has_free: bool = tag == FREE or any(part.has_free for part in below)
        self.has_parameters: bool
        if tag == SORT:
            self.has_parameters = bool(parameters(a))
        elif tag == CONSTANT:
            self.has_parameters = any(parameters(level) for level in b)
        else:
            self.has_parameters = any(part.has_parameters for part in below)
        self.loose: int
        if tag == BOUND:
            self.loose = a + 1
        elif tag == FREE or not below:
            self.loose = 0
        elif tag in (LAMBDA, PI, LET):
            self.loose = max(*(part.loose for part in below[:-1]), below[-1].loose - 1)
        else:
            self.loose = max(part.loose for part in below)


_terms: dict[Any, Term] = {}


def term(tag: int, a: Any, b: Any = None, c: Any = None) -> Term:
    """The expression of these parts."""
    key = (tag, a, b, c)
    found = _terms.get(key)
    if found is None:
        found = _terms[key] = Term(tag, a, b, c)
    return found


def apply(function: Term, arguments: list[Term]) -> Term:
    """A function with arguments."""
    for argument in arguments:
        function = term(APPLICATION, function, argument)
    return function


def spine(one: Term) -> tuple[Term, list[Term]]:
    """A function and the arguments that it has."""
    arguments = []
    while one.tag == APPLICATION:
        arguments.append(one.b)
        one = one.a
    arguments.reverse()
    return one, arguments


def parts(one: Term) -> list[Term]:
    """The expressions that an expression consists of."""
    return [part for part in (one.a, one.b, one.c) if part.__class__ is Term]


def head(one: Term) -> Term:
    """The function of an application."""
    while one.tag == APPLICATION:
        one = one.a
    return one


def instantiate(body: Term, values: list[Term]) -> Term:
    """A body with values for its outermost binders; the last value is for the innermost one."""
    if not body.loose or not values:
        return body
    count = len(values)
    done: dict[tuple[Term, int], Term] = {}

    def go(one: Term, depth: int) -> Term:
        if one.loose <= depth:
            return one
        key = (one, depth)
        found = done.get(key)
        if found is None:
            found = done[key] = replace(one, depth)
        return found

    def replace(one: Term, depth: int) -> Term:
        tag = one.tag
        if tag == BOUND:
            index = one.a - depth
            if index < count:
                return lift(values[count - 1 - index], depth)
            return term(BOUND, one.a - count)
        return rebuilt(one, depth, go)

    return go(body, 0)


def lift(one: Term, by: int) -> Term:
    """An expression under more binders."""
    if not one.loose or not by:
        return one

    def go(each: Term, depth: int) -> Term:
        if each.loose <= depth:
            return each
        if each.tag == BOUND:
            return term(BOUND, each.a + by)
        return rebuilt(each, depth, go)

    return go(one, 0)


def rebuilt(one: Term, depth: int, go: Callable[[Term, int], Term]) -> Term:
    """An expression with something done to its parts; `depth` counts binders around them."""
    tag = one.tag
    if tag == APPLICATION:
        return term(tag, go(one.a, depth), go(one.b, depth))
    if tag in (LAMBDA, PI):
        return term(tag, go(one.a, depth), go(one.b, depth + 1))
    if tag == LET:
        return term(tag, go(one.a, depth), go(one.b, depth), go(one.c, depth + 1))
    if tag == PROJECTION:
        return term(tag, one.a, one.b, go(one.c, depth))
    return one


def abstract(one: Term, free: list[Term]) -> Term:
    """An expression with binders for variables; the last one is the innermost."""
    places = {variable: number for number, variable in enumerate(reversed(free))}
    done: dict[tuple[Term, int], Term] = {}

    def go(each: Term, depth: int) -> Term:
        if not each.has_free:
            return each
        if each.tag == FREE:
            return term(BOUND, places[each] + depth) if each in places else each
        key = (each, depth)
        found = done.get(key)
        if found is None:
            found = done[key] = rebuilt(each, depth, go)
        return found

    return go(one, 0)


def with_levels(one: Term, names: tuple[Name, ...], levels: tuple[Level, ...]) -> Term:
    """An expression with universes for its parameters."""
    if not one.has_parameters or not names:
        return one
    values = dict(zip(names, levels, strict=True))
    done: dict[Term, Term] = {}

    def go(each: Term, depth: int) -> Term:
        if not each.has_parameters:
            return each
        found = done.get(each)
        if found is None:
            if each.tag == SORT:
                found = term(SORT, substituted(each.a, values))
            elif each.tag == CONSTANT:
                replaced = tuple(substituted(level, values) for level in each.b)
                found = term(CONSTANT, each.a, replaced)
            else:
                found = rebuilt(each, depth, go)
            done[each] = found
        return found

    return go(one, 0)
