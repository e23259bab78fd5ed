"""The candidate as the tests see it: names, callables and objects that live in another process.

What comes back is data or a handle. A handle forwards what tests do with an object (calls,
attributes, iteration), with one exception that verdicts rest on: no object of the candidate's is
ever asked whether it equals, or compares with, a value of the tests. Such an answer would be the
candidate's opinion of itself. Two handles may be compared by the candidate's own code only if the
tests name their class, and so test that code.
"""

from __future__ import annotations

import builtins
import time
import types
import weakref
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from sandboxes.python_tests.jailed.codec import (
    NAMED_TUPLE_MODULE,
    CodecError,
    Connection,
    Decoder,
    Encoder,
    TooLarge,
    Uncarriable,
    is_array,
    member,
    member_name,
    set_attribute,
)

MAX_CALLS = 1_000_000
MAX_ITEMS = 100_000
"""Taken from one iterator of the candidate's."""
MAX_DEPTH = 60
"""Of calls of the candidate that call the tests back, in each other."""
MAX_EXCEPTION_TYPES = 1_000
MUCH_BYTES = 1 << 20
"""A frame of this size is the candidate's choice, and so are the troubles that come of it."""
MAX_SHOWN_ELEMENTS = 32
MEMORY_PROTOCOLS = ("__array", "__buffer", "__cuda_array", "__dlpack")
"""Attributes by which an object gives numpy an address in memory: here, of this process."""
TYPE_MARK = "_from_candidate"


class Interruption(BaseException):
    """An end to the tests that no `except` of theirs may hide; the first one counts."""

    reason: ClassVar[str]


class CandidateGone(Interruption):
    """The candidate's process has ended."""

    reason = "candidate-gone"


class ProtocolViolation(Interruption):
    """The candidate's process sent what no honest one sends."""

    reason = "protocol-violation"


class OpinionNeeded(Interruption):
    """A test would rest on what the candidate's object says of itself."""

    reason = "opinion-needed"


class NeedsSharedInterpreter(Interruption):
    """The tests do what only works inside the candidate's own interpreter."""

    reason = "needs-shared-interpreter"


class TestsTooLarge(Interruption):
    """The tests ask for more than the checker does for one candidate."""

    __test__ = False
    reason = "checker-limit"


class WorkExceeded(Interruption):
    """The candidate has the tests' side work for it without end."""

    reason = "cpu-time-exceeded"


class ResultRefused(Exception):
    """A result is too large to cross."""


