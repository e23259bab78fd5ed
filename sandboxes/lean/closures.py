"""What declarations rest on, within their module and outside of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final, TypeAlias

from sandboxes.lean.declarations import (
    Constructor,
    Declaration,
    Inductive,
    Kind,
    Module,
    Name,
    Recursor,
    display,
)
from sandboxes.lean.olean import LargeModule

__all__ = ["Closure", "Closures", "Group", "Unsound"]

MAXIMUM_WORK: Final = 50_000_000
"""Expressions that are looked at, each as often as declarations share it."""

Group: TypeAlias = tuple[Declaration, ...]
"""Declarations that are made at once: one, or inductive types with their constructors and
recursors, in this order."""


class Unsound(Exception):
    """No kernel would take a declaration together with others; the message says why."""

    def __init__(self, name: Name, why: str) -> None:
        super().__init__(f"`{display(name)}` {why}.")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """Declarations with all that they rest on."""

    groups: tuple[Group, ...]
    """Those of the module, each after what it rests on."""
    outside: frozenset[Name]
    """Constants that the module does not declare."""

    def declarations(self) -> Iterator[Declaration]:
        """All that are of the module."""
        for group in self.groups:
            yield from group

    @property
    def axioms(self) -> frozenset[Name]:
        """Axioms that are of the module."""
        return frozenset(one.name for one in self.declarations() if one.kind is Kind.AXIOM)


class Closures:
    """Of the declarations of one module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._groups: dict[Name, Group] = {}
        self._below: dict[Name, frozenset[Name]] = {}
        self._recursors: dict[tuple[Name, ...], list[Declaration]] = {}
        self._work = MAXIMUM_WORK
        for declaration in module.declarations.values():
            if isinstance(declaration.details, Recursor):
                self._recursors.setdefault(declaration.details.all, []).append(declaration)

    def of(self, targets: Iterable[Name]) -> Closure:
        """Of these declarations: through types, values, and what is declared together.

        Raises:
            Unsound: One rests on itself, or inductive types do not fit together.
            LargeModule: To find out would take too long.
        """
        graph: dict[Name, set[Name]] = {}
        outside: set[Name] = set()
        waiting = list(targets)
        while waiting:
            name = waiting.pop()
            if name not in self._module.declarations:
                outside.add(name)
                continue
            first = self._group(name)[0].name
            if first not in graph:
                below = self._below_group(first)
                graph[first] = {
                    self._group(each)[0].name for each in below if each in self._module.declarations
                }
                waiting += below
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            raise Unsound(error.args[1][0], "rests on itself") from None
        return Closure(
            groups=tuple(self._groups[first] for first in order), outside=frozenset(outside)
        )

    def _below_group(self, first: Name) -> frozenset[Name]:
        """Constants that a group rests on, without its own."""
        if first not in self._below:
            group = self._groups[first]
            reached = self._module.reach(root for one in group for root in one.expressions())
            self._work -= len(reached)
            if self._work < 0:
                raise LargeModule("The module's declarations have too much in common to be read.")
            self._below[first] = frozenset(
                self._module.constants_at(reached) - {one.name for one in group}
            )
        return self._below[first]

    def _group(self, name: Name) -> Group:
        """All that is declared with a declaration; known by its first one."""
        if name not in self._groups:
            group = self._made_with(self._module.declarations[name])
            for one in group:
                self._groups[one.name] = group
        return self._groups[name]

    def _made_with(self, declaration: Declaration) -> Group:
        if declaration.kind is Kind.QUOTIENT:
            everything = self._module.declarations.values()
            return tuple(one for one in everything if one.kind is Kind.QUOTIENT)
        details = declaration.details
        if isinstance(details, Constructor):
            parent = self._declared(declaration, details.inductive, Inductive)
            details = parent.details
        if details is None or isinstance(details, Constructor):
            return (declaration,)
        types = [self._declared(declaration, name, Inductive) for name in details.all]
        constructors: list[Declaration] = []
        for one in types:
            assert isinstance(one.details, Inductive)
            if one.details.all != details.all:
                raise Unsound(one.name, "is declared together with others than they are with it")
            for name in one.details.constructors:
                constructor = self._declared(one, name, Constructor)
                assert isinstance(constructor.details, Constructor)
                if constructor.details.inductive != one.name:
                    raise Unsound(name, f"is no constructor of `{display(one.name)}`")
                constructors.append(constructor)
        group = (*types, *constructors, *self._recursors.get(details.all, ()))
        if declaration not in group or len({one.name for one in group}) != len(group):
            raise Unsound(declaration.name, "does not belong to the type that it names")
        return group

    def _declared(self, by: Declaration, name: Name, details: type) -> Declaration:
        found = self._module.declarations.get(name)
        if found is None or not isinstance(found.details, details):
            raise Unsound(by.name, f"comes with `{display(name)}`, which is not what it should be")
        return found
