"""Specs in one line, for the kinds of problem there are."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from json import dumps, loads
from typing import Any, TypedDict, Unpack

from verifier_service.model import (
    Assurance,
    CallCase,
    CallCases,
    Candidate,
    Comparison,
    Criterion,
    Entailment,
    LeanTheorem,
    LogicProblem,
    Problem,
    PytestSuite,
    PythonTests,
    RequestedLimits,
    StdioCase,
    StdioCases,
    TestCode,
    TestForm,
    VerificationSpec,
)

__all__ = [
    "CommonDetails",
    "SpecDetails",
    "decode_value",
    "encode_value",
    "lean_theorem",
    "logic",
    "python_calls",
    "python_pytest",
    "python_stdio",
    "python_tests",
]


class CommonDetails(TypedDict, total=False):
    """What every kind of problem may say beside what is asked."""

    problem_id: str
    """Your name for the problem."""
    candidate_id: str
    """Your name for the candidate."""
    environment: str
    """Named, and perhaps pinned, environment; empty for the server's default."""
    limits: RequestedLimits
    """Limits on the candidate; what is None is the server's default."""
    minimum_assurance: Assurance
    """Weakest evidence that is of use to you."""


class SpecDetails(CommonDetails, total=False):
    """What every kind of Python problem may say beside its tests."""

    preamble: str
    """Trusted text put right before the candidate's own, e.g. HumanEval's prompt."""
    keep_going: bool
    """Run the remaining cases after one has failed."""


def lean_theorem(
    candidate: str,
    *,
    name: str = "",
    statement: str = "",
    preamble: str = "",
    allowed_axioms: Iterable[str] = (),
    require_clean_file: bool = False,
    whole_file: bool = False,
    probe_statement: bool = False,
    by_computation: bool = False,
    **details: Unpack[CommonDetails],
) -> VerificationSpec:
    """A proof in Lean 4, and the theorem that it is to prove.

    `lean_theorem("by exact Nat.add_comm a b", name="t", statement="(a b : Nat) : a + b = b + a")`

    Args:
        candidate: What stands behind the statement's `:=`, or declarations with the theorem among
            them, or a whole file; untrusted.
        name: Of the theorem, in full.
        statement: Its signature; `theorem NAME` before it and `:= by sorry` behind it do no harm.
        preamble: Imports and context.
        allowed_axioms: That a proof may use; propext, Classical.choice and Quot.sound if empty.
        require_clean_file: Whether `sorry` and axioms count also in what the theorem does not need.
        whole_file: Whether the theorems that the candidate itself states are what is to be proved;
            then there is no name and no statement.
        probe_statement: Whether to look if the statement is vacuous or false.
        by_computation: Whether a statement may be another term that computes to the same.
        **details: See `CommonDetails`.
    """
    criterion = LeanTheorem(
        name=name,
        statement=statement,
        preamble=preamble,
        allowed_axioms=tuple(allowed_axioms),
        require_clean_file=require_clean_file,
        whole_file=whole_file,
        probe_statement=probe_statement,
        by_computation=by_computation,
    )
    return _judged(candidate, criterion, details)


def logic(
    candidate: str = "",
    *,
    premises: Iterable[str] = (),
    conclusion: str = "",
    expected: Entailment | None = None,
    reference: str = "",
    syntax: str = "",
    **details: Unpack[CommonDetails],
) -> VerificationSpec:
    """A question of logic, and what somebody brings to it.

    Args:
        candidate: Premises and a conclusion, a conclusion, premises, or nothing: what the problem
            lacks; untrusted.
        premises: Trusted ones.
        conclusion: What is asked.
        expected: The answer that makes the candidate acceptable; any definite one if None.
        reference: Formula that the candidate's must be equivalent to.
        syntax: Of all texts; what they look like if empty.
        **details: See `CommonDetails`.
    """
    criterion = LogicProblem(
        syntax=syntax,
        premises=tuple(premises),
        conclusion=conclusion,
        expected=expected,
        reference=reference,
    )
    return _judged(candidate, criterion, details)


def python_tests(
    candidate: str, *, tests: str, entry_point: str = "", **details: Unpack[SpecDetails]
) -> VerificationSpec:
    """A Python candidate and test code: HumanEval's `check(candidate)`, MBPP's asserts.

    Args:
        candidate: The source to judge; untrusted.
        tests: Test code that calls it by its names; trusted, and kept from it.
        entry_point: Function handed to `check`; needed only where `tests` defines `check`.
        **details: See `SpecDetails`.
    """
    return _spec(candidate, TestCode(source=tests, entry_point=entry_point), details)


def python_calls(
    candidate: str,
    entry_point: str,
    cases: Iterable[tuple[Sequence[Any] | Mapping[str, Any], Any]],
    *,
    tolerance: float = 0.0,
    comparison: Comparison = Comparison.EXACT,
    **details: Unpack[SpecDetails],
) -> VerificationSpec:
    """A Python candidate and calls of one of its functions, with what they must return.

    `python_calls(source, "add", [((1, 2), 3), ({"a": 1, "b": 2}, 3)])`

    Args:
        candidate: The source to judge; untrusted.
        entry_point: Name of the function that is called.
        cases: Pairs of arguments (a sequence: positional, a mapping: by keyword) and result.
        tolerance: Largest absolute or relative difference at which floats still agree.
        comparison: When a result agrees; by default types count: 1, 1.0 and True differ.
        **details: See `SpecDetails`.

    Raises:
        TypeError: A value is of a type that the service cannot compare.
    """
    form = CallCases(
        entry_point=entry_point,
        cases=tuple(_call_case(arguments, expected) for arguments, expected in cases),
        tolerance=tolerance,
        comparison=comparison,
    )
    return _spec(candidate, form, details)


