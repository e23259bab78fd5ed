"""Values between the candidate's process and the checker's: a graph of plain data.

A frame is JSON: a list of nodes, and references into it. Decoding builds exact builtin types and a
few types of the standard library, nothing else; there is no pickle, no eval, no attribute of the
other side's choosing. Objects that are not data cross as handles.

A reference is a JSON scalar for itself (None, bool, int below 2**63, finite float, str), `[k]` for
node k of this frame, and `[-1 - k]` for node k of the frame that is being answered. A node is
`[tag, …]`:

    l list    t tuple   s set   f frozenset   d dict (keys and values in turns)
    I int (hexadecimal) F float (text) C complex  b bytes  B bytearray (base64)
    S str with lone surrogates (base64 of UTF-8, surrogates passed)
    r range   y name of a builtin   x value type of the standard library
    n named tuple (type name, field names)    h handle    k callable or iterator of the tests
    o instance of a class that the problem's preamble defines    e member of an enum of it
    a array or scalar of numpy's (type, shape or null, content in base64)

Shared references and cycles survive; depth costs no recursion except through immutable nodes,
where it is bounded.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import json
import math
import operator
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

MAX_FRAME_BYTES = 16 * 1024**2
MAX_NODES = 2_000_000
MAX_IMMUTABLE_DEPTH = 150
MAX_HASHING_SECONDS = 2.0
"""CPU time for the sets and dicts of one frame: keys that are made to collide take far more."""
MAX_FRACTION_DIGITS = 50_000
MAX_DECIMAL_EXPONENT = 1_000_000
MAX_CLASSES = 1_000
"""Classes of named tuples in one frame."""
ARRAY_TYPES = frozenset(
    order + kind + size
    for order in "<>|"
    for kind, sizes in {"b": "1", "i": "1248", "u": "1248", "f": "248", "c": "8"}.items()
    for size in sizes
) | {"<c16", ">c16"}
"""Element types of arrays that cross: numbers and truths, of which nothing is code."""
MAX_DIMENSIONS = 32
_INLINE_INT = 2**63

SHARED_BUILTINS = frozenset(
    [
        "int",
        "float",
        "str",
        "bool",
        "list",
        "dict",
        "set",
        "tuple",
        "frozenset",
        "bytes",
        "bytearray",
        "complex",
        "object",
        "range",
        "type",
        "abs",
        "all",
        "any",
        "bin",
        "chr",
        "divmod",
        "enumerate",
        "filter",
        "hex",
        "len",
        "map",
        "max",
        "min",
        "oct",
        "ord",
        "pow",
        "reversed",
        "round",
        "sorted",
        "sum",
        "zip",
        "Ellipsis",
        "NotImplemented",
    ]
)
KEYED = ("collections.Counter", "collections.OrderedDict", "collections.defaultdict")
_BUILTIN_NAMES = {id(getattr(builtins, name)): name for name in SHARED_BUILTINS}

Special = Callable[[object], "list[Any]"]
"""Describes what is not data as a node, or raises `Uncarriable`."""


class CodecError(Exception):
    """What came over the wire is not a frame of ours."""


class TooLarge(CodecError):
    """A value needs more room than a frame has."""


class Uncarriable(Exception):
    """A value that can't cross."""