class RemoteCandidate:
    """The checker's end of the connection to the candidate."""

    def __init__(self, connection: Connection, *, cpu_seconds: float = float("inf")) -> None:
        """`cpu_seconds` is what this process may use in all."""
        self._connection = connection
        self._cpu_seconds = cpu_seconds
        self._asked_at: float | None = None
        self._served_seconds = 0.0
        self._handles: weakref.WeakValueDictionary[int, RemoteObject] = (
            weakref.WeakValueDictionary()
        )
        self._passed: dict[int, object] = {}
        self._exceptions: dict[str, type[BaseException]] = {}
        self.trusted_classes: dict[str, type] = {}
        """Classes of the preamble: the candidate's instances of them cross as data."""
        self.tested_classes: frozenset[str] = frozenset()
        """Names of the candidate's classes that the tests use by name."""
        self.call_count = 0
        self.used = False
        """Whether the tests have got anything at all from the candidate."""
        self.interruption: Interruption | None = None
        self.last_call = ""
        self._depth = 0

    def interrupt(self, interruption: Interruption) -> Interruption:
        """Keeps the first interruption, and returns it to be raised."""
        self.interruption = self.interruption or interruption
        return self.interruption

    @property
    def sent_much(self) -> bool:
        """Whether it has answered at a length that can be to blame for trouble with memory."""
        return self._connection.largest_received > MUCH_BYTES

    def loaded(self) -> dict[str, Any] | None:
        """Waits until the candidate is loaded; returns what went wrong, or None."""
        frame = self._receive()
        if frame == {"loaded": True}:
            return None
        error = frame.get("load_error")
        return bounded(error) if isinstance(error, dict) else self._violate("It did not load.")

    def resolve(self, path: str) -> Any:
        """What a dotted path names in the candidate."""
        return labelled(self.request("resolve", path), path)

    def names(self, names: Iterable[str]) -> dict[str, Any]:
        """What these names mean to the candidate, where they mean anything."""
        asked = sorted(names)
        found = self.request("names", asked, sorted(self.trusted_classes))
        if type(found) is not dict or not found.keys() <= set(asked):
            # Names that nobody asked for would stand in for builtins and modules of the tests.
            self._violate("It did not say what its names mean.")
        self.used = self.used or not all(isinstance(v, RemoteObject) for v in found.values())
        self.tested_classes = frozenset(
            value._verifier_type_name  # noqa: SLF001 - hidden from tests, not from here
            for value in found.values()
            if isinstance(value, RemoteClass)
        )
        meanings: dict[str, Any] = {n: labelled(value, n) for n, value in found.items()}
        return meanings

    def request(self, operation: str, *args: object, **kwargs: object) -> Any:
        """Has the candidate's process do something, and returns what came of it.

        Raises:
            CandidateGone: It has ended, or ends instead of answering.
            ProtocolViolation: It sent nonsense.
            NeedsSharedInterpreter: An argument can't cross.
            Exception: What the candidate raised, marked as such.
        """
        if self.interruption is not None:
            raise self.interruption
        self.call_count += 1
        self.used = self.used or operation != "names"
        if self.call_count > MAX_CALLS:
            raise self.interrupt(TestsTooLarge(f"The tests make more than {MAX_CALLS} calls."))
        outermost = self._asked_at is None
        if self._asked_at is None:
            self._asked_at = time.process_time()
        try:
            encoder = self._encoder()
            self._send({"op": operation, "args": self._graph(encoder, [list(args), kwargs])})
            return self._await_reply(encoder, operation)
        finally:
            if outermost:
                self._served_seconds += time.process_time() - self._asked_at
                self._asked_at = None

    def _graph(self, encoder: Encoder, value: object) -> dict[str, Any]:
        try:
            return encoder.graph(value)
        except Uncarriable as error:
            raise self.interrupt(NeedsSharedInterpreter(str(error))) from error
        except TooLarge as error:
            raise self._too_large(error) from error

    def _too_large(self, error: TooLarge) -> Exception | Interruption:
        """What to raise over a value too large to hand over: is it the tests', or came it back?"""
        if self.sent_much:
            return ResultRefused(f"it can't be handed back: {error}")
        return self.interrupt(TestsTooLarge(str(error)))

    def _check_work(self) -> None:
        """Ends a candidate that has this process work for it until its CPU time is used up.

        Whatever an honest candidate asks for costs its own process as much, and its own limit is
        lower.
        """
        now = time.process_time()
        if now < self._cpu_seconds - 1 or self._asked_at is None:
            return
        if self._served_seconds + now - self._asked_at > now / 2:
            raise self.interrupt(WorkExceeded("It kept the tests busy with calls."))

    def _await_reply(self, encoder: Encoder, operation: str) -> Any:
        while True:
            frame = self._receive()
            self._check_work()
            if "callback" in frame:
                self._serve_callback(frame)
            elif "ok" in frame:
                graph = frame["ok"] if type(frame["ok"]) is dict else {}
                return self._take(graph, frame.get("changed"), encoder)
            elif type(frame.get("raise")) is dict:
                self._raise(frame, encoder, operation)
            elif type(frame.get("refused")) is str:
                raise ResultRefused(frame["refused"][:500])
            else:
                self._violate("Its answer has no known form.")

    def _take(self, graph: dict[str, Any], changed: Any, encoder: Encoder) -> Any:
        try:
            decoder = self._decoder(graph.get("nodes"), encoder)
            value = decoder.value(graph.get("root"))
            for k, reference in changed if type(changed) is list else ():
                replace_content(encoder.objects[k], decoder.value(reference))
        except MemoryError:
            raise ResultRefused("it takes more memory than the tests have") from None
        except TooLarge as error:
            raise ResultRefused(str(error)) from error
        except Exception as error:  # noqa: BLE001 - whatever a hostile frame provokes
            self._violate(f"Its answer can't be read: {error}")
        return value

    def _raise(self, frame: dict[str, Any], encoder: Encoder, operation: str) -> None:
        described = frame["raise"]
        graph = {"root": described.get("args"), "nodes": frame.get("nodes")}
        args = self._take(graph, frame.get("changed"), encoder)
        raise self._exception(
            described, args if isinstance(args, tuple) else (described.get("message"),), operation
        )

    def _exception(
        self, described: dict[str, Any], args: tuple[object, ...], operation: str
    ) -> BaseException:
        name, mro = described.get("type"), described.get("mro")
        if type(name) is not str or type(mro) is not list:
            self._violate("It raised what is no exception.")
        kind = self._exception_type(str(name), mro or ())
        if issubclass(kind, (StopIteration, StopAsyncIteration)) and operation != "next":
            # It would end a loop of the tests as if all were well (PEP 479).
            kind, args = RuntimeError, (f"the candidate raised {name}",)
        try:
            error = kind(*args)
        except Exception:  # noqa: BLE001 - a constructor with demands of its own
            content = ("", [Exception()]) if issubclass(kind, BaseExceptionGroup) else ()
            error = kind.__new__(kind, *content)
            error.args = args
        setattr(error, TYPE_MARK, bounded(described))
        return error

    def _exception_type(self, name: str, mro: Iterable[object]) -> type[BaseException]:
        trusted = self.trusted_classes.get(name)
        if trusted is not None and issubclass(trusted, BaseException):
            return trusted
        if name in self._exceptions:
            return self._exceptions[name]
        base: type[BaseException] = Exception
        for known in mro:
            found = getattr(builtins, known, None) if type(known) is str else None
            if isinstance(found, type) and issubclass(found, BaseException):
                base = found
                break
        if base.__name__ == name or not name.isidentifier():
            return base
        if len(self._exceptions) >= MAX_EXCEPTION_TYPES:
            self._violate("It has too many types of exceptions.")
        return self._exceptions.setdefault(name, type(name, (base,), {}))

    def _exception_class(self, name: str, mro: Iterable[object]) -> type[BaseException]:
        """An exception class that the tests use by name, or get.

        Where it is one that a failed assertion belongs to, such as `Exception` under another name,
        a class of its own stands for it, which catches what the candidate raises and nothing else.
        """
        kind = self._exception_type(name, mro)
        if kind.__module__ == "builtins" and issubclass(AssertionError, kind):
            kind = self._exceptions[name] = type(kind.__name__, (kind,), {})
        return kind

    def _serve_callback(self, frame: dict[str, Any]) -> None:
        self._depth += 1
        encoder = self._encoder()
        graph = frame.get("args")
        given = self._take(graph if type(graph) is dict else {}, None, encoder)
        try:
            if self._depth > MAX_DEPTH:
                raise RecursionError("maximum recursion depth exceeded")
            args, kwargs = given
            target: Any = self._passed[frame["callback"]]
            answer = next(target) if frame.get("op") == "next" else target(*args, **kwargs)
            reply = self._graph(encoder, answer)
        except Exception as error:  # noqa: BLE001 - the tests' own code, called by the candidate
            reply = {"raise": type(error).__name__, **self._encoder().graph([str(error)])}
        finally:
            self._depth -= 1
        self._send(reply)

    def _send(self, frame: dict[str, Any]) -> None:
        try:
            self._connection.send(frame)
        except TooLarge as error:
            raise self._too_large(error) from error
        except OSError as error:
            raise self.interrupt(CandidateGone()) from error

    def _receive(self) -> dict[str, Any]:
        try:
            return self._connection.receive()
        except EOFError as error:
            raise self.interrupt(CandidateGone()) from error
        except MemoryError:
            raise ResultRefused("it takes more memory than the tests have") from None
        except CodecError as error:
            raise self.interrupt(ProtocolViolation(str(error))) from error

    def _violate(self, message: str) -> Any:
        raise self.interrupt(ProtocolViolation(message))

    def _encoder(self) -> Encoder:
        encoder = Encoder(lambda value: self._describe(value, encoder))
        return encoder

    def _decoder(self, nodes: object, answered: Encoder | None) -> Decoder:
        builders = {"h": self._handle, "o": self._instance, "e": self._member}
        return Decoder(nodes, builders, answered=answered.objects if answered else None)

    def _describe(self, value: Any, encoder: Encoder) -> list[Any]:
        if isinstance(value, RemoteObject):
            return ["h", value._verifier_number]  # noqa: SLF001
        kind = type(value)
        if self.trusted_classes.get(kind.__name__) is kind and (name := member_name(value)):
            return ["e", kind.__name__, name]
        if self.trusted_classes.get(kind.__name__) is kind and hasattr(value, "__dict__"):
            attributes = vars(value)
            parts = [x for name in attributes for x in (name, encoder.reference(attributes[name]))]
            return ["o", kind.__name__, *parts]
        if isinstance(value, tuple) and getattr(kind, "__module__", "") == NAMED_TUPLE_MODULE:
            fields = list(kind._fields)
            return ["n", kind.__name__, fields, *map(encoder.reference, value)]
        if isinstance(value, (types.CoroutineType, BaseException)) or (
            isinstance(value, type) and issubclass(value, BaseException)
        ):
            # Such a value may come from the candidate, which must not choose how it is judged.
            raise TypeError(f"{kind.__name__} can't be handed back to the candidate")
        if isinstance(value, PASSABLE) or hasattr(kind, "__next__"):
            self._passed[id(value)] = value
            return ["k", id(value)]
        raise Uncarriable(
            f"The tests hand over a value of type {kind.__name__}, which can't cross."
        )

    def _handle(self, node: list[Any], _: Callable[[Any], object]) -> object:
        _, number, type_name, traits, names = node
        if type(number) is not int or type(type_name) is not str or type(traits) is not str:
            raise CodecError("A handle has an unknown form.")
        if "e" in traits:
            return self._exception_class(str(names[0]), names[1:])
        if "a" in traits and "t" not in traits:
            return self._coroutine(RemoteObject(self, number, type_name))
        remote = self._handles.get(number)
        if remote is None:
            kind = (
                RemoteClass
                if "t" in traits
                else RemoteIterator
                if "n" in traits
                else RemoteCallable
                if "c" in traits
                else RemoteObject
            )
            name = str(names[0]) if "t" in traits else type_name
            remote = self._handles[number] = kind(self, number, name)
        return remote

    def _instance(self, node: list[Any], _: Callable[[Any], object]) -> object:
        kind = self.trusted_classes[node[1]]
        if issubclass(kind, BaseException):
            raise CodecError("An exception is not data.")
        return object.__new__(kind)

    def _member(self, node: list[Any], _: Callable[[Any], object]) -> object:
        _, kind_name, name = node
        return member(self.trusted_classes[kind_name], name)

    async def _coroutine(self, remote: RemoteObject) -> Any:
        return self.request("await", remote)


