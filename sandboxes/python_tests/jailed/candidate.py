"""Runs a candidate, and calls it as the checker's process asks.

This process has the candidate's code and one socket. It has no tests, no expected value, and no
way to say anything about a verdict: what it answers is data that the checker judges.
"""

from __future__ import annotations

import _thread
import builtins
import contextlib
import functools
import linecache
import operator
import re
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

from sandboxes.isolation.jailed.begin import begin
from sandboxes.python_tests.jailed.codec import (
    Connection,
    Decoder,
    Encoder,
    TooLarge,
    is_array,
    member,
    member_name,
    module_in_use,
    plain,
    read_job,
)
from sandboxes.python_tests.jailed.rehearsal import play_candidate, play_checker, rehearse

JOB_FD = 3
CHECKER_FD = 4
FILE_NAME = "candidate.py"
MODULE_NAME = "candidate"
MAX_MESSAGE = 2000
_PATH = re.compile(r"[^\W\d]\w*(\(\))?(\.[^\W\d]\w*(\(\))?)*")


def main() -> int:
    """Loads the candidate, then serves until the checker is done with it."""
    job = read_job(JOB_FD)
    connection = Connection(CHECKER_FD)
    begin()
    try:
        module = load(job["preamble"] + job["source"])
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        connection.send({"load_error": describe_exception(error)})
        return 0
    connection.send({"loaded": True})
    Server(connection, module).serve()
    return 0


def warm() -> None:
    """Prepares the process that those of candidates are forked from."""
    rehearse(play_candidate, play_checker)
    linecache.cache.clear()