class Encoder:
    """Builds the nodes of one frame.

    After `graph`, `objects[k]` is what node k stands for, alive as long as the encoder is.
    """

    def __init__(self, special: Special, *, answered: list[object] | None = None) -> None:
        """`answered` holds the objects of the frame being answered, to refer to them."""
        self.nodes: list[list[Any]] = []
        self.objects: list[object] = []
        self._special = special
        self._waiting: list[int] = []
        self._room = MAX_FRAME_BYTES
        self._known: dict[int, list[int]] = {
            id(value): [-1 - k] for k, value in enumerate(answered or ()) if value is not None
        }

    def reference(self, value: object) -> Any:
        """The reference to a value; its node is described by the next `finish`."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            self._take_room(len(value))  # type: ignore[arg-type]
            return value if value.isascii() or not _has_surrogates(value) else self._node(value)  # type: ignore[attr-defined,arg-type]
        if kind is int and -_INLINE_INT < value < _INLINE_INT:  # type: ignore[operator]
            return value
        if kind is float and math.isfinite(value):  # type: ignore[arg-type]
            return value
        return self._known.get(id(value)) or self._node(value)

    def finish(self) -> None:
        """Describes every node that something refers to.

        Raises:
            Uncarriable: A value can't cross, and is no handle either.
            TooLarge: The graph has too many nodes.
        """
        while self._waiting:
            k = self._waiting.pop()
            self.nodes[k] = self.describe(self.objects[k])

    def graph(self, value: object) -> dict[str, Any]:
        """The value as one frame part: `{"root": reference, "nodes": […]}`."""
        root = self.reference(value)
        self.finish()
        return {"root": root, "nodes": self.nodes}

    def _take_room(self, size: int) -> None:
        """Refuses what can't fit before any work is done on it."""
        self._room -= size
        if self._room < 0:
            raise TooLarge(f"A value of more than {MAX_FRAME_BYTES} bytes can't cross.")

    def _node(self, value: object) -> list[int]:
        k = len(self.nodes)
        if k >= MAX_NODES:
            raise TooLarge(f"A value with more than {MAX_NODES} parts can't cross.")
        self.nodes.append([])
        self.objects.append(value)
        self._waiting.append(k)
        self._known[id(value)] = reference = [k]
        return reference

    def describe(self, value: Any) -> list[Any]:
        """The node of a value; what it refers to is described later."""
        refer = self.reference
        kind = type(value)
        if kind in SIZED:
            self._take_room(len(value))
        if kind is list:
            return ["l", *map(refer, value)]
        if kind is tuple:
            return ["t", *map(refer, value)]
        if kind is dict:
            return ["d", *(refer(part) for item in value.items() for part in item)]
        if kind is set:
            return ["s", *map(refer, value)]
        if kind is frozenset:
            return ["f", *map(refer, value)]
        if scalar := describe_scalar(value):
            return scalar
        if id(value) in _BUILTIN_NAMES:
            return ["y", _BUILTIN_NAMES[id(value)]]
        if library := describe_library_value(value, refer):
            return library
        if kind.__module__ == "numpy" and (array := describe_array(value)):
            self._take_room(len(array[-1]))
            return array
        return self._special(value)


SIZED = (list, tuple, dict, set, frozenset, bytes, bytearray)


def describe_scalar(value: Any) -> list[Any] | None:
    """The node of an immutable builtin without parts."""
    match value:
        case int() if type(value) is int:
            return ["I", hex(value)]
        case float() if type(value) is float:
            return ["F", repr(value)]
        case str() if type(value) is str:
            return ["S", _base64(value.encode("utf-8", "surrogatepass"))]
        case bytes() if type(value) is bytes:
            return ["b", _base64(value)]
        case bytearray() if type(value) is bytearray:
            return ["B", _base64(bytes(value))]
        case complex() if type(value) is complex:
            return ["C", repr(value.real), repr(value.imag)]
        case range():
            return ["r", hex(value.start), hex(value.stop), hex(value.step)]
    return None


def describe_library_value(value: Any, refer: Callable[[object], Any]) -> list[Any] | None:
    """The node of a value type of the standard library, if its module is in use at all."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    match name:
        case "collections.Counter" | "collections.OrderedDict":
            return ["x", name, *(refer(part) for item in value.items() for part in item)]
        case "collections.defaultdict":
            return ["x", name, *(refer(part) for item in value.items() for part in item)]
        case "collections.deque":
            return ["x", name, refer(value.maxlen), *map(refer, value)]
        case "builtins.slice":
            return ["x", name, refer(value.start), refer(value.stop), refer(value.step)]
        case "decimal.Decimal":
            return ["x", name, str(value)]
        case "fractions.Fraction":
            return ["x", name, hex(value.numerator), hex(value.denominator)]
        case "datetime.date" | "datetime.datetime" | "datetime.time":
            return ["x", name, value.isoformat()]
        case "datetime.timedelta":
            return ["x", name, value.days, value.seconds, value.microseconds]
    return None


def describe_array(value: Any) -> list[Any] | None:
    """The node of an array or scalar of numpy's whose elements are numbers or truths."""
    numpy = module_in_use("numpy")
    whole = is_array(value)
    if not whole and not (numpy is not None and isinstance(value, numpy.generic)):
        return None
    if value.dtype.str not in ARRAY_TYPES:
        return None
    if value.nbytes > MAX_FRAME_BYTES:
        raise TooLarge(f"A value of more than {MAX_FRAME_BYTES} bytes can't cross.")
    shape = list(value.shape) if whole else None
    return ["a", value.dtype.str, shape, _base64(value.tobytes())]


def is_array(value: object) -> bool:
    """Whether this is an array of numpy's, and no subclass of it."""
    numpy = module_in_use("numpy")
    return numpy is not None and type(value) is numpy.ndarray


