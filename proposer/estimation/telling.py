"""Runs beside a candidate, in its process, and tells what it returns for given arguments.

This file's text is put behind a candidate's own; it imports nothing of the project. What it says is
the candidate's word, as good as the candidate: a reference's results are taken for true, a
candidate's for its vote.
"""

import base64
import contextlib
import io
import json
import math
import signal
import sys
from typing import Any


def tell(function: Any, inputs: str, cpu_seconds: float) -> None:
    """Writes a line of JSON for each call: what it returned, or why there is nothing to say.

    Args:
        function: What is called, twice: a result that differs is none.
        inputs: The `repr` of a list of lists of positional arguments.
        cpu_seconds: That two calls may take.
    """
    out = sys.stdout
    signal.signal(signal.SIGPROF, _too_slow)
    names = {"inf": math.inf, "nan": math.nan}
    for first, second in zip(eval(inputs, names), eval(inputs, names), strict=True):  # noqa: S307
        try:
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
            with contextlib.redirect_stdout(io.StringIO()):
                said = _encoded(function(*first))
                same = said == _encoded(function(*second))
            line = ["returned", said] if same else ["unsteady", ""]
        except BaseException as error:  # noqa: BLE001  # whatever it raises is what it did
            line = ["raised", type(error).__name__]
        signal.setitimer(signal.ITIMER_PROF, 0)
        out.write(json.dumps(line) + "\n")
        out.flush()


def _too_slow(*_: object) -> None:
    raise TimeoutError


def _encoded(value: Any) -> str:
    return json.dumps(_escaped(value), allow_nan=False)


def _escaped(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [_escaped(item) for item in value]
    if kind is tuple:
        return {"$tuple": [_escaped(item) for item in value]}
    if kind in (set, frozenset):
        return {f"${kind.__name__}": _sorted([_escaped(item) for item in value])}
    if kind is complex:
        return {"$complex": [_escaped(value.real), _escaped(value.imag)]}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if kind is dict:
        return {"$dict": _sorted([[_escaped(key), _escaped(item)] for key, item in value.items()])}
    raise TypeError(f"a {kind.__name__} is no plain value")


def _sorted(items: list[Any]) -> list[Any]:
    """In an order that equal values share, however they came about."""
    return sorted(items, key=json.dumps)
