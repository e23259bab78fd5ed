"""Declarations of a Lean module in a form of our own: plain, immutable, and shared like a DAG.

Expressions live in a `Module`, as nodes that refer to earlier nodes by index. Equal nodes are one
node. What Lean's kernel does not look at is not there: names of bound variables, how arguments are
passed, `mdata`, and whether a `let` is a `have`. So expressions of one module are equal exactly if
their indices are, and `Digests` compares those of two modules.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeAlias

__all__ = [
    "APPLICATION",
    "BOUND",
    "CONSTANT",
    "LAMBDA",
    "LET",
    "NATURAL",
    "PI",
    "PROJECTION",
    "SORT",
    "TEXT",
    "Constructor",
    "Declaration",
    "Digests",
    "Import",
    "Inductive",
    "Kind",
    "Level",
    "Module",
    "Name",
    "Node",
    "Recursor",
    "Rule",
    "Safety",
    "display",
    "parse_name",
]

Name: TypeAlias = tuple[str | int, ...]
"""A name by its parts, never as text: `("a", "b")` is not `("a.b",)`, and `("a", 1)` not
`("a", "1")`. The empty one is anonymous."""

Level: TypeAlias = tuple[Any, ...]
"""A universe: `(ZERO,)`, `(SUCCESSOR, level)`, `(MAXIMUM, level, level)`, `(IMAX, level, level)`,
`(PARAMETER, name)`, where a level is an index."""

ZERO, SUCCESSOR, MAXIMUM, IMAX, PARAMETER = range(5)

Node: TypeAlias = tuple[Any, ...]
"""An expression: `(BOUND, index)`, `(SORT, level)`, `(CONSTANT, name, (level, …))`,
`(APPLICATION, function, argument)`, `(LAMBDA, type, body)`, `(PI, type, body)`,
`(LET, type, value, body)`, `(NATURAL, number)`, `(TEXT, text)`, `(PROJECTION, name, field, e)`,
where expressions and levels are indices."""

BOUND, SORT, CONSTANT, APPLICATION, LAMBDA, PI, LET, NATURAL, TEXT, PROJECTION = range(10)

CHILDREN: Final = {
    BOUND: (),
    SORT: (),
    CONSTANT: (),
    APPLICATION: (1, 2),
    LAMBDA: (1, 2),
    PI: (1, 2),
    LET: (1, 2, 3),
    NATURAL: (),
    TEXT: (),
    PROJECTION: (3,),
}
"""Where a node has its subexpressions."""


_LITERALS: Final[dict[int, tuple[Name, ...]]] = {
    NATURAL: (("Nat",),),
    TEXT: (("String",), ("String", "ofList"), ("Char", "ofNat")),
}
"""What a kernel makes of literals."""


class Kind(IntEnum):
    """What a declaration is, in the order of Lean's `ConstantInfo`."""

    AXIOM = 0
    DEFINITION = 1
    THEOREM = 2
    OPAQUE = 3
    QUOTIENT = 4
    INDUCTIVE = 5
    CONSTRUCTOR = 6
    RECURSOR = 7


class Safety(IntEnum):
    """Whether the logic vouches for a declaration, in the order of Lean's `DefinitionSafety`."""

    UNSAFE = 0
    SAFE = 1
    PARTIAL = 2


