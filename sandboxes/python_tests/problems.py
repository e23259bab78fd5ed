"""What a `python_tests` problem must look like, and the jobs that it turns into."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import PurePosixPath
from typing import Any, Final

from sandboxes.python_tests.jailed import literal
from verifier_service.model import (
    CallCases,
    Comparison,
    PytestSuite,
    PythonTests,
    StdioCases,
    TestCode,
    Violation,
)

__all__ = ["candidate_job", "checker_job", "violations"]

MAX_CASES: Final = 10_000
MAX_TEST_BYTES: Final = 8 * 1024**2
MAX_JSON_BYTES: Final = 4 * 1024**2
MAX_REPORTED: Final = 20
MAX_FILES: Final = 1000
MAX_PATH: Final = 200
_ENTRY_POINT: Final = re.compile(r"[^\W\d]\w*(\(\))?(\.[^\W\d]\w*(\(\))?)*")
_FILE: Final = re.compile(r"(?!\.)[\w.-]+(/(?!\.)[\w.-]+)*")
_TAKEN: Final = {"conftest", "pytest", "pluggy", "iniconfig", "packaging", "py", "sandboxes"}
"""Modules besides those of the standard library that a run of pytest needs."""
_FORM: Final = "problem.python_tests"


def violations(tests: PythonTests, *, runs_pytest: bool = True) -> list[Violation]:
    """Says all that is wrong with a problem, the first of each kind of case at least.

    Args:
        tests: The problem.
        runs_pytest: Whether pytest is installed beside the service.
    """
    found = _too_long(f"{_FORM}.preamble", tests.preamble)
    match tests.form:
        case TestCode():
            found += _code_violations(tests.form)
        case CallCases():
            found += _calls_violations(tests.form)
        case StdioCases():
            found += _stdio_violations(tests.form)
        case PytestSuite():
            found += _pytest_violations(tests.form, runs_pytest=runs_pytest)
    return found


def _too_long(field: str, text: str) -> list[Violation]:
    if len(text) > MAX_TEST_BYTES:
        return [Violation(field, f"is longer than {MAX_TEST_BYTES} characters. Shorten it.")]
    return []


def _code_violations(form: TestCode) -> list[Violation]:
    found = _too_long(f"{_FORM}.code.source", form.source)
    if not form.source.strip():
        found.append(Violation(f"{_FORM}.code.source", "is empty. Give it test code."))
    if form.entry_point:
        found += _entry_point_violations(f"{_FORM}.code.entry_point", form.entry_point)
    return found


def _entry_point_violations(field: str, entry_point: str) -> list[Violation]:
    if len(entry_point) <= 1000 and _ENTRY_POINT.fullmatch(entry_point):
        return []
    return [
        Violation(
            field,
            "must be the name of a function such as `solve`, `Solution().solve` or "
            "`module_level.attribute`.",
        )
    ]


def _count_violations(field: str, count: int) -> list[Violation]:
    if count == 0:
        return [Violation(field, "is empty. Give at least one case: no test accepts nothing.")]
    if count > MAX_CASES:
        return [Violation(field, f"has {count} cases, and at most {MAX_CASES} may be given.")]
    return []


def _calls_violations(form: CallCases) -> list[Violation]:
    found = _entry_point_violations(f"{_FORM}.calls.entry_point", form.entry_point)
    found += _count_violations(f"{_FORM}.calls.cases", len(form.cases))
    if not 0 <= form.tolerance < float("inf"):
        found.append(Violation(f"{_FORM}.calls.tolerance", "must be a number from 0 up."))
    for index, case in enumerate(form.cases[:MAX_CASES]):
        place = f"{_FORM}.calls.cases[{index}]"
        found += _json_violations(f"{place}.arguments_json", case.arguments_json, arguments=True)
        found += _json_violations(f"{place}.expected_json", case.expected_json, arguments=False)
        if len(found) >= MAX_REPORTED:
            break
    return found


def _json_violations(field: str, text: str, *, arguments: bool) -> list[Violation]:
    if len(text) > MAX_JSON_BYTES:
        return [Violation(field, f"is longer than {MAX_JSON_BYTES} characters.")]
    try:
        value = literal.loads(text)
    except ValueError as error:
        return [Violation(field, f"is not the JSON of a value: {error}.")]
    if arguments and not isinstance(value, (list, dict)):
        return [Violation(field, "must be an array of arguments, or an object of named ones.")]
    if arguments and isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        return [Violation(field, "must name its arguments by strings.")]
    return []


def _stdio_violations(form: StdioCases) -> list[Violation]:
    return _count_violations(f"{_FORM}.stdio.cases", len(form.cases))


def _pytest_violations(form: PytestSuite, *, runs_pytest: bool) -> list[Violation]:
    if not runs_pytest:
        return [
            Violation(
                f"{_FORM}.pytest",
                "this server has no pytest: install it there by `pip install pytest`. Test "
                "functions without fixtures and unittest classes run in the form `code`.",
            )
        ]
    found = _module_violations(form.module)
    if not 1 <= len(form.files) <= MAX_FILES:
        count = len(form.files)
        found.append(
            Violation(f"{_FORM}.pytest.files", f"has {count} files. Give 1 to {MAX_FILES}.")
        )
    found += _too_long(f"{_FORM}.pytest.files", "".join(text for _, text in form.files))
    own = PurePosixPath(f"{form.module.replace('.', '/')}.py")
    paths = {PurePosixPath(path) for path, _ in form.files} | {own}
    for path, _ in form.files[:MAX_FILES]:
        place = f'{_FORM}.pytest.files["{path[:100]}"]'
        if len(path) > MAX_PATH or not _FILE.fullmatch(path):
            found.append(
                Violation(
                    place,
                    "is no path of a file. Write it relative, of letters, digits, `_`, `-` and "
                    "`.`, such as `tests/test_sort.py`.",
                )
            )
        elif PurePosixPath(path) == own or paths & set(PurePosixPath(path).parents):
            found.append(Violation(place, "stands where the candidate or another file belongs."))
        if len(found) >= MAX_REPORTED:
            break
    if not any(path.endswith(".py") for path, _ in form.files):
        found.append(Violation(f"{_FORM}.pytest.files", "has no Python file, so no test."))
    return found


def _module_violations(module: str) -> list[Violation]:
    first = module.partition(".")[0]
    well_formed = len(module) <= MAX_PATH and all(
        part.isidentifier() and not keyword.iskeyword(part) for part in module.split(".")
    )
    if not well_formed:
        advice = "must be what the suite imports, such as `solution` or `package.solution`."
    elif first in _TAKEN or first in sys.stdlib_module_names:
        advice = f"is {module!r}, the name of a module that Python or pytest needs. Choose another."
    else:
        return []
    return [Violation(f"{_FORM}.pytest.module", advice)]


def candidate_job(tests: PythonTests, source: str) -> dict[str, Any]:
    """What the candidate's process gets: code, and nothing of the tests."""
    return {"preamble": tests.preamble, "source": source}


def checker_job(tests: PythonTests) -> dict[str, Any]:
    """What the checker's process gets: the tests, and nothing of the candidate."""
    match tests.form:
        case TestCode(source=source, entry_point=entry_point):
            return {
                "form": "code",
                "test": source,
                "preamble": tests.preamble,
                "entry_point": entry_point,
                "keep_going": tests.keep_going,
            }
        case CallCases() as calls:
            return {
                "form": "calls",
                "entry_point": calls.entry_point,
                "tolerance": calls.tolerance,
                "exact": calls.comparison is Comparison.EXACT,
                "keep_going": tests.keep_going,
                "cases": [
                    {
                        "name": case.name or str(index),
                        "arguments": case.arguments_json,
                        "expected": case.expected_json,
                    }
                    for index, case in enumerate(calls.cases)
                ],
            }
    raise ValueError(f"{type(tests.form).__name__} has no checker.")
