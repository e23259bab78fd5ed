"""From files given to the command line to a `VerificationSpec`."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from clients.command_line import proto_json
from clients.command_line.exit_codes import InvalidInput
from verifier_service.model import (
    Candidate,
    Entailment,
    LogicProblem,
    Problem,
    PytestSuite,
    PythonTests,
    RequestedLimits,
    TestCode,
    VerificationSpec,
)
from verifier_service.v1 import problem_pb2, verifier_pb2
from verifier_service.wire import spec_from_proto

__all__ = [
    "SYNTAXES",
    "Form",
    "logic_spec",
    "parse_bytes",
    "python_form",
    "python_spec",
    "read_spec",
    "read_text",
    "refuse_two_standard_inputs",
]

MAXIMUM_FILE_BYTES: Final = 16 * 1024**2

_UNITS: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3} | {
    "ki": 1024,
    "mi": 1024**2,
    "gi": 1024**3,
}
Form = Literal["auto", "code", "pytest"]
"""How a file of Python tests is run; "auto" looks at what it needs."""
_SUITE_SUFFIXES: Final = (".py", ".ini", ".cfg", ".toml", ".txt", ".json", ".csv")
_SIZE: Final = re.compile(r"(\d{1,18})\s*([kmg]?i?)b?", re.IGNORECASE)


def read_text(path: Path) -> str:
    """Text of a file; `-` is standard input.

    Raises:
        InvalidInput: It can't be read, is too large, or is not UTF-8.
    """
    try:
        raw = _read(path)
        return raw.decode("utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{path} is not UTF-8: byte {error.start} can't be decoded. Save it as UTF-8."
        ) from error


def _read(path: Path) -> bytes:
    if str(path) == "-":
        raw = sys.stdin.buffer.read(MAXIMUM_FILE_BYTES + 1)
    else:
        with path.open("rb") as file:
            raw = file.read(MAXIMUM_FILE_BYTES + 1)
    if len(raw) > MAXIMUM_FILE_BYTES:
        raise InvalidInput(f"{path} is larger than {MAXIMUM_FILE_BYTES} bytes, the most there is.")
    return raw


def parse_bytes(text: str) -> int:
    """Bytes in `268435456`, `512MiB`, `1G`.

    Raises:
        ValueError: It is none of these.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].lower() == "i":
        raise ValueError(f"{text!r} is no size. Write bytes, or a number and KiB, MiB or GiB.")
    return int(match[1]) * _UNITS[match[2].lower()]


def read_spec(path: Path, candidate: Path | None) -> VerificationSpec:
    """A whole spec from a file, perhaps with another candidate.

    Raises:
        InvalidInput: It is no `VerificationSpec` in proto3 JSON.
        InvalidSpec: It is one, and breaks the rules of the contract.
    """
    refuse_two_standard_inputs(path, candidate)
    message = verifier_pb2.VerificationSpec()
    try:
        proto_json.parse_message(read_text(path), message)
    except ValueError as error:
        raise InvalidInput(f"{path} is no VerificationSpec in JSON: {error}") from error
    if candidate is not None:
        message.candidate.source = read_text(candidate)
    return spec_from_proto(message)


def python_spec(
    candidate: Path,
    tests: Path,
    *,
    entry_point: str = "",
    form: Form = "auto",
    module: str = "",
    preamble: Path | None = None,
    keep_going: bool = False,
    limits: RequestedLimits | None = None,
) -> VerificationSpec:
    """A spec from a candidate and its tests: a file, or the folder of a pytest suite.

    Raises:
        InvalidInput: A file can't be used.
    """
    refuse_two_standard_inputs(candidate, tests, preamble)
    if tests.is_dir():
        if form == "code":
            raise InvalidInput(f"{tests} is a folder, and test code is one file. Leave out --form.")
        criterion = _suite(candidate, suite_files(tests, candidate), module)
    elif form == "pytest" or (form == "auto" and _needs_pytest(tests)):
        named = tests.name if tests.name.startswith("test_") else "test_suite.py"
        criterion = _suite(candidate, {named: read_text(tests)}, module)
    else:
        criterion = python_form(tests, read_text(tests), entry_point)
    if preamble is not None:
        criterion = dataclasses.replace(criterion, preamble=read_text(preamble))
    if keep_going:
        criterion = dataclasses.replace(criterion, keep_going=True)
    return VerificationSpec(
        problem=Problem(criterion=criterion),
        candidate=Candidate(source=read_text(candidate)),
        limits=limits or RequestedLimits(),
    )


def suite_files(folder: Path, candidate: Path) -> dict[str, str]:
    """The files of a pytest suite by their paths in its folder, without the candidate's.

    Raises:
        InvalidInput: One of them is not text.
    """
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _SUITE_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.resolve() != candidate.resolve()
    ]
    return {path.relative_to(folder).as_posix(): read_text(path) for path in paths}


def _suite(candidate: Path, files: Mapping[str, str], module: str) -> PythonTests:
    module = module or imported_as(candidate, files)
    return PythonTests(form=PytestSuite(files=tuple(sorted(files.items())), module=module))


