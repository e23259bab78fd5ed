"""Reads a compiled Lean module, `.olean`, whoever wrote it.

A module is an image of memory: objects with pointers between them. A candidate's is written by the
process that ran the candidate, so it is believed in nothing. What is read is reached from the list
of declarations, and of each object only what it consists of: hashes and other figures that Lean
keeps beside it are never looked at. A pointer must lead to an earlier object, as Lean's writer has
it, so that nothing goes in circles; a header must be that of the object expected; a number has one
form; and what is read is bounded by the size of the file, so that reading takes time in proportion.

Source: lean4, `src/runtime/compact.cpp`, `src/library/module.cpp`, `src/Lean/Declaration.lean`.
"""

from __future__ import annotations

import mmap
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

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
    ZERO,
    Constructor,
    Declaration,
    Import,
    Inductive,
    Kind,
    Level,
    Module,
    Name,
    Node,
    Recursor,
    Rule,
    Safety,
)

__all__ = [
    "SUPPORTED",
    "LargeModule",
    "MalformedModule",
    "ModuleError",
    "UnknownLayout",
    "read_imports",
    "read_module",
]

SUPPORTED: Final = ("4.35.0",)
"""Versions of Lean whose layout of objects is the one below."""

MAXIMUM_BYTES: Final = 16 * 1024**2
"""Of a module that anybody wrote: a proof of 10 000 lines compiles to less."""
MAXIMUM_BOUND: Final = 1 << 16
"""Binders between a bound variable and its own."""
MAXIMUM_NUMBER: Final = 1 << 16
"""Of parameters, fields, indices: what Lean counts."""

_HEADER: Final = struct.Struct("<5sBB33s40sQQ")
"""Marker, version of the format, flags, version of Lean, its commit, base address, root."""
_FORMAT: Final = 2
_GMP: Final = 1
"""Flag: large numbers are kept as GMP keeps them."""
_FIRST: Final = 12
"""Word at which objects begin; the word before it points to the module's data."""

_NIL: Final = 1
"""The pointer that is no pointer: the first constructor, where it has no fields."""
_SMALL: Final = 1 << 63
"""Natural numbers from here on are objects."""

_T = TypeVar("_T")
Image: TypeAlias = bytes | mmap.mmap
"""The bytes of a file."""


class ModuleError(Exception):
    """A module can't be read; the message says why."""


class UnknownLayout(ModuleError):
    """It is of a Lean whose layout is not known here."""


class MalformedModule(ModuleError):
    """It is not as Lean writes modules."""


class LargeModule(ModuleError):
    """It is larger than it may be."""


def read_module(data: Image, *, maximum_bytes: int = MAXIMUM_BYTES) -> Module:
    """Reads the bytes of an `.olean` file.

    Raises:
        UnknownLayout: They are of a Lean not in `SUPPORTED`.
        MalformedModule: They are not what that Lean writes.
        LargeModule: There are more of them than that.
    """
    if len(data) > maximum_bytes:
        raise LargeModule(
            f"The compiled module has {len(data)} bytes, and {maximum_bytes} may be read."
        )
    return _Reader(data).module()


def read_imports(data: Image) -> tuple[Import, ...]:
    """What a module imports; nothing else of it is looked at.

    Raises:
        UnknownLayout: As for `read_module`.
        MalformedModule: As for `read_module`.
    """
    return _Reader(data).imports()


def _shape(tag: int, fields: int, bytes_of_others: int = 0) -> int:
    """The header of a constructor's object: no counted references, size, fields, tag."""
    size = 8 + 8 * fields + (bytes_of_others + 7) // 8 * 8
    return tag << 56 | fields << 48 | size << 32


_MODULE_DATA: Final = _shape(0, 5, 1)
_IMPORT: Final = _shape(0, 1, 3)
_CONS: Final = _shape(1, 2)
_STR, _NUM = _shape(1, 2, 8), _shape(2, 2, 8)
_BASICS: Final = _shape(0, 3)
"""Lean's `ConstantVal`: name, universe parameters, type."""
_RULE: Final = _shape(0, 3)
_REGULAR: Final = _shape(2, 0, 4)
_NUMBER_LITERAL, _TEXT_LITERAL = _shape(0, 1), _shape(1, 1)