def bounded(described: dict[str, Any]) -> dict[str, Any]:
    """An exception that the candidate described, with nothing in it but what is expected."""
    lines, syntax = described.get("lines"), described.get("syntax")
    return {
        "type": text_of(described.get("type"))[:200],
        "message": text_of(described.get("message"))[:2000],
        "lines": [
            [place[0], text_of(place[1])[:100]]
            for place in (lines if type(lines) is list else [])[-50:]
            if type(place) is list and len(place) == 2 and type(place[0]) is int
        ],
        "syntax": [part if type(part) is int else None for part in syntax]
        if type(syntax) is list and len(syntax) == 4
        else None,
    }


def text_of(value: object) -> str:
    """Text that the candidate's process sent, if that is what it sent."""
    return value if type(value) is str else "?"


PASSABLE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.GeneratorType,
)


def replace_content(target: Any, content: Any) -> None:
    """Gives a mutable value of the tests the content that the candidate left in it."""
    match target:
        case list():
            target[:] = content
        case dict() | set():
            if type(content) is not type(target):
                raise CodecError("An argument changed its type.")
            target.clear()
            target.update(content)
        case bytearray():
            target[:] = content
        case _ if is_array(target) and is_array(content) and target.dtype == content.dtype:
            target.shape = content.shape
            target[...] = content
        case _ if type(content) is dict and type(target).__module__ == "preamble":
            vars(target).clear()
            for name, value in content.items():
                set_attribute(target, name, value)
        case _:
            raise CodecError("An argument that can't change was changed.")


