"""Lean's own shared library inside this process: its objects, and the functions that are used.

Objects are addresses, as in Lean's `lean.h`: an odd one is a small number or a constructor without
fields, an even one points to a header (reference count, size, number of fields, tag) before fields
of eight bytes. Whatever is made here is never freed: a process lives for one run.

Which fields an object has, and which arguments a function takes, is a matter of Lean's version:
`SUPPORTED` names those that this was written for.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from typing import Any

SUPPORTED = ("4.35.0",)
LIBRARIES = (
    "libInit_shared.so",
    "libleanshared_1.so",
    "libleanshared_2.so",
    "libleanshared.so",
)
NOTHING = 1
"""`none`, `[]`, `()`, `false`, 0, `Name.anonymous`: the first constructor, boxed."""
EMPTY_TREE = 3
"""The second one, of a tree: the first one is an inner node."""
_FOREVER = 1 << 30
"""More references than any process gives away."""
_STRING = 249
_MODULES = ("initialize_Init", "initialize_Std", "initialize_Lean")

Object = int


class LeanError(Exception):
    """An action of Lean's ended with an error; the message is Lean's own."""


def address_space() -> int:
    """Bytes of addresses that this process has taken: most of them are never used."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def box(number: int) -> Object:
    """A small natural number, or a constructor without fields by its index."""
    return number << 1 | 1


def tag(value: Object) -> int:
    """Index of an object's constructor."""
    if value & 1:
        return value >> 1
    return ctypes.c_uint8.from_address(value + 7).value


def field(value: Object, index: int) -> Object:
    """A field that is an object itself; or, after those, eight bytes of others."""
    return ctypes.c_uint64.from_address(value + 8 + 8 * index).value


def keep(value: Object) -> Object:
    """Makes sure that an object outlives whatever consumes it."""
    if not value & 1:
        count = ctypes.c_int32.from_address(value)
        if count.value > 0:
            count.value = _FOREVER
        elif count.value < 0:  # shared between threads
            count.value = -_FOREVER
    return value


def text_of(value: Object) -> str:
    """What a Lean string holds."""
    size = ctypes.c_uint64.from_address(value + 8).value
    return ctypes.string_at(value + 32, size - 1).decode(errors="replace")


def items(array: Object) -> Iterator[Object]:
    """The elements of an array of objects."""
    for index in range(ctypes.c_uint64.from_address(array + 8).value):
        yield ctypes.c_uint64.from_address(array + 24 + 8 * index).value


class Lean:
    """The library, loaded and initialised."""

    def __init__(self, folder: str) -> None:
        """Loads it.

        Args:
            folder: Where `libleanshared.so` is.

        Raises:
            OSError: It is not there, or does not fit this machine.
        """
        for name in LIBRARIES:
            path = os.path.join(folder, name)
            if name == LIBRARIES[-1] or os.path.exists(path):
                self.library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        self.library.lean_initialize()
        for name in _MODULES:
            initialise = getattr(self.library, name)
            initialise.restype = ctypes.c_void_p
            initialise.argtypes = (ctypes.c_uint8, ctypes.c_void_p)
            initialise(1, NOTHING)
        self.library.lean_io_mark_end_initialization()
        self._make_string = self.library.lean_mk_string_from_bytes
        self._make_string.restype = ctypes.c_void_p
        self._make_string.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
        self._wait = self.function("lean_task_get", 1)
        self._allocate = self.library.lean_alloc_small_object_core
        self._allocate.restype = ctypes.c_void_p
        self._allocate.argtypes = (ctypes.c_size_t,)

    def function(self, name: str, arity: int) -> Callable[..., Object]:
        """One of its functions over objects."""
        found: Any = getattr(self.library, name)
        found.restype = ctypes.c_void_p
        found.argtypes = (ctypes.c_void_p,) * arity
        return found  # type: ignore[no-any-return]

    def constant(self, name: str) -> Object:
        """One of its values."""
        return keep(int(ctypes.c_void_p.in_dll(self.library, name).value or 0))

    def string(self, text: str) -> Object:
        """A Lean string."""
        data = text.encode()
        return keep(int(self._make_string(data, len(data))))

    def name(self, *parts: str | int) -> Object:
        """A hierarchical name."""
        made = box(0)
        for part in parts:
            if isinstance(part, str):
                made = self.function("lean_name_mk_string", 2)(made, self.string(part))
            else:
                made = self.function("lean_name_mk_numeral", 2)(made, box(part))
        return keep(made)

    def constructor(self, index: int, fields: list[Object], scalars: bytes = b"") -> Object:
        """An object of a structure or an inductive type."""
        size = 8 + 8 * len(fields) + (len(scalars) + 7) // 8 * 8
        made: Object = self._allocate(size)
        ctypes.c_int32.from_address(made).value = _FOREVER
        ctypes.c_uint8.from_address(made + 6).value = len(fields)
        ctypes.c_uint8.from_address(made + 7).value = index
        for number, each in enumerate(fields):
            ctypes.c_uint64.from_address(made + 8 + 8 * number).value = each
        rest = size - 8 - 8 * len(fields)
        ctypes.memmove(made + 8 + 8 * len(fields), scalars.ljust(rest, b"\0"), rest)
        return made

    def fields(self, value: Object, count: int) -> list[Object]:
        """The fields of an object that are objects themselves; there have to be so many.

        Raises:
            LeanError: It is another object than we think.
        """
        has = 0 if value & 1 else ctypes.c_uint8.from_address(value + 6).value
        if has != count:
            raise LeanError(f"An object of Lean's has {has} fields, not {count}.")
        return [field(value, index) for index in range(count)]

    def wait(self, task: Object) -> Object:
        """What a task computes, once it has."""
        return keep(self._wait(task))

    def flush(self) -> None:
        """Writes out what Lean has printed."""
        self.library.fflush(None)

    def array(self) -> Object:
        """An empty array."""
        return keep(self.function("lean_mk_array", 2)(box(0), NOTHING))

    def result(self, ended: Object) -> Object:
        """What an action of Lean's returned.

        Raises:
            LeanError: It failed.
        """
        value = keep(field(keep(ended), 0))
        if tag(ended) != 0:
            said = self.function("lean_io_error_to_string", 1)(value)
            raise LeanError(text_of(said))
        return value
