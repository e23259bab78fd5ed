"""Writes declarations as text for kernels other than Lean's own: the NDJSON of lean4export.

Format: lean4export, `format_ndjson.md`, version 3.1.0. Names, universes and expressions are
numbered without gaps, each once. Bound variables have no names, and all arguments are explicit: no
kernel looks at either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sandboxes.lean.closures import Closures, Group
from sandboxes.lean.declarations import (
    APPLICATION,
    BOUND,
    CONSTANT,
    IMAX,
    LAMBDA,
    LET,
    MAXIMUM,
    NATURAL,
    PARAMETER,
    PI,
    PROJECTION,
    SORT,
    SUCCESSOR,
    TEXT,
    Constructor,
    Declaration,
    Inductive,
    Kind,
    Module,
    Name,
    Node,
    Recursor,
    Safety,
    levels_below,
)

__all__ = ["VERSION", "Export", "export"]

VERSION: Final = "3.1.0"
"""Of the format."""
_QUOTIENTS: Final = {"Quot": "type", "mk": "ctor", "lift": "lift", "ind": "ind"}
_ANONYMOUS: Final = 0
_WORDS: Final = {
    Kind.AXIOM: "axiom",
    Kind.DEFINITION: "def",
    Kind.THEOREM: "thm",
    Kind.OPAQUE: "opaque",
    Kind.QUOTIENT: "quot",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Declarations as text."""

    text: str
    """Lines of JSON."""
    digest: str
    """SHA-256 of them."""
    imported: int
    """Declarations at its beginning that are not of the last module, each with what is made with
    it."""
    own: int
    """Declarations after them."""


def export(modules: Sequence[Module], targets: Iterable[Name]) -> Export:
    """Writes declarations with all that they rest on.

    Args:
        modules: Each after what it imports. No two declare the same name.
        targets: What is to be checked.

    Raises:
        Unsound: A declaration rests on itself, or inductive types do not fit together.
    """
    writer = _Writer()
    last = modules[-1]
    counts = {True: 0, False: 0}
    for module, group in _groups(modules, targets):
        writer.write(module, group)
        counts[module is last] += 1 if isinstance(group[0].details, Inductive) else len(group)
    meta = {
        "exporter": {"name": "verifier", "version": VERSION},
        "lean": {"githash": last.commit, "version": last.version},
        "format": {"version": VERSION},
    }
    written = json.JSONEncoder(separators=(",", ":")).encode
    text = "\n".join([*map(written, ({"meta": meta}, *writer.lines)), ""])
    return Export(
        text=text,
        digest=hashlib.sha256(text.encode("ascii")).hexdigest(),
        imported=counts[False],
        own=counts[True],
    )


def _groups(modules: Sequence[Module], targets: Iterable[Name]) -> Iterator[tuple[Module, Group]]:
    """All that is needed, each after what it rests on."""
    needed: list[tuple[Module, tuple[Group, ...]]] = []
    wanted = set(targets)
    for module in reversed(modules):
        closure = Closures(module).of([name for name in module.declarations if name in wanted])
        wanted |= closure.outside
        needed.append((module, closure.groups))
    for module, groups in reversed(needed):
        for group in groups:
            yield module, group