def _forward(operation: str) -> Callable[..., Any]:
    def forwarded(self: RemoteObject, *args: object) -> Any:
        return self._verifier_ask(operation, *args)

    return forwarded


def _between_tested(operation: str) -> Callable[..., Any]:
    """An operator of the candidate's, for two objects of classes that the tests name."""

    def forwarded(self: RemoteObject, other: object) -> Any:
        return (
            self._verifier_ask(operation, other) if self._verifier_tested(other) else NotImplemented
        )

    return forwarded


def _with_data_first() -> Callable[..., Any]:
    def reflected(self: RemoteObject, other: object) -> Any:
        self._verifier_tested(other)
        return NotImplemented

    return reflected


class RemoteObject:
    """An object of the candidate's that is not data."""

    def __init__(self, candidate: RemoteCandidate, number: int, type_name: str) -> None:
        object.__setattr__(self, "_verifier_candidate", candidate)
        object.__setattr__(self, "_verifier_number", number)
        object.__setattr__(self, "_verifier_type_name", type_name)

    _verifier_candidate: RemoteCandidate
    _verifier_label: str = "candidate"
    _verifier_number: int
    _verifier_type_name: str

    def _verifier_ask(self, operation: str, *args: object, **kwargs: object) -> Any:
        return self._verifier_candidate.request(operation, self, *args, **kwargs)

    def _verifier_tested(self, other: object) -> bool:
        """Whether the tests name both classes, so that this operator is what they test.

        Raises:
            OpinionNeeded: They name this one, and the other value is data.
        """
        tested = self._verifier_candidate.tested_classes
        if self._verifier_type_name not in tested:
            return False
        if not isinstance(other, RemoteObject):
            raise self._verifier_candidate.interrupt(
                OpinionNeeded(
                    f"The tests put an object of the candidate's class {self._verifier_type_name} "
                    f"beside {brief(other)}, and only the candidate's own code could say what "
                    "comes of that. Tests that read plain values out of it can be decided."
                )
            )
        return other._verifier_type_name in tested  # noqa: SLF001

    def __eq__(self, other: object) -> Any:
        if self is other:
            return True
        return self._verifier_ask("eq", other) if self._verifier_tested(other) else False

    def __ne__(self, other: object) -> Any:
        if self is other:
            return False
        return self._verifier_ask("ne", other) if self._verifier_tested(other) else True

    def __hash__(self) -> int:
        if self._verifier_type_name in self._verifier_candidate.tested_classes:
            return int(self._verifier_ask("hash"))
        return id(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(MEMORY_PROTOCOLS):
            raise AttributeError(name)
        return self._verifier_ask("getattr", name)

    def __setattr__(self, name: str, value: object) -> None:
        self._verifier_ask("setattr", name, value)

    def __delattr__(self, name: str) -> None:
        self._verifier_ask("delattr", name)

    def __str__(self) -> str:
        return str(self._verifier_ask("str"))

    def __repr__(self) -> str:
        return str(self._verifier_ask("repr"))

    def __format__(self, spec: str) -> str:
        return str(self._verifier_ask("format", spec))

    def __bool__(self) -> bool:
        return bool(self._verifier_ask("bool"))

    def __exit__(self, *_: object) -> None:
        self._verifier_ask("exit")

    def __mro_entries__(self, _: tuple[object, ...]) -> tuple[type, ...]:
        raise self._verifier_candidate.interrupt(
            NeedsSharedInterpreter(
                f"The tests derive a class from the candidate's {self._verifier_type_name}."
            )
        )

    __len__ = _forward("len")
    __iter__ = _forward("iter")
    __reversed__ = _forward("reversed")
    __getitem__ = _forward("getitem")
    __setitem__ = _forward("setitem")
    __delitem__ = _forward("delitem")
    __int__ = _forward("int")
    __float__ = _forward("float")
    __complex__ = _forward("complex")
    __index__ = _forward("index")
    __abs__ = _forward("abs")
    __neg__ = _forward("neg")
    __pos__ = _forward("pos")
    __invert__ = _forward("invert")
    __enter__ = _forward("enter")
    __lt__ = _between_tested("lt")
    __le__ = _between_tested("le")
    __gt__ = _between_tested("gt")
    __ge__ = _between_tested("ge")
    __add__ = _between_tested("add")
    __sub__ = _between_tested("sub")
    __mul__ = _between_tested("mul")
    __matmul__ = _between_tested("matmul")
    __truediv__ = _between_tested("truediv")
    __floordiv__ = _between_tested("floordiv")
    __mod__ = _between_tested("mod")
    __pow__ = _between_tested("pow")
    __lshift__ = _between_tested("lshift")
    __rshift__ = _between_tested("rshift")
    __and__ = _between_tested("and_")
    __or__ = _between_tested("or_")
    __xor__ = _between_tested("xor")
    __radd__ = _with_data_first()
    __rsub__ = _with_data_first()
    __rmul__ = _with_data_first()
    __rmatmul__ = _with_data_first()
    __rtruediv__ = _with_data_first()
    __rfloordiv__ = _with_data_first()
    __rmod__ = _with_data_first()
    __rpow__ = _with_data_first()
    __rlshift__ = _with_data_first()
    __rrshift__ = _with_data_first()
    __rand__ = _with_data_first()
    __ror__ = _with_data_first()
    __rxor__ = _with_data_first()


class RemoteIterator(RemoteObject):
    """An iterator or generator of the candidate's."""

    def __iter__(self) -> RemoteIterator:
        return self

    def __next__(self) -> Any:
        count = self.__dict__.get("_verifier_count", 0) + 1
        object.__setattr__(self, "_verifier_count", count)
        if count > MAX_ITEMS:
            raise ResultRefused(f"it yields more than {MAX_ITEMS} items")
        return self._verifier_ask("next")


class RemoteCallable(RemoteObject):
    """A function, or another object that can be called."""

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Has the candidate's process call it."""
        candidate = self._verifier_candidate
        candidate.last_call = describe_call(self._verifier_label, args, kwargs)
        return candidate.request("call", self, *args, **kwargs)


class RemoteClass(RemoteCallable):
    """A class of the candidate's."""

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, RemoteObject) and bool(
            self._verifier_candidate.request("isinstance", instance, self)
        )

    def __subclasscheck__(self, subclass: object) -> bool:
        return isinstance(subclass, RemoteObject) and bool(
            self._verifier_candidate.request("issubclass", subclass, self)
        )