def _needs_pytest(tests: Path) -> bool:
    return tests.suffix == ".py" and needs_pytest(read_text(tests))


def needs_pytest(source: str) -> bool:
    """Whether test code imports pytest, or has test functions that take fixtures."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if any("pytest" in _imported(node) for node in ast.walk(tree)):
        return True
    return any(
        isinstance(node, ast.FunctionDef)
        and node.name.startswith("test")
        and len(node.args.args) > len(node.args.defaults)
        for node in tree.body
    )


def _imported(node: ast.AST) -> set[str]:
    match node:
        case ast.Import(names=names):
            return {name.name for name in names}
        case ast.ImportFrom(module=str(module), level=0):
            return {module}
    return set()


def imported_as(candidate: Path, files: Mapping[str, str]) -> str:
    """The name under which a suite imports a candidate.

    It is what the candidate's file is called, unless the suite imports `solution` or `candidate`
    instead.
    """
    imported: set[str] = set()
    for path, source in files.items():
        if path.endswith(".py"):
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                imported |= {
                    name for node in ast.walk(ast.parse(source)) for name in _imported(node)
                }
    own = candidate.stem if candidate.stem.isidentifier() else "solution"
    return next((name for name in (own, "solution", "candidate") if name in imported), own)


SYNTAXES: Final = {".p": "tptp", ".tptp": "tptp", ".ax": "tptp", ".smt2": "smtlib2"}
"""Languages of logic by the ends of names of files."""


def logic_spec(
    problem: Path,
    *,
    syntax: str = "",
    premises: Path | None = None,
    conclusion: str = "",
    expected: Entailment | None = None,
    reference: str = "",
    limits: RequestedLimits | None = None,
) -> VerificationSpec:
    """A spec from a text of formulas, with what is trusted beside it.

    Raises:
        InvalidInput: A file can't be used.
    """
    refuse_two_standard_inputs(problem, premises)
    criterion = LogicProblem(
        syntax=syntax or SYNTAXES.get(problem.suffix.lower(), ""),
        premises=() if premises is None else (read_text(premises),),
        conclusion=conclusion,
        expected=expected,
        reference=reference,
    )
    return VerificationSpec(
        problem=Problem(criterion=criterion),
        candidate=Candidate(source=read_text(problem)),
        limits=limits or RequestedLimits(),
    )


def python_form(path: Path, text: str, entry_point: str = "") -> PythonTests:
    """What a file of tests says, by its extension.

    `.json` holds a `PythonTests`, a `CallCases` or a `StdioCases` message, or a list of cases;
    `.jsonl` one case a line. Anything else is test code.

    Raises:
        InvalidInput: It says nothing that can be used.
    """
    match path.suffix.lower():
        case ".json":
            return _from_json(path, _parsed(path, text), entry_point)
        case ".jsonl":
            lines = [line for line in text.splitlines() if line.strip()]
            return _from_json(path, [_parsed(path, line) for line in lines], entry_point)
        case _:
            return PythonTests(form=TestCode(source=text, entry_point=entry_point))


def _parsed(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no JSON: {error}") from error


def _from_json(path: Path, value: Any, entry_point: str) -> PythonTests:
    if isinstance(value, list):
        value = {"cases": value}
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} holds neither an object nor a list of cases.")
    if "cases" in value:
        value = {_kind_of_cases(path, value): value}
    if entry_point and isinstance(inner := value.get("calls", value.get("code")), dict):
        inner.setdefault("entryPoint", entry_point)
    message = problem_pb2.PythonTests()
    try:
        proto_json.parse_message(json.dumps(value), message)
    except ValueError as error:
        raise InvalidInput(f"{path} holds no tests that can be read: {error}") from error
    return _criterion(path, message)


def _kind_of_cases(path: Path, value: dict[str, Any]) -> str:
    cases = value["cases"]
    first = cases[0] if isinstance(cases, list) and cases else None
    if not isinstance(first, dict):
        raise InvalidInput(f"{path} has no cases: a list of objects is needed.")
    if {"stdin", "stdout"} & first.keys():
        return "stdio"
    if {"argumentsJson", "arguments_json", "expectedJson", "expected_json"} & first.keys():
        return "calls"
    raise InvalidInput(
        f"{path}: the first case has neither argumentsJson and expectedJson (a call) nor stdin and "
        "stdout (a program)."
    )


def _criterion(path: Path, message: problem_pb2.PythonTests) -> PythonTests:
    if not message.WhichOneof("form"):
        raise InvalidInput(f"{path} has none of code, calls, stdio and pytest.")
    problem = problem_pb2.Problem(python_tests=message)
    candidate = problem_pb2.Candidate(source="x")
    spec = spec_from_proto(verifier_pb2.VerificationSpec(problem=problem, candidate=candidate))
    if not isinstance(spec.problem.criterion, PythonTests):
        raise AssertionError("a PythonTests message says a PythonTests criterion")
    return spec.problem.criterion


def refuse_two_standard_inputs(*paths: Path | None) -> None:
    """Standard input is read once.

    Raises:
        InvalidInput: Several paths are `-`.
    """
    if sum(str(path) == "-" for path in paths) > 1:
        raise InvalidInput("Only one file can be -, standard input.")
