"""Cases of arguments and expected results, compared here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandboxes.python_tests.jailed import literal
from sandboxes.python_tests.jailed.codec import is_array
from sandboxes.python_tests.jailed.remote import RemoteObject, brief, describe_call

if TYPE_CHECKING:
    from sandboxes.python_tests.jailed.checker import Judge
    from sandboxes.python_tests.jailed.remote import RemoteCandidate

MAX_DEPTH = 200
_NUMBERS = (bool, int, float, complex)


def prepare(job: dict[str, Any]) -> Callable[[RemoteCandidate, Judge], None]:
    """The tests of a job of form `calls`."""

    def run(candidate: RemoteCandidate, judge: Judge) -> None:
        candidate.names([])
        function = candidate.resolve(job["entry_point"])
        for case in job["cases"]:
            if judge.stopped:
                return
            _run_case(function, case, job, judge)

    return run


def _run_case(function: Any, case: dict[str, str], job: dict[str, Any], judge: Judge) -> None:
    name = case["name"]
    arguments = literal.loads(case["arguments"])
    args, kwargs = ([], arguments) if isinstance(arguments, dict) else (arguments, {})
    expected = literal.loads(case["expected"])
    call = describe_call(job["entry_point"], args, kwargs)
    results: list[object] = []
    judge.forget_call()
    if not judge.outcome_of(name, lambda: results.append(function(*args, **kwargs))):
        return
    if agree(expected, results[0], tolerance=job["tolerance"], exact=job["exact"]):
        judge.passed(name)
    else:
        message = f"{call} returned {brief(results[0])}, expected {brief(expected)}."
        judge.failed(name, "wrong-answer", message)


def agree(expected: Any, result: Any, *, tolerance: float, exact: bool, depth: int = 0) -> bool:
    """Whether a result is the expected one.

    With `exact`, types agree all the way down; else values agree as Python's `==` has it. Floats
    agree within `tolerance`, absolute or relative, and NaN agrees with NaN.
    """
    if depth > MAX_DEPTH or isinstance(result, RemoteObject):
        return False
    if exact and type(expected) is not type(result):
        return False
    if is_array(result) or type(result).__module__ == "numpy":
        result = result.tolist()  # numpy's word for the builtin values of arrays and scalars
    if isinstance(expected, _NUMBERS) and isinstance(result, _NUMBERS):
        return _numbers_agree(expected, result, tolerance)

    def deeper(one: Any, other: Any) -> bool:
        return agree(one, other, tolerance=tolerance, exact=exact, depth=depth + 1)

    for sequence in (list, tuple):
        if isinstance(expected, sequence) and isinstance(result, sequence):
            return len(expected) == len(result) and all(map(deeper, expected, result))
    if isinstance(expected, dict) and isinstance(result, dict):
        return _keys_agree(expected, result, deeper) and all(
            deeper(value, result[key]) for key, value in expected.items()
        )
    if isinstance(expected, (set, frozenset)) and isinstance(result, (set, frozenset)):
        return _keys_agree(expected, result, deeper)
    return bool(expected == result)


def _keys_agree(expected: Any, result: Any, deeper: Callable[[Any, Any], bool]) -> bool:
    theirs = {key: key for key in result}
    return len(theirs) == len(expected) and all(
        key in theirs and deeper(key, theirs[key]) for key in expected
    )


def _numbers_agree(expected: Any, result: Any, tolerance: float) -> bool:
    if expected == result:
        return True
    if not isinstance(expected, (float, complex)) and not isinstance(result, (float, complex)):
        return False
    if isinstance(expected, complex) or isinstance(result, complex):
        a, b = complex(expected), complex(result)
        return _numbers_agree(a.real, b.real, tolerance) and _numbers_agree(
            a.imag, b.imag, tolerance
        )
    try:
        a, b = float(expected), float(result)
    except OverflowError:
        return False
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