def load(source: str, name: str = MODULE_NAME) -> types.ModuleType:
    """Runs the candidate's text as a module."""
    lines = source.splitlines(keepends=True)
    linecache.cache[FILE_NAME] = (len(source), None, lines, FILE_NAME)
    module = types.ModuleType(name)
    module.__file__ = FILE_NAME
    sys.modules[name] = module
    exec(compile(source, FILE_NAME, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    return module


def describe_exception(error: BaseException, file_name: str = FILE_NAME) -> dict[str, Any]:
    """An exception as data: type, message, and the lines of the candidate that it went through."""
    kind = type(error)
    described: dict[str, Any] = {
        "type": kind.__name__,
        "module": kind.__module__,
        "mro": [base.__name__ for base in kind.__mro__ if base.__module__ == "builtins"],
        "message": safely(str, error)[:MAX_MESSAGE],
        "lines": [
            [frame.lineno, frame.name]
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == file_name
        ][-50:],
    }
    if isinstance(error, SyntaxError):
        described["syntax"] = [error.lineno, error.offset, error.end_lineno, error.end_offset]
        described["message"] = safely(str, error.msg)[:MAX_MESSAGE]
        if error.filename != file_name:
            del described["syntax"]
    return described


def safely(function: Callable[[Any], str], value: object) -> str:
    """Text of an object that may refuse to have one."""
    try:
        return str(function(value)).encode("utf-8", "backslashreplace").decode()
    except BaseException:  # noqa: BLE001 - the candidate's own code
        return f"<{type(value).__name__}>"


class Remote:
    """A callable or iterator of the tests, as the candidate sees it."""

    def __init__(self, server: Server, number: int) -> None:
        self._server = server
        self._number = number

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Has the tests' side call it."""
        return self._server.call_back(self._number, "call", args, kwargs)

    def __iter__(self) -> Remote:
        return self

    def __next__(self) -> object:
        return self._server.call_back(self._number, "next", (), {})


class Server:
    """Answers the checker's requests, one at a time."""

    def __init__(self, connection: Connection, module: types.ModuleType) -> None:
        self._connection = connection
        self._talking = _thread.RLock()
        """Held for a question and its answer: the candidate may ask in several threads at once."""
        self._module = module
        self._handles: dict[int, object] = {}
        self._numbers: dict[int, int] = {}
        self._structural: frozenset[str] = frozenset()
        self._operations: dict[str, Callable[..., object]] = {
            **OPERATIONS,
            "resolve": self._resolve_path,
            "names": self._names,
        }

    def serve(self) -> None:
        """Answers until the checker hangs up."""
        while True:
            try:
                frame = self._connection.receive()
            except EOFError:
                return
            self._answer(frame)

    def _answer(self, frame: dict[str, Any]) -> None:
        decoder = Decoder(frame["args"]["nodes"], self._builders())
        given: Any = decoder.value(frame["args"]["root"])
        args, kwargs = given
        before = [
            (k, value, copy_content(value))
            for k, value in enumerate(decoder.objects)
            if is_mutable(value) or type(value).__name__ in self._structural
        ]
        try:
            result = self._operations[frame["op"]](*args, **kwargs)
            reply = self._reply(result, decoder.objects, before)
        except BaseException as error:  # noqa: BLE001 - an answer like any other
            reply = self._raised(error, decoder.objects, before)
        self._send(reply)

    def _send(self, reply: dict[str, Any]) -> None:
        flush()
        try:
            self._connection.send(reply)
        except TooLarge as error:
            self._connection.send({"refused": str(error)})

    def _reply(self, result: object, given: list[object], before: list[Any]) -> dict[str, Any]:
        encoder = self._encoder(given)
        try:
            root = encoder.reference(result)
            changed = self._changes(encoder, before)
            encoder.finish()
        except TooLarge as error:
            return {"refused": str(error)}
        return {"ok": {"root": root, "nodes": encoder.nodes}, "changed": changed}

    def _raised(
        self, error: BaseException, given: list[object], before: list[Any]
    ) -> dict[str, Any]:
        encoder = self._encoder(given)
        described = describe_exception(error)
        try:
            described["args"] = encoder.reference(tuple(error.args))
            changed = self._changes(encoder, before)
            encoder.finish()
        except BaseException:  # noqa: BLE001 - then without arguments
            return {"raise": described | {"args": None}, "nodes": [], "changed": []}
        return {"raise": described, "nodes": encoder.nodes, "changed": changed}

    def _changes(self, encoder: Encoder, before: list[Any]) -> list[list[Any]]:
        """Arguments that were changed in place: which, and a copy of what they hold since then."""
        return [
            [k, encoder.reference(copy_content(value))]
            for k, value, content in before
            if not same_content(value, content)
        ]

    def call_back(
        self, number: int, operation: str, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        """Asks the checker to call something that the tests passed in."""
        with self._talking:
            return self._talk(number, operation, args, kwargs)

    def _talk(
        self, number: int, operation: str, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        encoder = self._encoder()
        graph = encoder.graph([list(args), kwargs])
        flush()
        self._connection.send({"callback": number, "op": operation, "args": graph})
        while True:
            frame = self._connection.receive()
            if "op" in frame:  # the callback itself calls the candidate
                self._answer(frame)
                continue
            decoder = Decoder(frame.get("nodes", []), self._builders(), answered=encoder.objects)
            if "raise" in frame:
                kind = getattr(builtins, frame["raise"], RuntimeError)
                raise kind(*decoder.value(frame["root"]))  # type: ignore[misc]
            return decoder.value(frame["root"])

    def _builders(self) -> dict[str, Any]:
        return {
            "h": lambda node, _: self._handles[node[1]],
            "k": lambda node, _: Remote(self, node[1]),
            "o": lambda node, _: object.__new__(getattr(self._module, node[1])),
            "e": lambda node, _: member(getattr(self._module, node[1]), node[2]),
        }

    def _encoder(self, answered: list[object] | None = None) -> Encoder:
        encoder = Encoder(lambda value: self._describe(value, encoder), answered=answered)
        return encoder

    def _describe(self, value: object, encoder: Encoder) -> list[Any]:
        kind = type(value)
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            fields = [str(name) for name in kind._fields]
            return ["n", kind.__name__, fields, *map(encoder.reference, tuple.__iter__(value))]
        if kind.__name__ in self._structural and (name := member_name(value)):
            return ["e", kind.__name__, name]
        if kind.__name__ in self._structural and not isinstance(value, (type, BaseException)):
            attributes = attributes_of(value)
            parts = [x for name in attributes for x in (name, encoder.reference(attributes[name]))]
            return ["o", kind.__name__, *parts]
        if (content := plain(value)) is not value:
            return encoder.describe(content)
        return ["h", self._number(value), kind.__name__, traits_of(value), names_of(value)]

    def _number(self, value: object) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._handles) + 1
            self._handles[number] = value
        return number

    def _resolve_path(self, path: str) -> object:
        """What a dotted path such as `Solution().solve` names in the candidate."""
        if not _PATH.fullmatch(path):
            raise NameError(f"{path!r} is not the name of a function")
        found: object = self._module
        for step in path.split("."):
            try:
                found = getattr(found, step.removesuffix("()"))
            except AttributeError:
                raise NameError(f"name {path!r} is not defined") from None
            if step.endswith("()"):
                found = found()  # type: ignore[operator]
        return found

    def _names(self, names: list[str], structural: list[str]) -> dict[str, object]:
        """What these names mean in the candidate's module, where they mean anything."""
        self._structural = frozenset(structural)
        space = self._module.__dict__
        return {name: space[name] for name in names if name in space}


MUTABLE = (list, dict, set, bytearray)


def is_mutable(value: object) -> bool:
    """Whether a value of the tests can be changed in place."""
    return type(value) in MUTABLE or is_array(value)


def copy_content(value: Any) -> Any:
    """A shallow copy of what a mutable value holds."""
    return value.copy() if is_mutable(value) else dict(attributes_of(value))


def same_content(value: Any, content: Any) -> bool:
    """Whether a mutable value still holds the very same objects in the same order."""
    if is_array(value):
        return value.shape == content.shape and bool(value.tobytes() == content.tobytes())
    current = copy_content(value)
    if len(current) != len(content):
        return False
    if type(current) in (set, bytearray):
        return bool(current == content)
    return not any(map(operator.is_not, current, content)) and (
        type(current) is not dict
        or not any(map(operator.is_not, current.values(), content.values()))
    )


def attributes_of(value: Any) -> dict[str, object]:
    """Attributes of an instance, those in slots included."""
    declared = [base.__dict__.get("__slots__", ()) for base in type(value).__mro__]
    slots = [
        name
        for names in declared
        for name in ([names] if isinstance(names, str) else names)
        if name not in ("__dict__", "__weakref__") and hasattr(value, name)
    ]
    return {**{name: getattr(value, name) for name in slots}, **getattr(value, "__dict__", {})}


def traits_of(value: object) -> str:
    """What can be done with an object, as letters: call, next, type, exception type, await."""
    kind = type(value)
    return "".join(
        letter
        for letter, has in (
            ("c", callable(value)),
            ("n", hasattr(kind, "__next__")),
            ("t", isinstance(value, type)),
            ("e", isinstance(value, type) and issubclass(value, BaseException)),
            ("a", hasattr(kind, "__await__")),
        )
        if has
    )


def names_of(value: object) -> list[str]:
    """Name of a type, and of the builtin types that it derives from."""
    if not isinstance(value, type):
        return []
    return [value.__name__, *(b.__name__ for b in value.__mro__ if b.__module__ == "builtins")]


def flush() -> None:
    """Lets out what the candidate has printed so far."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the candidate may have replaced it
            stream.flush()


def run_awaitable(value: Any) -> object:
    """The result of a coroutine of the candidate's."""
    asyncio = module_in_use("asyncio") or __import__("asyncio")

    async def waited() -> object:
        return await value

    return asyncio.run(waited())


def call(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    """Calls."""
    return function(*args, **kwargs)


OPERATIONS: dict[str, Callable[..., object]] = {
    "call": call,
    "await": run_awaitable,
    "getattr": getattr,
    "setattr": setattr,
    "delattr": delattr,
    "hasattr": hasattr,
    "isinstance": isinstance,
    "issubclass": issubclass,
    "iter": iter,
    "next": next,
    "len": len,
    "str": str,
    "repr": repr,
    "format": format,
    "bool": bool,
    "hash": hash,
    "int": int,
    "float": float,
    "complex": complex,
    "index": operator.index,
    "abs": abs,
    "reversed": reversed,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "enter": lambda manager: type(manager).__enter__(manager),
    "exit": lambda manager: type(manager).__exit__(manager, None, None, None),
    **{
        name: getattr(operator, name)
        for name in [
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "add",
            "sub",
            "mul",
            "matmul",
            "truediv",
            "floordiv",
            "mod",
            "pow",
            "neg",
            "pos",
            "invert",
            "lshift",
            "rshift",
            "and_",
            "or_",
            "xor",
        ]
    },
    "partial": functools.partial,
}
