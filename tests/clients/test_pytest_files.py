"""Pytest suites from files and folders, as `verifier check` takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients import python_pytest
from clients.command_line.reading import needs_pytest, python_spec
from tests.clients.test_command_line import Shell
from verifier_service.model import PytestSuite, PythonTests, TestCode, TestForm, VerificationSpec


def form_of(spec: VerificationSpec) -> TestForm:
    assert isinstance(spec.problem.criterion, PythonTests)
    return spec.problem.criterion.form


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("assert f(1) == 2", False),
        ("def test_f(): assert f(1) == 2", False),
        ("def test_f(x=1): assert f(x) == 2", False),
        ("def check(candidate): assert candidate(1) == 2", False),
        ("def test_f(tmp_path): assert f(1) == 2", True),
        ("import pytest\ndef test_f(): assert f(1) == 2", True),
        ("def test_f():\n    from pytest import approx\n    assert f(1) == approx(2)", True),
        ("def test_f(:", False),
    ],
)
def test_a_suite_is_known_by_what_it_needs(source: str, needs: bool) -> None:
    assert needs_pytest(source) is needs


@pytest.mark.parametrize(
    ("candidate", "imports", "module"),
    [
        ("median.py", "median", "median"),
        ("attempt-3.py", "solution", "solution"),
        ("a.py", "candidate", "candidate"),
        ("a.py", "math", "a"),
        ("attempt-3.py", "math", "solution"),
    ],
)
def test_the_candidate_is_called_what_the_suite_imports(
    tmp_path: Path, candidate: str, imports: str, module: str
) -> None:
    (tmp_path / candidate).write_text("x = 1\n")
    tests = tmp_path / "test_it.py"
    tests.write_text(f"import pytest\nfrom {imports} import x\n")
    form = form_of(python_spec(tmp_path / candidate, tests))

    assert form == PytestSuite(files=(("test_it.py", tests.read_text()),), module=module)


def test_a_folder_is_a_suite_without_the_candidate(tmp_path: Path) -> None:
    for path in ("solution.py", "conftest.py", "sub/test_a.py", "sub/data.csv", ".git/x.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("import solution\n")
    form = form_of(python_spec(tmp_path / "solution.py", tmp_path))

    assert isinstance(form, PytestSuite)
    assert [path for path, _ in form.files] == ["conftest.py", "sub/data.csv", "sub/test_a.py"]


def test_the_form_can_be_said(tmp_path: Path) -> None:
    tests = tmp_path / "check_it.py"
    tests.write_text("import pytest\nfrom solution import f\ndef test_f(): assert f() == 1\n")
    (tmp_path / "solution.py").write_text("def f(): return 1\n")
    code = form_of(python_spec(tmp_path / "solution.py", tests, form="code"))
    suite = form_of(python_spec(tmp_path / "solution.py", tests, form="pytest", module="other"))

    assert isinstance(code, TestCode)
    assert isinstance(suite, PytestSuite)
    assert (suite.files[0][0], suite.module) == ("test_suite.py", "other")


def test_a_suite_in_one_line() -> None:
    spec = python_pytest("x = 1", {"b.py": "2", "a.py": "1"}, module="m", problem_id="p")

    assert form_of(spec) == PytestSuite(files=(("a.py", "1"), ("b.py", "2")), module="m")
    assert spec.problem.problem_id == "p"


async def test_a_failing_test_is_named(tmp_path: Path) -> None:
    shell = Shell(tmp_path, None)
    candidate = shell.file("median.py", "def median(xs):\n    return sorted(xs)[len(xs) // 2]\n")
    tests = shell.file(
        "test_median.py",
        "import pytest\nfrom median import median\n"
        "@pytest.mark.parametrize('xs, want', [([3, 1, 2], 2), ([4, 1, 3, 2], 2.5)])\n"
        "def test_median(xs, want): assert median(xs) == want\n",
    )
    ended = await shell("check", "python", candidate, "--tests", tests)

    assert ended.code == 1
    assert "test_median.py::test_median[xs1-2.5]" in ended.out
    assert "own interpreter, hardened" in " ".join(ended.out.split())