def array_value(node: list[Any]) -> object:
    """The array or scalar of a node of tag `a`."""
    _, kind, shape, content = node
    numpy = module_in_use("numpy")
    if numpy is None or kind not in ARRAY_TYPES:
        raise CodecError("An array has an unknown type.")
    sizes = [] if shape is None else shape
    if len(sizes) > MAX_DIMENSIONS or not all(type(size) is int and size >= 0 for size in sizes):
        raise CodecError("An array has an unknown shape.")
    data = bytearray(base64.b64decode(_text(content), validate=True))
    if len(data) != math.prod(sizes) * int(kind[2:]):
        raise CodecError("An array's shape and content differ.")
    if kind[1] == "b":  # a truth that is neither 0 nor 1 would equal what it should not
        data = bytearray(map(bool, data))
    array = numpy.ndarray(sizes, kind, data).copy()
    return array[()] if shape is None else array


def plain(value: Any) -> Any:
    """The content of an instance of a subclass of a builtin, as that builtin; else the value."""
    for base, convert in _PLAIN.items():
        if isinstance(value, base):
            return convert(value)
    return value


_PLAIN: dict[type, Callable[[Any], Any]] = {
    int: lambda value: int.__add__(value, 0),
    float: lambda value: float.__float__(value),
    str: lambda value: str.__str__(value),
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    complex: lambda value: complex(value.real, value.imag),
}


