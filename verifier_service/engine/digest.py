"""The name of a verification: equal digests share one run and one kept verdict.

The digest is over everything that can change a verdict, and nothing else, in an encoding of our
own: a protobuf message's `SerializeToString` is not canonical, and its unknown fields would count.

Every value is written as one tag byte, the length of its body as 8 bytes, and the body, so that
no two different values share an encoding: each one says where it ends and what it is.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import struct
from typing import Any, Final

from verifier_service.model import Criterion, EnvironmentInfo, Limits

__all__ = ["criterion_digest", "encoded", "verification_digest"]

_VERSION: Final = b"\x01"
"""Changes whenever the fields below, or how they are encoded, change."""


def verification_digest(
    criterion: Criterion, source: str, *, environment: EnvironmentInfo, limits: Limits
) -> str:
    """The SHA-256, as `sha256:…`, over all that a verdict depends on.

    The caller's own names (problem id, candidate id, session) and the assurance asked for are no
    part of it: they choose among answers and do not change them. The environment's digest stands
    for its tools and for the policy of the executor that uses them.
    """
    fields = (criterion, source, environment.name, environment.digest, limits)
    return f"sha256:{hashlib.sha256(_VERSION + encoded(fields)).hexdigest()}"


def criterion_digest(criterion: Criterion) -> str:
    """The SHA-256, as `sha256:…`, of what candidates for one problem have to achieve."""
    return f"sha256:{hashlib.sha256(_VERSION + encoded(criterion)).hexdigest()}"


def encoded(value: object) -> bytes:
    """An injective encoding of plain data.

    Floats count by their value, with 0.0 and -0.0 as one, and in a field declared as `float` an
    integer counts as the float that it equals.

    Raises:
        TypeError: There is something other than plain data in it.
    """
    match value:
        case str():
            return _framed(b"s", value.encode("utf-8", "surrogatepass"))
        case tuple():
            return _framed(b"(", b"".join([encoded(item) for item in value]))
        case None:
            return _framed(b"n", b"")
        case enum.Enum():
            return _framed(b"e", encoded(type(value).__name__) + encoded(value.name))
        case bool():
            return _framed(b"b", b"\x01" if value else b"\x00")
        case int():
            return _framed(b"i", b"%d" % value)
        case float():
            return _framed(b"f", struct.pack(">d", value + 0.0))
        case bytes():
            return _framed(b"x", value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _encoded_dataclass(value)
        case _:
            raise TypeError(f"A {type(value).__name__} has no canonical encoding.")


def _framed(tag: bytes, body: bytes) -> bytes:
    return tag + len(body).to_bytes(8, "big") + body


def _encoded_dataclass(value: Any) -> bytes:
    parts = [encoded(type(value).__name__)]
    for name, encoded_name, is_float in _fields(type(value)):
        inner = getattr(value, name)
        parts += encoded_name, encoded(float(inner) if is_float else inner)
    return _framed(b"d", b"".join(parts))


_FIELDS: dict[type[Any], tuple[tuple[str, bytes, bool], ...]] = {}


def _fields(kind: type[Any]) -> tuple[tuple[str, bytes, bool], ...]:
    """Name, encoded name, and whether it is declared as a float, of each field."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(
            (field.name, encoded(field.name), field.type in ("float", float))
            for field in dataclasses.fields(kind)
        )
    return _FIELDS[kind]