_VALUES: Final = {
    Kind.AXIOM: _shape(0, 1, 1),
    Kind.DEFINITION: _shape(0, 4, 1),
    Kind.THEOREM: _shape(0, 3),
    Kind.OPAQUE: _shape(0, 3, 1),
    Kind.QUOTIENT: _shape(0, 1, 1),
    Kind.INDUCTIVE: _shape(0, 6, 3),
    Kind.CONSTRUCTOR: _shape(0, 5, 1),
    Kind.RECURSOR: _shape(0, 7, 2),
}
_CONSTANT_INFO: Final = {_shape(kind, 1): kind for kind in Kind}

_LEVELS: Final = {
    _shape(1, 1, 8): (SUCCESSOR, 1),
    _shape(2, 2, 8): (MAXIMUM, 2),
    _shape(3, 2, 8): (IMAX, 2),
    _shape(4, 1, 8): (PARAMETER, 0),
}
_MDATA: Final = -1
_EXPRESSIONS: Final[dict[int, tuple[int, tuple[int, ...]]]] = {
    _shape(0, 1, 8): (BOUND, ()),
    _shape(3, 1, 8): (SORT, ()),
    _shape(4, 2, 8): (CONSTANT, ()),
    _shape(5, 2, 8): (APPLICATION, (1, 2)),
    _shape(6, 3, 9): (LAMBDA, (2, 3)),
    _shape(7, 3, 9): (PI, (2, 3)),
    _shape(8, 4, 9): (LET, (2, 3, 4)),
    _shape(9, 1, 8): (NATURAL, ()),
    _shape(10, 2, 8): (_MDATA, (2,)),
    _shape(11, 3, 8): (PROJECTION, (3,)),
}
"""By header: what it is, and the words in which it has its subexpressions."""

_ARRAY_TAG, _STRING_TAG, _BIG_NUMBER_TAG = 246, 249, 250


def _malformed(why: str) -> NoReturn:
    raise MalformedModule(f"This is no module that Lean wrote: {why}.")