class Decoder:
    """Rebuilds the values of one frame.

    Args:
        nodes: As they came, not trusted.
        special: Builds what tags `o`, `h` and `k` stand for, from the node and a function that
            resolves references.
        answered: The objects of our own frame that this one answers.
    """

    def __init__(
        self,
        nodes: object,
        special: Mapping[str, Callable[[list[Any], Callable[[Any], object]], object]],
        *,
        answered: list[object] | None = None,
    ) -> None:
        if type(nodes) is not list or len(nodes) > MAX_NODES:
            raise CodecError("A frame has no list of nodes.")
        self.objects: list[object] = [_MISSING] * len(nodes)
        self._nodes = nodes
        self._special = special
        self._answered = answered or []
        self._unfilled: list[int] = []
        self._instances: list[int] = []
        """Instances without their attributes yet."""
        self._depth = 0
        self._weights: dict[int, int] = {}
        self._classes: dict[tuple[str, ...], type] = {}
        self._hashing_seconds = 0.0

    def value(self, reference: object) -> object:
        """The value behind a reference, complete with everything that it holds.

        Raises:
            CodecError: It is not well formed.
        """
        try:
            root = self._resolve(reference)
            self._fill()
        except CodecError:
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
            binascii.Error,
        ) as error:
            raise CodecError(f"A frame does not describe a value: {error!r}.") from error
        return root

    def _resolve(self, reference: Any) -> object:
        if type(reference) is not list:
            if type(reference) is dict:
                raise CodecError("A reference is not a JSON object.")
            return reference
        (k,) = reference
        if type(k) is not int:
            raise CodecError("A node has no such number.")
        if k < 0:
            return self._answered[-1 - k]
        if self.objects[k] is _MISSING:
            self._build(k)
        return self.objects[k]

    def _build(self, k: int) -> None:
        node = self._nodes[k]
        match node[0]:
            case "l":
                self.objects[k] = []
                self._unfilled.append(k)
            case "d":
                self.objects[k] = {}
                self._unfilled.append(k)
            case "s":
                self.objects[k] = set()
                self._unfilled.append(k)
            case "n":
                self.objects[k] = self._named_tuple(k, node)
            case "t":
                self.objects[k] = tuple(self._parts(k, node[1:]))
            case "f":
                parts = self._parts(k, node[1:])
                self._fill_instances()  # their hash may rest on their attributes
                self.objects[k] = frozenset(self._keys(set(), parts))
            case "x" if node[1] in KEYED:
                self.objects[k] = self._keyed(k, node)
            case "a":
                self.objects[k] = array_value(node)
            case "x":
                self._depth_guarded(lambda: self._store(k, library_value(node, self._resolve)))
            case "o" | "h" | "k" | "e" as tag:
                self._depth_guarded(lambda: self._store(k, self._special[tag](node, self._resolve)))
                if tag == "o":
                    self._instances.append(k)
            case _:
                self.objects[k] = scalar_value(node)

    def _store(self, k: int, value: object) -> None:
        self.objects[k] = value

    def _depth_guarded(self, build: Callable[[], None]) -> None:
        self._depth += 1
        if self._depth > MAX_IMMUTABLE_DEPTH:
            raise CodecError("Immutable values are nested too deeply.")
        build()
        self._depth -= 1

    def _parts(self, k: int, references: list[Any]) -> list[object]:
        """What an immutable value consists of.

        Parts that are shared count each time: hashing and comparing walk through all of them, so
        that 40 pairs in each other, each holding the one before twice, would never come to an end.
        """
        self._depth += 1
        if self._depth > MAX_IMMUTABLE_DEPTH:
            raise CodecError("Immutable values are nested too deeply.")
        parts = [self._resolve(reference) for reference in references]
        self._depth -= 1
        weights = (self._weights.get(part[0], 1) for part in references if type(part) is list)
        self._weights[k] = weight = 1 + len(parts) + sum(weights)
        if weight > MAX_NODES:
            raise TooLarge("Immutable values repeat each other too often.")
        return parts

    def _named_tuple(self, k: int, node: list[Any]) -> object:
        _, type_name, fields, *references = node
        parts = self._parts(k, references)
        names = (_text(type_name), *map(_text, fields))
        if names not in self._classes:
            if len(self._classes) >= MAX_CLASSES:
                raise TooLarge("There are too many classes of named tuples.")
            self._classes[names] = named_tuple_class(*names)
        if len(parts) != len(names) - 1:
            raise CodecError("A named tuple's fields and items differ.")
        return self._classes[names](parts)

    def _keyed(self, k: int, node: list[Any]) -> object:
        import collections

        parts = self._parts(k, node[2:])
        self._fill_instances()
        content = self._keys({}, list(zip(parts[::2], parts[1::2], strict=True)))
        made = getattr(collections, node[1].removeprefix("collections."))()
        made.update(content)
        return made

    def _keys(self, into: Any, items: list[Any]) -> Any:
        """Fills a set or dict piece by piece, with an eye on the clock."""
        for start in range(0, len(items), 256):
            began = time.thread_time()
            into.update(items[start : start + 256])
            self._hashing_seconds += time.thread_time() - began
            if self._hashing_seconds > MAX_HASHING_SECONDS:
                raise TooLarge("Keys take too long to hash and compare.")
        return into

    def _fill(self) -> None:
        """Gives mutable values their content; sets and dicts last, when keys can be hashed."""
        hashed: list[int] = []
        while self._unfilled or self._instances:
            self._fill_instances()
            if not self._unfilled:
                break
            k = self._unfilled.pop()
            node, value = self._nodes[k], self.objects[k]
            match node[0]:
                case "l":
                    value.extend(map(self._resolve, node[1:]))  # type: ignore[attr-defined]
                case _:
                    for reference in node[1:]:
                        self._resolve(reference)
                    hashed.append(k)
        for k in reversed(hashed):
            node, value = self._nodes[k], self.objects[k]
            parts = [self._resolve(reference) for reference in node[1:]]
            if node[0] == "s":
                self._keys(value, parts)
            else:
                self._keys(value, list(zip(parts[::2], parts[1::2], strict=True)))

    def _fill_instances(self) -> None:
        while self._instances:
            k = self._instances.pop()
            node = self._nodes[k]
            for name, reference in zip(node[2::2], node[3::2], strict=True):
                set_attribute(self.objects[k], name, self._resolve(reference))


_MISSING = object()
NAMED_TUPLE_MODULE = "named tuple of the candidate's"


def set_attribute(value: object, name: object, content: object) -> None:
    """Sets an attribute that holds data; never one that would stand in for a method."""
    if type(name) is not str or name.startswith("__") or callable(getattr(type(value), name, None)):
        raise CodecError(f"{name!r} is no attribute for data.")
    object.__setattr__(value, name, content)


def named_tuple_class(type_name: str, *fields: str) -> type:
    """A class of tuples whose items have names too, equal to what plain tuples are equal to."""
    if not all(name.isidentifier() and not name.startswith("_") for name in fields):
        raise CodecError("A named tuple's fields have no names.")
    getters = {name: property(operator.itemgetter(i)) for i, name in enumerate(fields)}
    space = {**getters, "_fields": fields, "__module__": NAMED_TUPLE_MODULE}
    return type(type_name, (tuple,), space)


