"""JSON with escapes for what JSON can't say: the notation of arguments and expected results.

`{"$tuple": […]}`, `{"$set": […]}`, `{"$frozenset": […]}`, `{"$dict": [[key, value], …]}`,
`{"$float": "nan" | "inf" | "-inf"}`, `{"$complex": [re, im]}`, `{"$bytes": "base64"}`. An object
whose only key begins with `$` is an escape; `{"$dict": [["$x", 1]]}` says such an object itself.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

__all__ = ["dumps", "loads"]


def loads(text: str) -> Any:
    """The value of a text.

    Raises:
        ValueError: It is not JSON, or an escape is malformed; the message says which.
    """
    try:
        return json.loads(text, object_hook=_unescape, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except TypeError as error:
        raise ValueError(f"it has a set or a key that can't be hashed: {error}") from error


def dumps(value: Any) -> str:
    """The text of a value of builtin types.

    Raises:
        ValueError: It holds something else.
    """
    return json.dumps(_escape(value), allow_nan=False)


def _unescape(found: dict[str, Any]) -> Any:
    if len(found) != 1 or not (key := next(iter(found))).startswith("$"):
        return found
    content = found[key]
    match key, content:
        case "$tuple", list():
            return tuple(content)
        case "$set", list():
            return set(content)
        case "$frozenset", list():
            return frozenset(content)
        case "$dict", list() if all(isinstance(p, list) and len(p) == 2 for p in content):
            return dict(content)
        case "$float", "nan" | "inf" | "-inf":
            return float(content)
        case "$complex", [int() | float() as real, int() | float() as imaginary]:
            return complex(real, imaginary)
        case "$bytes", str():
            return base64.b64decode(content, validate=True)
    raise ValueError(f"the escape {key} has no such content")


def _no_constant(name: str) -> Any:
    raise ValueError(f'{name} is not JSON; write {{"$float": "nan"}}, "inf" or "-inf"')


def _escape(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [_escape(item) for item in value]
    if kind in (tuple, set, frozenset):
        return {f"${kind.__name__}": [_escape(item) for item in value]}
    if kind is complex:
        return {"$complex": [value.real, value.imag]}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if kind is dict:
        if all(type(key) is str for key in value) and not (
            len(value) == 1 and next(iter(value)).startswith("$")
        ):
            return {key: _escape(content) for key, content in value.items()}
        return {"$dict": [[_escape(key), _escape(content)] for key, content in value.items()]}
    raise ValueError(f"a value of type {kind.__name__} has no JSON form here")