class _Writer:
    """Numbers what it has written, and writes nothing twice."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._names: dict[Name, int] = {(): _ANONYMOUS}
        self._levels: dict[Any, int] = {(0,): 0}
        self._expressions: dict[Any, int] = {}

    def write(self, module: Module, group: Group) -> None:
        """Writes declarations that are made at once, after all that they consist of."""
        part = _Part(self, module)
        if isinstance(group[0].details, Inductive):
            said: dict[str, list[Any]] = {"types": [], "ctors": [], "recs": []}
            for one in group:
                part.place(said, one)
            self.lines.append({"inductive": said})
        else:
            for one in group:
                self.lines.append({_WORDS[one.kind]: part.declaration(one)})

    def name(self, name: Name) -> int:
        known = self._names
        for size in range(1, len(name) + 1 if name not in known else 0):
            if name[:size] not in known:
                prefix, last = known[name[: size - 1]], name[size - 1]
                known[name[:size]] = len(known)
                said = (
                    {"str": {"pre": prefix, "str": last}}
                    if isinstance(last, str)
                    else {"num": {"pre": prefix, "i": last}}
                )
                self.lines.append({**said, "in": known[name[:size]]})
        return known[name]

    def level(self, level: tuple[Any, ...], said: dict[str, Any]) -> int:
        return self._numbered(self._levels, level, said, "il")

    def expression(self, node: tuple[Any, ...], said: dict[str, Any]) -> int:
        return self._numbered(self._expressions, node, said, "ie")

    def _numbered(
        self, known: dict[Any, int], one: tuple[Any, ...], said: dict[str, Any], index: str
    ) -> int:
        if one not in known:
            known[one] = len(known)
            self.lines.append({**said, index: known[one]})
        return known[one]


class _Part:
    """What of a module has been written."""

    def __init__(self, writer: _Writer, module: Module) -> None:
        self._writer = writer
        self._module = module
        self._levels: dict[int, int] = {}
        self._expressions: dict[int, int] = {}

    def declaration(self, one: Declaration) -> dict[str, Any]:
        """One that is not of an inductive type."""
        said = self._basics(one)
        if one.value is not None:
            said["value"] = self._expression(one.value)
            said["all"] = [said["name"]]
        if one.kind is Kind.DEFINITION:
            said["hints"] = _hints(one.height)
            said["safety"] = one.safety.name.lower()
        elif one.kind is Kind.QUOTIENT:
            said["kind"] = _QUOTIENTS[str(one.name[-1])]
        elif one.kind is not Kind.THEOREM:
            said["isUnsafe"] = one.safety is Safety.UNSAFE
        return said

    def place(self, said: dict[str, list[Any]], one: Declaration) -> None:
        """Puts one of an inductive type where it belongs."""
        details = one.details
        is_unsafe = {"isUnsafe": one.safety is Safety.UNSAFE}
        if isinstance(details, Inductive):
            said["types"].append(
                {
                    **self._basics(one),
                    **is_unsafe,
                    "numParams": details.parameters,
                    "numIndices": details.indices,
                    "all": self._names(details.all),
                    "ctors": self._names(details.constructors),
                    "numNested": details.nested,
                    "isRec": details.is_recursive,
                    "isReflexive": details.is_reflexive,
                }
            )
        elif isinstance(details, Constructor):
            said["ctors"].append(
                {
                    **self._basics(one),
                    **is_unsafe,
                    "induct": self._writer.name(details.inductive),
                    "cidx": details.index,
                    "numParams": details.parameters,
                    "numFields": details.fields,
                }
            )
        elif isinstance(details, Recursor):
            said["recs"].append(
                {
                    **self._basics(one),
                    **is_unsafe,
                    "all": self._names(details.all),
                    "numParams": details.parameters,
                    "numIndices": details.indices,
                    "numMotives": details.motives,
                    "numMinors": details.minors,
                    "rules": [
                        {
                            "ctor": self._writer.name(rule.constructor),
                            "nfields": rule.fields,
                            "rhs": self._expression(rule.right),
                        }
                        for rule in details.rules
                    ],
                    "k": details.k,
                }
            )

    def _basics(self, one: Declaration) -> dict[str, Any]:
        for name in one.levels:
            self._parameter(name)
        return {
            "name": self._writer.name(one.name),
            "levelParams": self._names(one.levels),
            "type": self._expression(one.type),
        }

    def _names(self, names: Iterable[Name]) -> list[int]:
        return [self._writer.name(name) for name in names]

    def _parameter(self, name: Name) -> int:
        number = self._writer.name(name)
        return self._writer.level((PARAMETER, number), {"param": number})

    def _level(self, root: int) -> int:
        done, levels = self._levels, self._module.levels
        if root not in done:
            for index in sorted(levels_below(levels, [root])):
                tag, *rest = levels[index]
                if tag == PARAMETER:
                    done[index] = self._parameter(rest[0])
                    continue
                below = [done[each] for each in rest]
                said: dict[str, Any] = {}
                if tag == SUCCESSOR:
                    said = {"succ": below[0]}
                elif tag in (MAXIMUM, IMAX):
                    said = {"max" if tag == MAXIMUM else "imax": below}
                done[index] = self._writer.level((tag, *below), said)
        return done[root]

    def _expression(self, root: int) -> int:
        done = self._expressions
        if root not in done:
            for index in sorted(self._module.reach([root])):
                if index not in done:
                    done[index] = self._node(self._module.nodes[index])
        return done[root]

    def _node(self, node: Node) -> int:
        tag, *rest = node
        done = self._expressions
        said: dict[str, Any]
        if tag == APPLICATION:
            rest = [done[each] for each in rest]
            said = {"app": {"fn": rest[0], "arg": rest[1]}}
        elif tag in (LAMBDA, PI):
            rest = [done[each] for each in rest]
            binder = {"name": _ANONYMOUS, "binderInfo": "default"}
            said = {
                "lam" if tag == LAMBDA else "forallE": {
                    **binder,
                    "type": rest[0],
                    "body": rest[1],
                }
            }
        elif tag == LET:
            rest = [done[each] for each in rest]
            local = dict(zip(("type", "value", "body"), rest, strict=True))
            said = {"letE": {"name": _ANONYMOUS, **local, "nondep": False}}
        elif tag == BOUND:
            said = {"bvar": rest[0]}
        elif tag == SORT:
            rest = [self._level(rest[0])]
            said = {"sort": rest[0]}
        elif tag == CONSTANT:
            rest = [self._writer.name(rest[0]), tuple(self._level(each) for each in rest[1])]
            said = {"const": {"name": rest[0], "us": list(rest[1])}}
        elif tag == NATURAL:
            said = {"natVal": f"{Decimal(rest[0]):f}"}  # `str` of an `int` has a limit
        elif tag == TEXT:
            said = {"strVal": rest[0]}
        else:
            assert tag == PROJECTION
            rest = [self._writer.name(rest[0]), rest[1], done[rest[2]]]
            said = {"proj": {"typeName": rest[0], "idx": rest[1], "struct": rest[2]}}
        return self._writer.expression((tag, *rest), said)


def _hints(height: int | None) -> Any:
    if height is None:
        return "opaque"
    return "abbrev" if height < 0 else {"regular": height}