def scalar_value(node: list[Any]) -> object:
    """The value of a node without parts."""
    match node:
        case ["I", str(digits)]:
            return int(digits, 16)
        case ["F", str(text)]:
            return float(text)
        case ["S", str(text)]:
            return base64.b64decode(text, validate=True).decode("utf-8", "surrogatepass")
        case ["b", str(text)]:
            return base64.b64decode(text, validate=True)
        case ["B", str(text)]:
            return bytearray(base64.b64decode(text, validate=True))
        case ["C", str(real), str(imaginary)]:
            return complex(float(real), float(imaginary))
        case ["r", str(start), str(stop), str(step)]:
            return range(int(start, 16), int(stop, 16), int(step, 16))
        case ["y", str(name)] if name in SHARED_BUILTINS:
            return getattr(builtins, name)
    raise CodecError("A node has an unknown form.")


def library_value(node: list[Any], resolve: Callable[[Any], object]) -> object:
    """The value of a node of tag `x` that has no keys."""
    import collections

    name, parts = node[1], node[2:]
    match name:
        case "collections.deque":
            maximum = resolve(parts[0])
            if maximum is not None and type(maximum) is not int:
                raise CodecError("A deque's length is not a number.")
            return collections.deque(map(resolve, parts[1:]), maximum)
        case "decimal.Decimal":
            import decimal

            number = decimal.Decimal(_text(parts[0]))
            if number.is_finite() and abs(number.adjusted()) > MAX_DECIMAL_EXPONENT:
                # It would take gigabytes once a test formats it or turns it into an int.
                raise TooLarge("A decimal number is out of range.")
            return number
        case "fractions.Fraction":
            import fractions

            if max(len(_text(part)) for part in parts) > MAX_FRACTION_DIGITS:
                raise TooLarge("A fraction has too many digits.")  # to be reduced in time
            return fractions.Fraction(int(parts[0], 16), int(parts[1], 16))
        case "builtins.slice":
            return slice(*map(resolve, parts))
        case "datetime.date" | "datetime.datetime" | "datetime.time":
            import datetime

            return getattr(datetime, name.removeprefix("datetime.")).fromisoformat(_text(parts[0]))
        case "datetime.timedelta":
            import datetime

            return datetime.timedelta(*map(operator.index, parts))
    raise CodecError("A node has an unknown type.")


def member_name(value: object) -> str | None:
    """The name of a member of an enum; None for anything else."""
    enum = module_in_use("enum")
    if enum is None or not isinstance(value, enum.Enum):
        return None
    name: str | None = value.name
    return name if name in type(value).__members__ else None


def member(kind: Any, name: object) -> object:
    """The member of an enum that has this name."""
    return kind.__members__[name]


def _text(part: object) -> str:
    if type(part) is not str:
        raise CodecError("A node's content is not text.")
    return part


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def pack(frame: dict[str, Any]) -> bytes:
    """A frame as bytes, its length in front.

    Raises:
        TooLarge: It has more bytes than the other side takes.
    """
    data = json.dumps(frame, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(data) > MAX_FRAME_BYTES:
        raise TooLarge(f"A value of more than {MAX_FRAME_BYTES} bytes can't cross.")
    return len(data).to_bytes(4, "big") + data


def unpack(data: bytes) -> dict[str, Any]:
    """A frame from its bytes, without the length.

    Raises:
        CodecError: It is not a JSON object.
    """
    try:
        frame = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"A frame is not JSON: {error}.") from error
    if type(frame) is not dict:
        raise CodecError("A frame is not a JSON object.")
    return frame


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class Connection:
    """Frames over a socket that is handed in."""

    def __init__(self, fd: int) -> None:
        import socket

        self._socket = socket.socket(fileno=fd)
        self.largest_received = 0
        """Bytes of the largest frame so far."""

    def send(self, frame: dict[str, Any]) -> None:
        """Sends one frame.

        Raises:
            TooLarge: It has more bytes than the other side takes; nothing was sent.
            OSError: The other side is gone.
        """
        self._socket.sendall(pack(frame))

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def receive(self) -> dict[str, Any]:
        """Waits for one frame.

        Raises:
            EOFError: The other side is gone.
            CodecError: What came is not a frame.
        """
        size = int.from_bytes(self._read(4), "big")
        if size > MAX_FRAME_BYTES:
            raise CodecError("A frame is longer than allowed.")
        self.largest_received = max(self.largest_received, size)
        return unpack(self._read(size))

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                piece = self._socket.recv(min(size - len(data), 1 << 20))
            except OSError as error:
                raise EOFError from error
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)


def read_job(fd: int) -> dict[str, Any]:
    """Reads and closes the file descriptor that a job comes in."""
    with open(fd, "rb") as file:
        job: dict[str, Any] = json.loads(file.read())
    return job


def module_in_use(name: str) -> Any:
    """A module that is loaded already, or None."""
    return sys.modules.get(name)
