"""Writes modules as no Lean would: any declarations, as bytes of an `.olean`.

Hashes and other figures that Lean keeps beside its objects are left at zero, or at what is asked.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable
from typing import Any

from sandboxes.lean.declarations import (
    APPLICATION,
    BOUND,
    CONSTANT,
    LAMBDA,
    LET,
    NATURAL,
    PI,
    PROJECTION,
    SORT,
    TEXT,
    Constructor,
    Declaration,
    Inductive,
    Kind,
    Level,
    Module,
    Name,
    Node,
    Recursor,
    Safety,
)

BASE = 0x7F0000000000
HEADER_BYTES = 96
NIL = 1


class Build:
    """Makes a module by hand: nodes and universes are made once, in the order of their making."""

    def __init__(self, like: Module) -> None:
        """Begins with the declarations of a module."""
        self._like = like
        self._levels: dict[Level, int] = {level: at for at, level in enumerate(like.levels)}
        self._nodes: dict[Node, int] = {node: at for at, node in enumerate(like.nodes)}
        self._declarations = dict(like.declarations)

    def level(self, *level: Any) -> int:
        return self._levels.setdefault(level, len(self._levels))

    def node(self, *node: Any) -> int:
        return self._nodes.setdefault(node, len(self._nodes))

    def constant(self, *name: str | int) -> int:
        return self.node(CONSTANT, name, ())

    def declare(self, kind: Kind, *name: str | int, **fields: Any) -> Build:
        """Adds a declaration, or replaces one."""
        made = Declaration(kind=kind, name=name, **{"levels": (), **fields})
        self._declarations[name] = made
        return self

    def change(self, *name: str | int, **fields: Any) -> Build:
        self._declarations[name] = dataclasses.replace(self._declarations[name], **fields)
        return self

    def remove(self, *name: str | int) -> Build:
        del self._declarations[name]
        return self

    def module(self) -> Module:
        return dataclasses.replace(
            self._like,
            levels=tuple(self._levels),
            nodes=tuple(self._nodes),
            declarations=self._declarations,
        )


def forged(module: Module, *, figures: int = 0) -> bytes:
    """The bytes of a module; `figures` stands where Lean keeps hashes."""
    return _Writer(module, figures).written()


class _Writer:
    def __init__(self, module: Module, figures: int) -> None:
        self._module = module
        self._figures = figures
        self._out = bytearray(HEADER_BYTES)
        self._names: dict[Name, int] = {(): NIL}
        self._levels: dict[int, int] = {}
        self._nodes: dict[int, int] = {}

    def written(self) -> bytes:
        module = self._module
        declarations = module.declarations
        imports = self._array(
            self._object(
                0,
                [self._name(each.module)],
                bytes([each.import_all, each.is_exported, each.is_meta]),
            )
            for each in module.imports
        )
        names = self._array(self._name(name) for name in declarations)
        constants = self._array(self._declaration(each) for each in declarations.values())
        nothing = self._array(())
        flags = bytes([module.uses_module_system])
        root = self._object(0, [imports, names, constants, nothing, nothing], flags)
        struct.pack_into(
            "<5sBB33s40sQQ",
            self._out,
            0,
            b"olean",
            2,
            1,
            module.version.encode(),
            module.commit.encode(),
            BASE,
            root,
        )
        return bytes(self._out)

    def _put(self, data: bytes) -> int:
        at = len(self._out)
        self._out += data + b"\0" * (-len(data) % 8)
        return BASE + at

    def _object(self, tag: int, fields: Iterable[int], others: bytes = b"") -> int:
        fields = list(fields)
        others += b"\0" * (-len(others) % 8)
        size = 8 + 8 * len(fields) + len(others)
        header = struct.pack("<iHBB", 0, size, len(fields), tag)
        return self._put(header + struct.pack(f"<{len(fields)}Q", *fields) + others)

    def _cached(self, tag: int, fields: Iterable[int], more: bytes = b"") -> int:
        return self._object(tag, fields, struct.pack("<Q", self._figures) + more)

    def _array(self, elements: Iterable[int]) -> int:
        made = list(elements)
        header = struct.pack("<iHBBQQ", 0, 1, 0, 246, len(made), len(made))
        return self._put(header + struct.pack(f"<{len(made)}Q", *made))

    def _list(self, elements: Iterable[int]) -> int:
        made = NIL
        for element in reversed(list(elements)):
            made = self._object(1, [element, made])
        return made

    def _text(self, text: str) -> int:
        data = text.encode() + b"\0"
        return self._put(
            struct.pack("<iHBBQQQ", 0, 1, 0, 249, len(data), len(data), len(text)) + data
        )

    def _natural(self, number: int) -> int:
        if number < 1 << 63:
            return number << 1 | 1
        limbs = (number.bit_length() + 63) // 64
        at = BASE + len(self._out)
        header = struct.pack("<iHBBiiQ", 0, 24 + 8 * limbs, 0, 250, limbs, limbs, at + 24)
        return self._put(header + number.to_bytes(8 * limbs, "little"))

    def _name(self, name: Name) -> int:
        known = self._names
        for size in range(1, len(name) + 1 if name not in known else 0):
            if name[:size] not in known:
                prefix, last = known[name[: size - 1]], name[size - 1]
                if isinstance(last, str):
                    known[name[:size]] = self._cached(1, [prefix, self._text(last)])
                else:
                    known[name[:size]] = self._cached(2, [prefix, self._natural(last)])
        return known[name]

    def _name_list(self, names: Iterable[Name]) -> int:
        return self._list([self._name(name) for name in names])

    def _level(self, root: int) -> int:
        if root not in self._levels:
            tag, *rest = self._module.levels[root]
            if tag == 0:
                self._levels[root] = NIL
            elif tag == 4:
                self._levels[root] = self._cached(4, [self._name(rest[0])])
            else:
                self._levels[root] = self._cached(tag, [self._level(below) for below in rest])
        return self._levels[root]

    def _expression(self, root: int) -> int:
        for index in sorted(self._module.reach([root])):
            if index not in self._nodes:
                self._nodes[index] = self._node(*self._module.nodes[index])
        return self._nodes[root]

    def _node(self, tag: int, *rest: Any) -> int:
        if tag == BOUND:
            return self._cached(0, [self._natural(rest[0])])
        if tag == SORT:
            return self._cached(3, [self._level(rest[0])])
        if tag == CONSTANT:
            levels = self._list([self._level(each) for each in rest[1]])
            return self._cached(4, [self._name(rest[0]), levels])
        if tag == APPLICATION:
            return self._cached(5, [self._nodes[each] for each in rest])
        if tag in (LAMBDA, PI, LET):
            below = [self._nodes[each] for each in rest]
            return self._cached({LAMBDA: 6, PI: 7, LET: 8}[tag], [NIL, *below], b"\0")
        if tag == NATURAL:
            return self._cached(9, [self._object(0, [self._natural(rest[0])])])
        if tag == TEXT:
            return self._cached(9, [self._object(1, [self._text(rest[0])])])
        assert tag == PROJECTION
        return self._cached(11, [self._name(rest[0]), self._natural(rest[1]), self._nodes[rest[2]]])

    def _declaration(self, one: Declaration) -> int:
        basics = self._object(
            0, [self._name(one.name), self._name_list(one.levels), self._expression(one.type)]
        )
        fields, others = self._value(one)
        return self._object(one.kind, [self._object(0, [basics, *fields], others)])

    def _value(self, one: Declaration) -> tuple[list[int], bytes]:
        unsafe = bytes([one.safety is Safety.UNSAFE])
        details = one.details
        if isinstance(details, Inductive):
            return [
                self._natural(details.parameters),
                self._natural(details.indices),
                self._name_list(details.all),
                self._name_list(details.constructors),
                self._natural(details.nested),
            ], bytes([details.is_recursive, *unsafe, details.is_reflexive])
        if isinstance(details, Constructor):
            numbers = [details.index, details.parameters, details.fields]
            return [self._name(details.inductive), *map(self._natural, numbers)], unsafe
        if isinstance(details, Recursor):
            numbers = [details.parameters, details.indices, details.motives, details.minors]
            rules = self._list(
                [
                    self._object(
                        0,
                        [
                            self._name(rule.constructor),
                            self._natural(rule.fields),
                            self._expression(rule.right),
                        ],
                    )
                    for rule in details.rules
                ]
            )
            fields = [self._name_list(details.all), *map(self._natural, numbers), rules]
            return fields, bytes([details.k, *unsafe])
        names = self._name_list([one.name])
        if one.kind is Kind.AXIOM:
            return [], unsafe
        if one.kind is Kind.QUOTIENT:
            return [], b"\0"
        assert one.value is not None
        value = self._expression(one.value)
        if one.kind is Kind.THEOREM:
            return [value, names], b""
        if one.kind is Kind.OPAQUE:
            return [value, names], unsafe
        if one.height is None or one.height < 0:
            height = NIL if one.height is None else 3
        else:
            height = self._object(2, [], struct.pack("<I", one.height))
        return [value, height, names], bytes([one.safety])
