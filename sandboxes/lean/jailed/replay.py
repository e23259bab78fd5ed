"""Hands declarations to Lean's kernel, in a process that no candidate was ever in.

The job comes on file descriptor 3: what `sandboxes.lean.replay.encode` writes. Names, universes and
expressions are made by Lean's own constructors, which work out hashes and all else that they keep.
What the kernel makes of inductive types by itself is compared with what the job says of them.

Answers go to file descriptor 4, as lines of JSON: one for each item that the kernel does not take,
and one at the end, without which nothing was accepted:

    {"item": 3, "rejected": "type mismatch"}
    {"item": 4, "limit": "memory"}
    {"end": {"digest": "…", "axioms": [[["propext"]], []]}}
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from sandboxes.isolation.jailed.begin import begin
from sandboxes.lean.jailed.header import loaded
from sandboxes.lean.jailed.library import (
    NOTHING,
    Lean,
    LeanError,
    Object,
    address_space,
    box,
    field,
    items,
    keep,
    tag,
    text_of,
)

_JOB, _SAID = 3, 4
_OTHER = 12
_REJECTIONS = (
    "a constant is unknown",
    "already declared",
    "the value is not of the type that is declared",
    "metavariables",
    "free variables",
    "something is applied that is no function",
    "something is used as a type that is none",
    "a local definition is not of its type",
    "an expression is not of its type",
    "an argument is not of the type that the function takes",
    "a projection of something that has no such field",
    "the statement of a theorem is no proposition",
    "",
)
"""By constructor of `Lean.Kernel.Exception`."""
_LIMITS = {13: "steps", 14: "memory", 15: "recursion", 16: "interrupted"}
"""Those that say nothing about what was checked."""
_SMALL = 1 << 63
_REHEARSAL: dict[str, Any] = {
    "on_header": True,
    "axioms_of": [[1]],
    "names": [[0, "True"], [1, "intro"], [0, "rehearsal"]],
    "levels": [],
    "expressions": [[2, 1, []], [2, 2, []]],
    "items": [{"kind": "theorem", "name": 3, "levels": [], "type": 0, "value": 1}],
}
_DECLARE = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_UNLIMITED = 0
"""Steps and recursion: the limits of the process decide."""

reserved_bytes = 0
"""Address space that is taken before a run begins."""


def warm() -> None:
    """Has the kernel check something, so that processes forked later find its tables filled."""
    global reserved_bytes
    try:
        lean = loaded().lean
    except LeanError:
        return
    check(lean, _REHEARSAL, lambda _: None)
    reserved_bytes = address_space()


def main() -> int:
    """Does one job."""
    with os.fdopen(_JOB, "rb") as file:
        data = file.read()
    try:
        lean = loaded().lean
    except LeanError as error:
        say({"failure": str(error)})
        return 0
    begin()
    sys.set_int_max_str_digits(0)
    lean.library.lean_set_exit_on_panic(1)
    axioms = check(lean, json.loads(data), say)
    say({"end": {"digest": hashlib.sha256(data).hexdigest(), "axioms": axioms}})
    return 0


def check(lean: Lean, job: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> list[Any]:
    """Hands the items of a job to the kernel; returns the axioms that it asks for."""
    if job["on_header"]:
        environment = loaded().environment
    else:
        environment = lean.result(lean.function("l_Lean_mkEmptyEnvironment", 2)(0, NOTHING))
    to_kernel = lean.function("lean_elab_environment_to_kernel_env", 1)
    kernel = Kernel(lean, keep(to_kernel(keep(environment))))
    axioms = [kernel.axioms(names) for names in kernel.read(job)]
    for number, item in enumerate(job["items"]):
        refused = kernel.add(item)
        if refused:
            tell({"item": number, **refused})
        if refused and "limit" in refused:
            break  # what rests on it would be refused for that alone
    return axioms


def say(event: dict[str, Any]) -> None:
    """Says something."""
    rest = memoryview(json.dumps(event).encode("ascii") + b"\n")
    while rest:
        rest = rest[os.write(_SAID, rest) :]


class Kernel:
    """An environment of the kernel's, and the objects that a job speaks of."""

    def __init__(self, lean: Lean, environment: Object) -> None:
        self._lean = lean
        self._environment = environment
        self._find = lean.function("lean_environment_find", 2)
        self._names: list[Object] = []
        self._levels: list[Object] = []
        self._expressions: list[Object] = []

    def read(self, job: dict[str, Any]) -> Iterator[list[Object]]:
        """Makes the objects of a job; returns the groups of names whose axioms it asks for."""
        lean = self._lean
        string, numeral = (
            lean.function("lean_name_mk_string", 2),
            lean.function("lean_name_mk_numeral", 2),
        )
        names = self._names = [NOTHING]
        for prefix, part in job["names"]:
            if isinstance(part, str):
                names.append(keep(string(names[prefix], lean.string(part))))
            else:
                names.append(keep(numeral(names[prefix], self._natural(part))))
        self._read_levels(job["levels"])
        self._read_expressions(job["expressions"])
        return ([names[name] for name in group] for group in job["axioms_of"])

    def _read_levels(self, said: list[list[int]]) -> None:
        make = [
            self._lean.function(f"lean_level_mk_{kind}", arity)
            for kind, arity in (("zero", 1), ("succ", 1), ("max", 2), ("imax", 2), ("param", 1))
        ]
        levels = self._levels
        for kind, *rest in said:
            if kind == 0:
                levels.append(keep(make[0](NOTHING)))
            elif kind == 4:
                levels.append(keep(make[4](self._names[rest[0]])))
            else:
                levels.append(keep(make[kind](*[levels[below] for below in rest])))

    def _read_expressions(self, said: list[list[Any]]) -> None:
        lean, names, made = self._lean, self._names, self._expressions
        sort, constant, application, bound, literal, projection = (
            lean.function(f"lean_expr_mk_{kind}", arity)
            for kind, arity in (
                ("sort", 1),
                ("const", 2),
                ("app", 2),
                ("bvar", 1),
                ("lit", 1),
                ("proj", 3),
            )
        )
        function, pi, let = (
            _typed(lean, f"lean_expr_mk_{kind}", shape)
            for kind, shape in (("lambda", "ooob"), ("forall", "ooob"), ("let", "oooob"))
        )
        for kind, *rest in said:
            if kind == 3:
                one = application(made[rest[0]], made[rest[1]])
            elif kind == 0:
                one = bound(box(rest[0]))
            elif kind == 2:
                levels = self._list(self._levels[level] for level in rest[1])
                one = constant(names[rest[0]], levels)
            elif kind == 4:
                one = function(NOTHING, made[rest[0]], made[rest[1]], 0)
            elif kind == 5:
                one = pi(NOTHING, made[rest[0]], made[rest[1]], 0)
            elif kind == 1:
                one = sort(self._levels[rest[0]])
            elif kind == 6:
                one = let(NOTHING, made[rest[0]], made[rest[1]], made[rest[2]], 0)
            elif kind == 7:
                one = literal(lean.constructor(0, [self._natural(int(rest[0], 16))]))
            elif kind == 8:
                one = literal(lean.constructor(1, [lean.string(rest[0])]))
            else:
                one = projection(names[rest[0]], box(rest[1]), made[rest[2]])
            made.append(keep(one))

    def _natural(self, number: int) -> Object:
        if number < _SMALL:
            return box(number)
        make = self._lean.library.lean_cstr_to_nat
        make.restype, make.argtypes = ctypes.c_void_p, (ctypes.c_char_p,)
        return keep(make(str(number).encode()))

    def _list(self, elements: Iterator[Object]) -> Object:
        made = NOTHING
        for element in reversed(list(elements)):
            made = self._lean.constructor(1, [element, made])
        return made

    def _names_of(self, indices: list[int]) -> Object:
        return self._list(self._names[index] for index in indices)

    # Adding

    def add(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """Hands an item to the kernel; returns why it was not taken, if it was not."""
        declare = self._lean.library.lean_add_decl
        declare.restype = ctypes.c_void_p
        declare.argtypes = (*_DECLARE, ctypes.c_void_p, ctypes.c_void_p)
        made = keep(
            declare(self._environment, _UNLIMITED, _UNLIMITED, self._declaration(item), NOTHING)
        )
        if tag(made) == 0:
            return self._refusal(field(made, 0))
        self._environment = keep(field(made, 0))
        for said in item.get("said", ()):
            if not self._has(said):
                name = _parts(self._names[said["name"]])
                return {"rejected": f"the kernel makes something else of {name!r}"}
        return None

    def _declaration(self, item: dict[str, Any]) -> Object:
        lean = self._lean
        kind = item["kind"]
        if kind == "quotient":
            return box(4)
        levels = self._names_of(item["levels"])
        if kind == "inductive":
            types = self._list(self._type(one) for one in item["types"])
            make = _typed(lean, "lean_mk_inductive_decl", "ooob")
            return make(levels, box(item["parameters"]), types, 0)
        name = self._names[item["name"]]
        type_ = self._expressions[item["type"]]
        if kind == "axiom":
            value = _typed(lean, "lean_mk_axiom_val", "ooob")(name, levels, type_, 0)
            return lean.constructor(0, [value])
        body = self._expressions[item["value"]]
        alone = self._list(iter([name]))
        if kind == "theorem":
            value = lean.function("lean_mk_theorem_val", 5)(name, levels, type_, body, alone)
            return lean.constructor(2, [value])
        if kind == "opaque":
            make = _typed(lean, "lean_mk_opaque_val", "oooobo")
            return lean.constructor(3, [make(name, levels, type_, body, 0, alone)])
        make = _typed(lean, "lean_mk_definition_val", "ooooobo")
        hints = self._hints(item["height"])
        safe = 1
        return lean.constructor(1, [make(name, levels, type_, body, hints, safe, alone)])

    def _type(self, one: dict[str, Any]) -> Object:
        constructors = self._list(
            self._lean.constructor(0, [self._names[name], self._expressions[type_]])
            for name, type_ in one["constructors"]
        )
        name, type_ = self._names[one["name"]], self._expressions[one["type"]]
        return self._lean.constructor(0, [name, type_, constructors])

    def _hints(self, height: int | None) -> Object:
        if height is None or height < 0:
            return box(0 if height is None else 1)
        return self._lean.constructor(2, [], height.to_bytes(4, "little"))

    def _refusal(self, exception: Object) -> dict[str, Any]:
        kind = tag(exception)
        if kind in _LIMITS:
            return {"limit": _LIMITS[kind]}
        if kind == _OTHER:
            return {"rejected": text_of(field(exception, 0))}
        return {"rejected": _REJECTIONS[kind]}

    # Comparing with what the kernel made

    def _has(self, said: dict[str, Any]) -> bool:
        """Whether the kernel has made of an inductive type what the job says."""
        found = self.found(self._names[said["name"]])
        kind = said["kind"]
        if not found or tag(found) != {"inductive": 5, "constructor": 6, "recursor": 7}[kind]:
            return False
        make: Callable[[dict[str, Any]], Object] = getattr(self, f"_{kind}")
        equal: Any = getattr(self._lean.library, f"l_Lean_instBEq{kind.capitalize()}Val_beq")
        equal.restype, equal.argtypes = ctypes.c_uint8, (ctypes.c_void_p, ctypes.c_void_p)
        return bool(equal(keep(field(found, 0)), keep(make(said))))

    def _inductive(self, said: dict[str, Any]) -> Object:
        return _typed(self._lean, "lean_mk_inductive_val", "oooooooobbb")(
            *self._basics(said),
            box(said["parameters"]),
            box(said["indices"]),
            self._names_of(said["all"]),
            self._names_of(said["constructors"]),
            box(said["nested"]),
            said["is_recursive"],
            0,
            said["is_reflexive"],
        )

    def _constructor(self, said: dict[str, Any]) -> Object:
        return _typed(self._lean, "lean_mk_constructor_val", "ooooooob")(
            *self._basics(said),
            self._names[said["inductive"]],
            box(said["index"]),
            box(said["parameters"]),
            box(said["fields"]),
            0,
        )

    def _recursor(self, said: dict[str, Any]) -> Object:
        rules = self._list(
            self._lean.constructor(0, [self._names[name], box(fields), self._expressions[right]])
            for name, fields, right in said["rules"]
        )
        return _typed(self._lean, "lean_mk_recursor_val", "ooooooooobb")(
            *self._basics(said),
            self._names_of(said["all"]),
            box(said["parameters"]),
            box(said["indices"]),
            box(said["motives"]),
            box(said["minors"]),
            rules,
            said["k"],
            0,
        )

    def _basics(self, said: dict[str, Any]) -> tuple[Object, Object, Object]:
        name, levels = self._names[said["name"]], self._names_of(said["levels"])
        return name, levels, self._expressions[said["type"]]

    # Axioms

    def found(self, name: Object) -> Object:
        """What the environment has under a name, or 0."""
        option = keep(self._find(self._environment, name))
        return keep(field(option, 0)) if tag(option) == 1 else 0

    def axioms(self, names: list[Object]) -> list[list[str | int]]:
        """Axioms that constants of the environment rest on, by the parts of their names."""
        used = self._lean.function("l_Lean_Expr_getUsedConstants", 1)
        seen: set[Object] = set()
        axioms: list[list[str | int]] = []
        waiting = list(names)
        while waiting:
            constant = self.found(waiting.pop())
            if not constant or constant in seen:
                continue
            seen.add(constant)
            if tag(constant) == 0:
                axioms.append(_parts(field(field(field(constant, 0), 0), 0)))
            for expression in _expressions(constant):
                waiting += items(keep(used(keep(expression))))
            waiting += _relatives(constant)
        return sorted(axioms, key=str)


def _typed(lean: Lean, name: str, shape: str) -> Callable[..., Object]:
    """A function over objects (`o`) and bytes (`b`)."""
    found: Any = getattr(lean.library, name)
    found.restype = ctypes.c_void_p
    found.argtypes = [ctypes.c_void_p if kind == "o" else ctypes.c_uint8 for kind in shape]
    return found  # type: ignore[no-any-return]


def _expressions(constant: Object) -> Iterator[Object]:
    """What a `ConstantInfo` consists of: its type, and its value if it has one."""
    value = field(constant, 0)
    yield field(field(value, 0), 2)
    if tag(constant) in (1, 2, 3):
        yield field(value, 1)


def _relatives(constant: Object) -> Iterator[Object]:
    """Names of what belongs to a part of an inductive type."""
    value = field(constant, 0)
    if tag(constant) == 5:
        yield from _elements(field(value, 3))
        yield from _elements(field(value, 4))
    elif tag(constant) == 6:
        yield field(value, 1)
    elif tag(constant) == 7:
        yield from _elements(field(value, 1))


def _elements(listed: Object) -> Iterator[Object]:
    while tag(listed) == 1:
        yield field(listed, 0)
        listed = field(listed, 1)


def _parts(name: Object) -> list[str | int]:
    """A name by its parts."""
    parts: list[str | int] = []
    while not name & 1:
        last = field(name, 1)
        parts.append(text_of(last) if tag(name) == 1 else last >> 1)
        name = field(name, 0)
    return parts[::-1]