def labelled(value: Any, name: str) -> Any:
    """A handle that messages call by the name that the tests know it by."""
    if isinstance(value, RemoteObject):
        object.__setattr__(value, "_verifier_label", name)
    return value


def describe_call(name: str, args: Iterable[object], kwargs: dict[str, object]) -> str:
    """A call as a person would write it, in bounded space."""
    parts = [brief(value) for value in args]
    parts += [f"{key}={brief(value)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(parts)})"[:400]


def brief(value: object, length: int = 160) -> str:
    """A value as text for a person, in bounded time and space; asks the candidate nothing."""
    text = _Brief(length).text(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"


class _Brief:
    """Writes out as much of a value as there is room for."""

    def __init__(self, length: int) -> None:
        self._room = length

    def text(self, value: object, depth: int = 0) -> str:
        if isinstance(value, RemoteObject):
            return f"<{value._verifier_type_name} of the candidate's>"  # noqa: SLF001
        if is_array(value):
            return self._array(value)
        if type(value) in BRACKETS and depth < 6:
            return self._several(value, *BRACKETS[type(value)], depth)
        if isinstance(value, (str, bytes, bytearray)) and len(value) > self._room:
            value = value[: max(self._room, 0) + 1]
        if type(value) is int and value.bit_length() > 4096:
            return f"<int of {value.bit_length()} bits>"
        try:
            text = repr(value) if type(value) in PLAINLY or not self._composite(value) else "…"
        except Exception:  # noqa: BLE001 - fractions and ranges of ints with too many digits
            text = f"<{type(value).__name__}>"
        self._room -= len(text)
        return text

    def _array(self, value: Any) -> str:
        few = value.size <= MAX_SHOWN_ELEMENTS
        text = " ".join(repr(value).split()) if few else f"<array of shape {value.shape}>"
        self._room -= len(text)
        return text

    @staticmethod
    def _composite(value: object) -> bool:
        return hasattr(value, "__iter__") or hasattr(value, "__dict__")

    def _several(self, value: Any, opening: str, closing: str, depth: int) -> str:
        parts: list[str] = []
        for item in value.items() if type(value) is dict else value:
            if self._room <= 0:
                parts.append("…")
                break
            if type(value) is dict:
                key, content = item
                parts.append(f"{self.text(key, depth + 1)}: {self.text(content, depth + 1)}")
            else:
                parts.append(self.text(item, depth + 1))
            self._room -= 2
        inner = ", ".join(parts)
        if type(value) is tuple and len(parts) == 1:
            inner += ","
        return f"{opening}{inner}{closing}"


BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
PLAINLY = (str, bytes, bytearray, range)