class _Reader:
    """Goes through one image; objects are known by the number of their first word."""

    def __init__(self, data: Image) -> None:
        if len(data) < _HEADER.size:
            _malformed(f"it has {len(data)} bytes")
        marker, form, flags, version, commit, base, root = _HEADER.unpack_from(data)
        if marker != b"olean":
            _malformed("it does not begin with `olean`")
        self.version = version.rstrip(b"\0").decode("ascii", "replace")
        self.commit = commit.rstrip(b"\0").decode("ascii", "replace")
        if form != _FORMAT or flags != _GMP or self.version not in SUPPORTED:
            raise UnknownLayout(
                f"Modules of Lean {self.version!r} (format {form}, flags {flags}) can't be read; "
                f"those of {', '.join(SUPPORTED)} can."
            )
        if len(data) % 8 or base % 8:
            _malformed("its objects are not aligned")
        self._data = data
        self._words: Sequence[int] = (
            memoryview(data).cast("Q")
            if sys.byteorder == "little"
            else struct.unpack(f"<{len(data) // 8}Q", data)
        )
        self._base: int = base
        self._root: int = root
        self._work = 64 * len(self._words) + 65536
        self._texts: dict[int, str] = {}
        self._names: dict[int, Name] = {_NIL: ()}
        self._interned_levels: dict[Level, int] = {}
        self._levels: dict[int, int] = {_NIL: self._level_index((ZERO,))}
        self._level_lists: dict[int, tuple[int, ...]] = {_NIL: ()}
        self._interned: dict[Node, int] = {}
        self._expressions: dict[int, int] = {}
        self._open: list[int] = []
        """By expression: how many binders around it it needs."""

    def module(self) -> Module:
        """All of it."""
        root = self._object(self._root, len(self._words), _MODULE_DATA)
        (others,) = self._others(root, 5, 1)
        names = [self._name(each, root) for each in self._array(root, 2)]
        declarations: dict[Name, Declaration] = {}
        for pointer in self._array(root, 3):
            declaration = self._declaration(pointer, root)
            if declaration.name in declarations:
                _malformed("it declares a name twice")
            declarations[declaration.name] = declaration
        if names != list(declarations):
            _malformed("its list of names is not that of its declarations")
        return Module(
            version=self.version,
            commit=self.commit,
            imports=self.imports(),
            uses_module_system=_flag(others),
            levels=tuple(self._interned_levels),
            nodes=tuple(self._interned),
            declarations=declarations,
        )

    def imports(self) -> tuple[Import, ...]:
        """What it imports."""
        root = self._object(self._root, len(self._words), _MODULE_DATA)
        return tuple([self._import(each, root) for each in self._array(root, 1)])

    # Objects

    def _at(self, pointer: int, above: int) -> int:
        """The object that another one, or the end of the file, points to."""
        offset = pointer - self._base
        if offset & 7 or not _FIRST <= offset >> 3 < above:
            _malformed("a pointer leads nowhere")
        return offset >> 3

    def _object(self, pointer: int, above: int, shape: int) -> int:
        """One that must have this header, whole."""
        at = self._at(pointer, above)
        if self._words[at] != shape:
            _malformed("an object is not what it should be")
        self._whole(at, (shape >> 32 & 0xFFFF) >> 3)
        return at

    def _whole(self, at: int, words: int) -> None:
        if at + words > len(self._words):
            _malformed("an object is cut off")

    def _others(self, at: int, fields: int, count: int) -> bytes:
        """What an object has after its fields, byte by byte."""
        begin = 8 * (at + 1 + fields)
        return self._data[begin : begin + count]

    def _spend(self, amount: int) -> None:
        """Counts what is read over and over: a module of Lean's never comes near this."""
        self._work -= amount
        if self._work < 0:
            _malformed("its objects are entangled")

    def _array(self, owner: int, field: int) -> list[int]:
        at = self._at(self._words[owner + field], owner)
        self._whole(at, 3)
        size = self._words[at + 1]
        if self._words[at] >> 56 != _ARRAY_TAG or self._words[at] & 0xFFFFFFFF:
            _malformed("an object is not what it should be")
        self._whole(at, 3 + size)
        return list(self._words[at + 3 : at + 3 + size])

    def _list(self, pointer: int, above: int) -> Iterator[tuple[int, int]]:
        """The elements of a list, each with the cell that points to it."""
        while pointer != _NIL:
            above = self._object(pointer, above, _CONS)
            self._spend(1)
            yield self._words[above + 1], above
            pointer = self._words[above + 2]

    def _each(self, pointer: int, above: int, read: Callable[[int, int], _T]) -> tuple[_T, ...]:
        return tuple([read(each, cell) for each, cell in self._list(pointer, above)])

    # Numbers, texts, names

    def _count(self, pointer: int) -> int:
        """A number of parameters or the like."""
        number = self._small(pointer)
        if number > MAXIMUM_NUMBER:
            _malformed("a number is out of range")
        return number

    def _small(self, pointer: int) -> int:
        """A natural number that is no object."""
        if not pointer & 1:
            _malformed("a number is out of range")
        return pointer >> 1

    def _natural(self, pointer: int, above: int) -> int:
        """A natural number: an odd pointer is one, a larger one has the form of GMP's."""
        if pointer & 1:
            return pointer >> 1
        at = self._at(pointer, above)
        words = self._words
        self._whole(at, 4)
        size = words[at + 1] >> 32
        if words[at] >> 48 != _BIG_NUMBER_TAG << 8 or words[at] & 0xFFFFFFFF:
            _malformed("an object is not what it should be")
        if not 0 < size < 1 << 31 or words[at + 2] - self._base != 8 * (at + 3):
            _malformed("a number is not in its form")
        self._whole(at, 3 + size)
        self._spend(size)
        number = int.from_bytes(self._data[8 * (at + 3) : 8 * (at + 3 + size)], "little")
        if number < _SMALL or not words[at + 2 + size]:
            _malformed("a number is not in its form")
        return number

    def _text(self, pointer: int, above: int) -> str:
        at = self._at(pointer, above)
        if at in self._texts:
            return self._texts[at]
        self._whole(at, 4)
        header, size, _, length = self._words[at : at + 4]
        if header >> 56 != _STRING_TAG or header & 0xFFFFFFFF or not size:
            _malformed("an object is not what it should be")
        self._whole(at, 4 + (size + 7) // 8)
        self._spend(size)
        data = self._data[8 * at + 32 : 8 * at + 32 + size]
        try:
            text = data[:-1].decode()
        except UnicodeDecodeError:
            _malformed("a text is not UTF-8")
        if data[-1] or length != len(text):
            _malformed("a text is not in its form")
        self._texts[at] = text
        return text

    def _name(self, pointer: int, above: int) -> Name:
        known = self._names
        chain: list[tuple[int, str | int]] = []
        while pointer not in known:
            at = self._at(pointer, above)
            self._whole(at, 4)
            part: str | int
            if self._words[at] == _STR:
                part = self._text(self._words[at + 2], at)
            elif self._words[at] == _NUM:
                part = self._small(self._words[at + 2])
            else:
                _malformed("an object is not what it should be")
            chain.append((pointer, part))
            pointer, above = self._words[at + 1], at
        name = known[pointer]
        for pointer, part in reversed(chain):
            self._spend(len(name) + 1)
            name = known[pointer] = (*name, part)
        return name

    # Universes

    def _level_index(self, level: Level) -> int:
        return self._interned_levels.setdefault(level, len(self._interned_levels))

    def _level(self, pointer: int, above: int) -> int:
        known = self._levels
        if pointer in known:
            return known[pointer]
        words = self._words
        pending: dict[int, Any] = {}
        waiting = [(pointer, above)]
        while waiting:
            pointer, above = waiting.pop()
            if pointer in known or pointer in pending:
                continue
            at = self._at(pointer, above)
            shape = _LEVELS.get(words[at])
            if shape is None:
                _malformed("an object is not what it should be")
            self._whole(at, 4)
            pending[pointer] = shape
            waiting += [(words[at + 1 + field], at) for field in range(shape[1])]
        for pointer in sorted(pending):  # what a level is made of comes first
            tag, below = pending[pointer]
            at = (pointer - self._base) >> 3
            level: Level
            if tag == PARAMETER:
                level = (tag, self._name(words[at + 1], at))
            else:
                level = (tag, *(known[words[at + 1 + field]] for field in range(below)))
            known[pointer] = self._level_index(level)
        return known[pointer]

    def _level_list(self, pointer: int, above: int) -> tuple[int, ...]:
        if pointer not in self._level_lists:
            self._level_lists[pointer] = self._each(pointer, above, self._level)
        return self._level_lists[pointer]

    # Expressions

    def _expression(self, pointer: int, above: int) -> int:
        """A closed expression."""
        root = self._at(pointer, above)
        known = self._expressions
        if root not in known:
            for at in sorted(self._unknown(root)):  # subexpressions come first
                known[at] = self._node(at)
        if self._open[known[root]]:
            _malformed("a variable has no binder")
        return known[root]

    def _unknown(self, root: int) -> set[int]:
        """What is still to be read of an expression, checked to be expressions."""
        words, known, base = self._words, self._expressions, self._base
        found: set[int] = set()
        waiting = [root]
        while waiting:
            at = waiting.pop()
            if at in found or at in known:
                continue
            shape = _EXPRESSIONS.get(words[at])
            if shape is None:
                _malformed("an object is not what it should be")
            found.add(at)
            self._whole(at, 5)
            for field in shape[1]:
                offset = words[at + field] - base
                below = offset >> 3
                if offset & 7 or not _FIRST <= below < at:
                    _malformed("a pointer leads nowhere")
                waiting.append(below)
        return found

    def _node(self, at: int) -> int:
        """One whose subexpressions are known."""
        words, known, open_ = self._words, self._expressions, self._open
        tag, fields = _EXPRESSIONS[words[at]]
        below = [known[(words[at + field] - self._base) >> 3] for field in fields]
        node: Node
        needs = 0
        if tag == APPLICATION:
            function, argument = below
            node = (tag, function, argument)
            needs = max(open_[function], open_[argument])
        elif tag in (LAMBDA, PI, LET):
            node = (tag, *below)
            needs = max(*[open_[each] for each in below[:-1]], open_[below[-1]] - 1)
        elif tag == BOUND:
            index = words[at + 1] >> 1
            if not words[at + 1] & 1 or index >= MAXIMUM_BOUND:
                _malformed("a variable is out of range")
            node = (tag, index)
            needs = index + 1
        elif tag == CONSTANT:
            name = self._name(words[at + 1], at)
            node = (tag, name, self._level_list(words[at + 2], at))
        elif tag == _MDATA:
            return below[0]
        elif tag == SORT:
            node = (tag, self._level(words[at + 1], at))
        elif tag == PROJECTION:
            name = self._name(words[at + 1], at)
            node = (tag, name, self._count(words[at + 2]), below[0])
            needs = open_[below[0]]
        else:
            node = self._literal(words[at + 1], at)
        index = self._interned.setdefault(node, len(self._interned))
        if index == len(open_):
            open_.append(needs)
        return index

    def _literal(self, pointer: int, above: int) -> Node:
        at = self._at(pointer, above)
        self._whole(at, 2)
        if self._words[at] == _NUMBER_LITERAL:
            return (NATURAL, self._natural(self._words[at + 1], at))
        if self._words[at] == _TEXT_LITERAL:
            return (TEXT, self._text(self._words[at + 1], at))
        _malformed("an object is not what it should be")

    # Declarations

    def _import(self, pointer: int, above: int) -> Import:
        at = self._object(pointer, above, _IMPORT)
        import_all, is_exported, is_meta = self._others(at, 1, 3)
        return Import(
            module=self._name(self._words[at + 1], at),
            import_all=_flag(import_all),
            is_exported=_flag(is_exported),
            is_meta=_flag(is_meta),
        )

    def _declaration(self, pointer: int, above: int) -> Declaration:
        info = self._at(pointer, above)
        self._whole(info, 2)
        kind = _CONSTANT_INFO.get(self._words[info])
        if kind is None:
            _malformed("an object is not what it should be")
        at = self._object(self._words[info + 1], info, _VALUES[kind])
        basics = self._object(self._words[at + 1], at, _BASICS)
        name = self._name(self._words[basics + 1], basics)
        levels = self._each(self._words[basics + 2], basics, self._name)
        if not name:
            _malformed("a declaration has no name")
        if len(set(levels)) != len(levels):
            _malformed("a universe parameter is declared twice")
        type_ = self._expression(self._words[basics + 3], basics)
        value: int | None = None
        safety, height = Safety.SAFE, None
        details: Inductive | Constructor | Recursor | None = None
        if kind in (Kind.DEFINITION, Kind.THEOREM, Kind.OPAQUE):
            value = self._expression(self._words[at + 2], at)
        if kind is Kind.DEFINITION:
            height = self._height(self._words[at + 3], at)
            (number,) = self._others(at, 4, 1)
            if number >= len(Safety):
                _malformed("a number is out of range")
            safety = Safety(number)
        elif kind is Kind.INDUCTIVE:
            details, safety = self._inductive(at)
        elif kind is Kind.CONSTRUCTOR:
            details, safety = self._constructor(at)
        elif kind is Kind.RECURSOR:
            details, safety = self._recursor(at)
        elif kind in (Kind.AXIOM, Kind.OPAQUE):
            (number,) = self._others(at, 1 if kind is Kind.AXIOM else 3, 1)
            safety = _safety(number)
        return Declaration(
            kind=kind,
            name=name,
            levels=levels,
            type=type_,
            value=value,
            safety=safety,
            height=height,
            details=details,
        )

    def _height(self, pointer: int, above: int) -> int | None:
        if pointer & 1:
            if pointer >> 1 > 1:
                _malformed("a number is out of range")
            return None if pointer == _NIL else -1
        at = self._object(pointer, above, _REGULAR)
        height: int = self._words[at + 1] & 0xFFFFFFFF
        return height

    def _inductive(self, at: int) -> tuple[Inductive, Safety]:
        words = self._words
        is_recursive, is_unsafe, is_reflexive = self._others(at, 6, 3)
        details = Inductive(
            parameters=self._count(words[at + 2]),
            indices=self._count(words[at + 3]),
            all=self._each(words[at + 4], at, self._name),
            constructors=self._each(words[at + 5], at, self._name),
            nested=self._count(words[at + 6]),
            is_recursive=_flag(is_recursive),
            is_reflexive=_flag(is_reflexive),
        )
        return details, _safety(is_unsafe)

    def _constructor(self, at: int) -> tuple[Constructor, Safety]:
        words = self._words
        (is_unsafe,) = self._others(at, 5, 1)
        details = Constructor(
            inductive=self._name(words[at + 2], at),
            index=self._count(words[at + 3]),
            parameters=self._count(words[at + 4]),
            fields=self._count(words[at + 5]),
        )
        return details, _safety(is_unsafe)

    def _recursor(self, at: int) -> tuple[Recursor, Safety]:
        words = self._words
        k, is_unsafe = self._others(at, 7, 2)
        details = Recursor(
            all=self._each(words[at + 2], at, self._name),
            parameters=self._count(words[at + 3]),
            indices=self._count(words[at + 4]),
            motives=self._count(words[at + 5]),
            minors=self._count(words[at + 6]),
            rules=self._each(words[at + 7], at, self._rule),
            k=_flag(k),
        )
        return details, _safety(is_unsafe)

    def _rule(self, pointer: int, above: int) -> Rule:
        at = self._object(pointer, above, _RULE)
        return Rule(
            constructor=self._name(self._words[at + 1], at),
            fields=self._count(self._words[at + 2]),
            right=self._expression(self._words[at + 3], at),
        )


def _flag(number: int) -> bool:
    if number > 1:
        _malformed("a number is out of range")
    return bool(number)


def _safety(is_unsafe: int) -> Safety:
    return Safety.UNSAFE if _flag(is_unsafe) else Safety.SAFE