_SHOWN: Final = 200
"""Characters of a name that people get to see."""
_PART: Final = re.compile(r"«[^«»]+»|[^\s.«»0-9][^\s.«»]*")
_NAME: Final = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A module that a module imports."""

    module: Name
    import_all: bool = False
    is_exported: bool = True
    is_meta: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inductive:
    """What an inductive type says of itself beyond its type."""

    parameters: int
    indices: int
    all: tuple[Name, ...]
    """The types that are declared together."""
    constructors: tuple[Name, ...]
    nested: int
    is_recursive: bool
    is_reflexive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Constructor:
    """What a constructor says of itself beyond its type."""

    inductive: Name
    index: int
    parameters: int
    fields: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a recursor computes on one constructor."""

    constructor: Name
    fields: int
    right: int
    """Expression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recursor:
    """What a recursor says of itself beyond its type."""

    all: tuple[Name, ...]
    parameters: int
    indices: int
    motives: int
    minors: int
    rules: tuple[Rule, ...]
    k: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One constant of a module."""

    kind: Kind
    name: Name
    levels: tuple[Name, ...]
    """Its universe parameters."""
    type: int
    """Expression."""
    value: int | None = None
    """Expression; of a definition, a theorem and an opaque constant."""
    safety: Safety = Safety.SAFE
    height: int | None = None
    """Of a definition, how eagerly the kernel unfolds it, for its speed only: None for never first,
    -1 for an abbreviation."""
    details: Inductive | Constructor | Recursor | None = None

    def expressions(self) -> Iterator[int]:
        """All that it consists of."""
        yield self.type
        if self.value is not None:
            yield self.value
        if isinstance(self.details, Recursor):
            for rule in self.details.rules:
                yield rule.right

    def relatives(self) -> Iterator[Name]:
        """Constants that it comes with: of an inductive type, all that is declared with it."""
        details = self.details
        if isinstance(details, Inductive):
            yield from details.all
            yield from details.constructors
        elif isinstance(details, Constructor):
            yield details.inductive
        elif isinstance(details, Recursor):
            yield from details.all


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What a compiled module declares."""

    version: str
    """Of the Lean that compiled it: `4.35.0`."""
    commit: str
    imports: tuple[Import, ...]
    uses_module_system: bool
    """Whether it begins with `module`, and so keeps proofs back."""
    levels: Sequence[Level] = field(repr=False)
    nodes: Sequence[Node] = field(repr=False)
    declarations: dict[Name, Declaration] = field(repr=False)

    def constants(self, roots: Iterable[int]) -> set[Name]:
        """The constants that occur in expressions, and those that literals stand for."""
        return self.constants_at(self.reach(roots))

    def constants_at(self, expressions: Iterable[int]) -> set[Name]:
        """The constants that these expressions are, or stand for; not those below them."""
        found: set[Name] = set()
        for index in expressions:
            node = self.nodes[index]
            if node[0] in (CONSTANT, PROJECTION):
                found.add(node[1])
            elif node[0] in _LITERALS:
                found.update(_LITERALS[node[0]])
        return found

    def reach(self, roots: Iterable[int], known: Container[int] = ()) -> set[int]:
        """Expressions with all their subexpressions, but for what is known, and what is below."""
        nodes = self.nodes
        seen: set[int] = set()
        waiting = list(roots)
        while waiting:
            index = waiting.pop()
            if index in seen or index in known:
                continue
            seen.add(index)
            node = nodes[index]
            for place in CHILDREN[node[0]]:
                waiting.append(node[place])  # noqa: PERF401 - the inner loop of all audits
        return seen


def display(name: Name) -> str:
    """A name for people, as Lean writes it, if not too long; nothing is ever decided on it."""
    shown = ".".join(_part(part) for part in name[:_SHOWN]) or "[anonymous]"
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _part(part: str | int) -> str:
    if isinstance(part, int):
        return str(part)
    is_plain = part.replace("_", "a").replace("'", "a").replace("!", "a").isalnum()
    shown = part if is_plain and not part[0].isdigit() else f"«{part}»"
    return shown if shown.isprintable() else ascii(shown)


def parse_name(text: str) -> Name:
    """The name that a text stands for: parts between dots, and `«…»` around any other.

    Raises:
        ValueError: It stands for none.
    """
    found = _NAME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not the full name of a constant, as in `Nat.add_comm`.")
    return tuple(part.strip("«»") for part in _PART.findall(text))


class Digests:
    """SHA-256 of expressions and declarations of a module: equal exactly if they are."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._levels: dict[int, bytes] = {}
        self._nodes: dict[int, bytes] = {}

    def expression(self, root: int) -> bytes:
        """Of an expression."""
        done = self._nodes
        if root not in done:
            for index in sorted(self._module.reach([root], done)):  # subexpressions come first
                done[index] = self._node(self._module.nodes[index])
        return done[root]

    def declaration(self, declaration: Declaration, *, proof: bool = True) -> bytes:
        """Of a declaration, by value.

        Args:
            declaration: Of this module.
            proof: Whether the value of a theorem counts.
        """
        value = declaration.value
        if declaration.kind is Kind.THEOREM and not proof:
            value = None
        return _digest(
            [
                declaration.kind,
                declaration.name,
                declaration.levels,
                self._hex(declaration.type),
                None if value is None else self._hex(value),
                declaration.safety,
                self._details(declaration.details),
            ]
        )

    def statement(self, declaration: Declaration) -> str:
        """`sha256:…` of what a declaration states: universe parameters and type."""
        return f"sha256:{_digest([declaration.levels, self._hex(declaration.type)]).hex()}"

    def _details(self, details: Inductive | Constructor | Recursor | None) -> Any:
        if details is None:
            return None
        said = dataclasses.asdict(details)
        for rule in said.get("rules", ()):
            rule["right"] = self._hex(rule["right"])
        return said

    def _hex(self, root: int) -> str:
        return self.expression(root).hex()

    def _node(self, node: Node) -> bytes:
        tag = node[0]
        if tag in (APPLICATION, LAMBDA, PI, LET):
            return hashlib.sha256(
                b"%d" % tag + b"".join([self._nodes[child] for child in node[1:]])
            ).digest()
        rest: list[Any]
        if tag == SORT:
            rest = [self._level(node[1]).hex()]
        elif tag == CONSTANT:
            rest = [node[1], [self._level(level).hex() for level in node[2]]]
        elif tag == PROJECTION:
            rest = [node[1], node[2], self._nodes[node[3]].hex()]
        elif tag == NATURAL:
            rest = [hex(node[1])]
        else:
            rest = [node[1]]
        return _digest([tag, *rest])

    def _level(self, root: int) -> bytes:
        done = self._levels
        if root not in done:
            levels = self._module.levels
            for index in sorted(levels_below(levels, [root])):
                if index in done:
                    continue
                tag, *rest = levels[index]
                if tag != PARAMETER:
                    rest = [done[below].hex() for below in rest]
                done[index] = _digest([tag, *rest])
        return done[root]


def levels_below(levels: Sequence[Level], roots: Iterable[int]) -> set[int]:
    """Universes with all that they are made of."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        index = waiting.pop()
        if index not in seen:
            seen.add(index)
            if levels[index][0] != PARAMETER:
                waiting.extend(levels[index][1:])
    return seen


def _digest(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).digest()