def python_stdio(
    candidate: str, cases: Iterable[tuple[str, str]], **details: Unpack[SpecDetails]
) -> VerificationSpec:
    r"""A Python program, what it reads and what it must write.

    `python_stdio("print(int(input()) + 1)", [("1\n", "2\n")])`

    Args:
        candidate: The program to judge; untrusted.
        cases: Pairs of standard input and expected standard output.
        **details: See `SpecDetails`.
    """
    form = StdioCases(cases=tuple(StdioCase(stdin=read, stdout=wrote) for read, wrote in cases))
    return _spec(candidate, form, details)


def python_pytest(
    candidate: str, files: Mapping[str, str], *, module: str, **details: Unpack[SpecDetails]
) -> VerificationSpec:
    """A Python candidate and a pytest suite that imports it.

    `python_pytest(source, {"test_add.py": tests}, module="solution")`

    Args:
        candidate: The source to judge; untrusted.
        files: The suite's files by relative path, `conftest.py` and settings included; trusted.
        module: Name under which the suite imports the candidate: `solution`, `package.solution`.
        **details: See `SpecDetails`.
    """
    return _spec(candidate, PytestSuite(files=tuple(sorted(files.items())), module=module), details)


def encode_value(value: object) -> str:
    """A Python value as the JSON of `CallCase`, with its escapes for what JSON can't say.

    Raises:
        TypeError: The value is none of None, bool, int, float, complex, str, bytes, list, tuple,
            dict, set or frozenset, or holds something that is none of them.
    """
    return dumps(_encode(value), ensure_ascii=False, allow_nan=False)


def decode_value(text: str) -> Any:
    """The Python value that JSON of `CallCase` stands for.

    Raises:
        ValueError: It is no such JSON.
    """
    try:
        return loads(text, object_hook=_decode, parse_constant=_no_constant)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"This is no value that can be decoded: {error}.") from error


def _decode(found: dict[str, Any]) -> Any:
    match found:
        case {"$tuple": list(items), **rest} if not rest:
            return tuple(items)
        case {"$set": list(items), **rest} if not rest:
            return set(items)
        case {"$frozenset": list(items), **rest} if not rest:
            return frozenset(items)
        case {"$dict": list(pairs), **rest} if not rest:
            return dict(pairs)
        case {"$float": "nan" | "inf" | "-inf" as text, **rest} if not rest:
            return float(text)
        case {"$complex": [int() | float() as real, int() | float() as imaginary], **rest} if (
            not rest
        ):
            return complex(real, imaginary)
        case {"$bytes": str(text), **rest} if not rest:
            return base64.b64decode(text, validate=True)
    if len(found) == 1 and next(iter(found)).startswith("$"):
        raise ValueError(f"The escape {next(iter(found))} has no such content.")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")


def _spec(candidate: str, form: TestForm, details: SpecDetails) -> VerificationSpec:
    criterion = PythonTests(
        form=form,
        preamble=details.get("preamble", ""),
        keep_going=details.get("keep_going", False),
    )
    return _judged(candidate, criterion, details)


def _judged(candidate: str, criterion: Criterion, details: CommonDetails) -> VerificationSpec:
    return VerificationSpec(
        problem=Problem(criterion=criterion, problem_id=details.get("problem_id", "")),
        candidate=Candidate(source=candidate, candidate_id=details.get("candidate_id", "")),
        environment=details.get("environment", ""),
        limits=details.get("limits", RequestedLimits()),
        minimum_assurance=details.get("minimum_assurance", Assurance.UNSPECIFIED),
    )


def _call_case(arguments: Sequence[Any] | Mapping[str, Any], expected: object) -> CallCase:
    # At the top, an object's keys are parameter names, so nothing is escaped there.
    if isinstance(arguments, Mapping):
        encoded: Any = {name: _encode(value) for name, value in arguments.items()}
    elif isinstance(arguments, str | bytes):
        raise TypeError(f"Arguments are a sequence of values, not the text {arguments!r}.")
    else:
        encoded = [_encode(value) for value in arguments]
    return CallCase(
        arguments_json=dumps(encoded, ensure_ascii=False), expected_json=encode_value(expected)
    )


def _encode(value: Any) -> Any:
    # Exact types: a subclass may carry more than its JSON would say.
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": str(value)}
    if kind is complex:
        return {"$complex": [_encode(value.real), _encode(value.imag)]}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if kind is list:
        return [_encode(item) for item in value]
    if kind is dict:
        return _encode_dict(value)
    if kind in (tuple, set, frozenset):
        return {f"${kind.__name__}": [_encode(item) for item in value]}
    raise TypeError(
        f"A value of type {kind.__name__} can't be sent as a test case. Use None, bool, int, "
        "float, complex, str, bytes, list, tuple, dict, set or frozenset, or write test code."
    )


def _encode_dict(value: dict[Any, Any]) -> dict[str, Any]:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: _encode(item) for key, item in value.items()}
    return {"$dict": [[_encode(key), _encode(item)] for key, item in value.items()]}
