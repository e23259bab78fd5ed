"""Honest candidates under pytest suites of many kinds: right ones pass, wrong ones are named."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sandboxes.python_tests.problems import violations
from tests.python_tests.conftest import Verify, evidence
from verifier_service.model import (
    InvalidSpec,
    Outcome,
    PytestSuite,
    PythonTests,
    VerdictChannel,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    files: dict[str, str]
    right: str
    wrong: str
    fails: str
    """The test that the wrong candidate fails first."""
    module: str = "solution"
    preamble: str = ""
    aside: dict[str, str] = field(default_factory=dict)
    """Tests that neither pass nor fail, and why."""


SORT = "def solve(xs): return sorted(xs)"
NO_SORT = "def solve(xs): return list(xs)"
COUNTER = """
class Counter:
    def __init__(self, step=1):
        if step < 1: raise ValueError("step must be positive")
        self.step, self.count = step, 0
    def up(self):
        self.count += self.step
        return self.count
"""

SUITES = {
    "functions": Case(
        files={
            "test_sort.py": "from solution import solve\n"
            "def test_empty(): assert solve([]) == []\n"
            "def test_some(): assert solve([2, 1]) == [1, 2]\n"
        },
        right=SORT,
        wrong=NO_SORT,
        fails="test_sort.py::test_some",
    ),
    "parametrised": Case(
        files={
            "test_sort.py": "import pytest, solution\n"
            "@pytest.mark.parametrize('xs, want', [([], []), ([3, 1], [1, 3]), ([2, 2], [2, 2])])\n"
            "def test_rows(xs, want): assert solution.solve(xs) == want\n"
        },
        right=SORT,
        wrong=NO_SORT,
        fails="test_sort.py::test_rows[xs1-want1]",
    ),
    "stacked-parameters": Case(
        files={
            "test_add.py": "import pytest, solution\n"
            "@pytest.mark.parametrize('a', [1, 2])\n"
            "@pytest.mark.parametrize('b', [3, 4], ids=['three', 'four'])\n"
            "def test_add(a, b):\n    assert solution.add(a, b) == a + b\n"
        },
        right="def add(a, b): return a + b",
        wrong="def add(a, b): return a + b if b < 4 else 0",
        fails="test_add.py::test_add[four-1]",
    ),
    "fixtures": Case(
        files={
            "test_counter.py": "import pytest\nfrom solution import Counter\n"
            "@pytest.fixture\ndef counter(): return Counter(2)\n"
            "@pytest.fixture(scope='module')\ndef shared():\n    yield Counter()\n"
            "def test_up(counter):\n    counter.up()\n    assert counter.count == 2\n"
            "def test_shared(shared): assert shared.up() == 1\n"
            "def test_shared_again(shared): assert shared.up() == 2\n"
        },
        right=COUNTER,
        wrong=COUNTER.replace("+= self.step", "+= 1"),
        fails="test_counter.py::test_up",
    ),
    "conftest": Case(
        files={
            "conftest.py": "import pytest\n@pytest.fixture(params=[1, 5])\n"
            "def size(request): return request.param\n"
            "@pytest.fixture(autouse=True)\ndef seeded(): import random; random.seed(0)\n",
            "test_size.py": "from solution import make\n"
            "def test_size(size): assert len(make(size)) == size\n",
        },
        right="def make(n): return [0] * n",
        wrong="def make(n): return [0]",
        fails="test_size.py::test_size[5]",
    ),
    "classes": Case(
        files={
            "test_class.py": "from solution import Counter\n"
            "class TestCounter:\n"
            "    def setup_method(self): self.counter = Counter()\n"
            "    def test_start(self): assert self.counter.count == 0\n"
            "    def test_up(self): assert self.counter.up() == 1\n"
        },
        right=COUNTER,
        wrong=COUNTER.replace("self.step, self.count = step, 0", "self.step, self.count = step, 1"),
        fails="test_class.py::TestCounter::test_start",
    ),
    "unittest": Case(
        files={
            "test_case.py": "import unittest\nfrom solution import solve\n"
            "class SolveTest(unittest.TestCase):\n"
            "    def test_sorts(self): self.assertEqual(solve([2, 1]), [1, 2])\n"
            "    def test_kind(self): self.assertIsInstance(solve([]), list)\n"
            "    def test_bad(self):\n"
            "        with self.assertRaises(TypeError): solve(3)\n"
        },
        right=SORT,
        wrong="def solve(xs): return sorted(xs) if isinstance(xs, list) else xs",
        fails="test_case.py::SolveTest::test_bad",
    ),
    "several-files": Case(
        files={
            "tests/test_a.py": "from solution import solve\ndef test_a(): assert solve([1]) == [1]\n",
            "tests/test_b.py": "from solution import solve\ndef test_b(): assert solve([2, 1]) == [1, 2]\n",
        },
        right=SORT,
        wrong=NO_SORT,
        fails="tests/test_b.py::test_b",
    ),
    "packages": Case(
        files={
            "app/__init__.py": "LIMIT = 3\n",
            "app/helpers.py": "def twice(x): return 2 * x\n",
            "tests/__init__.py": "",
            "tests/test_core.py": "from app import LIMIT\nfrom app.core import top\n"
            "def test_top(): assert top([5, 4, 3, 2]) == [10, 8, 6]\n"
            "def test_limit(): assert len(top(range(9))) == LIMIT\n",
        },
        module="app.core",
        right="from app import LIMIT\nfrom .helpers import twice\n"
        "def top(xs): return [twice(x) for x in sorted(xs)[::-1]][:LIMIT]",
        wrong="def top(xs): return [2 * x for x in xs]",
        fails="tests/test_core.py::test_top",
    ),
    "importlib-mode": Case(
        files={
            "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
            "one/test_same.py": "import solution\ndef test_it(): assert solution.solve([2, 1])[0] == 1\n",
            "two/test_same.py": "import solution\ndef test_it(): assert solution.solve([4, 1])[1] == 4\n",
        },
        right=SORT,
        wrong=NO_SORT,
        fails="one/test_same.py::test_it",
    ),
    "settings-in-pyproject": Case(
        files={
            "pyproject.toml": '[tool.pytest.ini_options]\npython_files = ["check_*.py"]\n'
            'python_functions = ["check_*"]\nmarkers = ["slow"]\n',
            "check_sort.py": "import pytest\nfrom solution import solve\n"
            "@pytest.mark.slow\ndef check_sort(): assert solve((2, 1)) == [1, 2]\n",
        },
        right=SORT,
        wrong=NO_SORT,
        fails="check_sort.py::check_sort",
    ),
    "files-and-output": Case(
        files={
            "test_files.py": "from solution import copy\n"
            "def test_copy(tmp_path, capsys):\n"
            "    (tmp_path / 'a').write_text('x')\n"
            "    copy(tmp_path / 'a', tmp_path / 'b')\n"
            "    assert (tmp_path / 'b').read_text() == 'x'\n"
            "    assert capsys.readouterr().out == 'copied\\n'\n"
        },
        right="import shutil\ndef copy(a, b):\n    shutil.copy(a, b)\n    print('copied')",
        wrong="import shutil\ndef copy(a, b): shutil.copy(a, b)",
        fails="test_files.py::test_copy",
    ),
    "monkeypatching-the-candidate": Case(
        files={
            "test_patch.py": "import solution\nfrom unittest import mock\n"
            "def test_patch(monkeypatch):\n"
            "    monkeypatch.setattr(solution, 'fetch', lambda key: 7)\n"
            "    assert solution.double('k') == 14\n"
            "def test_mock():\n"
            "    with mock.patch('solution.fetch', return_value=2) as fetch:\n"
            "        assert solution.double('k') == 4\n"
            "    fetch.assert_called_once_with('k')\n"
        },
        right="def fetch(key): raise OSError\ndef double(key): return 2 * fetch(key)",
        wrong="def fetch(key): raise OSError\ndef double(key): return fetch(key)",
        fails="test_patch.py::test_patch",
    ),
    "deriving-from-the-candidate": Case(
        files={
            "test_base.py": "from solution import Base\n"
            "class Own(Base):\n    def value(self): return 3\n"
            "def test_template(): assert Own().doubled() == 6\n"
        },
        right="class Base:\n    def doubled(self): return 2 * self.value()",
        wrong="class Base:\n    def doubled(self): return self.value()",
        fails="test_base.py::test_template",
    ),
    "exceptions-of-the-candidate": Case(
        files={
            "test_errors.py": "import pytest\nfrom solution import Empty, pop\n"
            "def test_empty():\n"
            "    with pytest.raises(Empty, match='nothing') as caught: pop([])\n"
            "    assert caught.value.args == ('nothing left',)\n"
            "def test_pop(): assert pop([1, 2]) == 2\n"
        },
        right="class Empty(Exception): pass\n"
        "def pop(xs):\n    if not xs: raise Empty('nothing left')\n    return xs.pop()",
        wrong="class Empty(Exception): pass\ndef pop(xs): return xs.pop()",
        fails="test_errors.py::test_empty",
    ),
    "near-numbers": Case(
        files={
            "test_near.py": "import math, pytest\nfrom solution import root\n"
            "def test_approx(): assert root(2) == pytest.approx(1.41421356, rel=1e-6)\n"
            "def test_isclose(): assert math.isclose(root(9), 3.0)\n"
            "def test_abs(): assert abs(root(16) - 4.0) < 1e-9\n"
            "def test_list(): assert [root(1), root(4)] == pytest.approx([1.0, 2.0])\n"
        },
        right="def root(x): return x ** 0.5",
        wrong="def root(x): return x / 2 if x < 3 else x ** 0.5",
        fails="test_near.py::test_approx",
    ),
    "skipped-and-expected-to-fail": Case(
        files={
            "test_marks.py": "import pytest, sys, unittest\nfrom solution import solve\n"
            "@pytest.mark.skip(reason='later')\ndef test_later(): assert 0\n"
            "@pytest.mark.skipif(sys.version_info < (4,), reason='old')\ndef test_new(): assert 0\n"
            "@pytest.mark.xfail\ndef test_hard(): assert solve([2, 1]) == 'x'\n"
            "def test_sort(): assert solve([2, 1]) == [1, 2]\n"
            "class T(unittest.TestCase):\n"
            "    @unittest.skip('no')\n    def test_no(self): assert 0\n"
        },
        right=SORT,
        wrong=NO_SORT,
        fails="test_marks.py::test_sort",
        aside={
            "test_marks.py::test_later": "skipped",
            "test_marks.py::test_new": "skipped",
            "test_marks.py::test_hard": "expected-failure",
            "test_marks.py::T::test_no": "skipped",
        },
    ),
    "loops-and-truths": Case(
        files={
            "test_prime.py": "from solution import is_prime\n"
            "def test_primes():\n    for n in (2, 3, 5, 7, 97): assert is_prime(n)\n"
            "def test_others():\n    for n in (0, 1, 4, 91):\n        assert not is_prime(n)\n"
            "def test_exact(): assert is_prime(2) is True\n"
        },
        right="def is_prime(n): return n > 1 and all(n % d for d in range(2, n))",
        wrong="def is_prime(n): return n > 1 and (n < 4 or n % 2 == 1)",
        fails="test_prime.py::test_others",
    ),
    "warnings-and-logs": Case(
        files={
            "test_warn.py": "import logging, pytest\nfrom solution import old\n"
            "def test_warns():\n"
            "    with pytest.warns(DeprecationWarning, match='use new'): assert old() == 1\n"
            "def test_logs(caplog):\n"
            "    with caplog.at_level(logging.INFO), pytest.warns(DeprecationWarning): old()\n"
            "    assert caplog.messages == ['called']\n"
        },
        right="import logging, warnings\ndef old():\n"
        "    warnings.warn('use new', DeprecationWarning)\n    logging.info('called')\n    return 1",
        wrong="import logging\ndef old():\n    logging.info('called')\n    return 1",
        fails="test_warn.py::test_warns",
    ),
    "threads-and-processes": Case(
        files={
            "test_many.py": "from solution import squares\n"
            "def test_threads(): assert squares(range(4), 'thread') == [0, 1, 4, 9]\n"
            "def test_processes(): assert squares(range(4), 'fork') == [0, 1, 4, 9]\n"
        },
        right="import os\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "def square(x): return x * x\n"
        "def squares(xs, how):\n"
        "    if how == 'thread':\n"
        "        with ThreadPoolExecutor(2) as pool: return list(pool.map(square, xs))\n"
        "    read, write = os.pipe()\n"
        "    if (pid := os.fork()) == 0:\n"
        "        os.write(write, bytes(map(square, xs)))\n        os._exit(0)\n"
        "    os.waitpid(pid, 0)\n    return list(os.read(read, 100))",
        wrong="def squares(xs, how): return [x * x for x in xs] if how == 'thread' else []",
        fails="test_many.py::test_processes",
    ),
    "inherited-tests": Case(
        files={
            "base.py": "class Shape:\n    size = 0\n"
            "    def test_area(self): assert self.area(self.size) == self.size ** 2\n",
            "test_shapes.py": "from base import Shape\nfrom solution import area\n"
            "class TestSmall(Shape):\n    size = 2\n    area = staticmethod(area)\n"
            "class TestLarge(Shape):\n    size = 30\n    area = staticmethod(area)\n",
        },
        right="def area(n): return n * n",
        wrong="def area(n): return 2 * n",
        fails="test_shapes.py::TestLarge::test_area",
    ),
    "state-between-tests": Case(
        files={
            "test_steps.py": "from solution import Counter\nseen = []\n"
            "class TestSteps:\n    counter = Counter()\n"
            "    def test_one(self):\n        assert self.counter.up() == 1\n        seen.append(1)\n"
            "    def test_two(self):\n        assert self.counter.up() == 2\n        assert seen == [1]\n"
        },
        right=COUNTER,
        wrong=COUNTER.replace("return self.count", "return 1"),
        fails="test_steps.py::TestSteps::test_two",
    ),
    "candidate-by-its-file": Case(
        files={
            "test_path.py": "import importlib.util, pathlib\n"
            "path = pathlib.Path(__file__).parent / 'solution.py'\n"
            "spec = importlib.util.spec_from_file_location('loaded', path)\n"
            "loaded = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(loaded)\n"
            "def test_loaded(): assert loaded.solve([2, 1]) == [1, 2]\n"
        },
        right=SORT,
        wrong=NO_SORT,
        fails="test_path.py::test_loaded",
    ),
    "preamble": Case(
        files={"test_use.py": "from solution import use\ndef test_use(): assert use() == 42\n"},
        preamble="def helper(): return 41\n",
        right="def use(): return helper() + 1",
        wrong="def use(): return helper()",
        fails="test_use.py::test_use",
    ),
}


def suite(files: dict[str, str], module: str = "solution") -> PytestSuite:
    return PytestSuite(files=tuple(sorted(files.items())), module=module)


@pytest.mark.parametrize("case", SUITES.values(), ids=SUITES.keys())
async def test_a_right_candidate_is_accepted(verify: Verify, case: Case) -> None:
    verdict = await verify(case.right, suite(case.files, case.module), preamble=case.preamble)

    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "tests-passed"), verdict
    seen = evidence(verdict)
    aside = {one.name: one.reason for one in seen.cases if one.reason != "tests-passed"}
    assert aside == case.aside
    assert seen.passed_count == seen.total_count - len(aside) >= 1
    assert seen.channel is VerdictChannel.SHARED


@pytest.mark.parametrize("case", SUITES.values(), ids=SUITES.keys())
async def test_a_wrong_candidate_is_rejected_by_name(verify: Verify, case: Case) -> None:
    verdict = await verify(case.wrong, suite(case.files, case.module), preamble=case.preamble)

    assert verdict.outcome is Outcome.REJECTED
    assert case.fails in verdict.summary
    (failed,) = [one for one in evidence(verdict).cases if one.outcome is Outcome.REJECTED]
    assert failed.name == case.fails
    assert failed.message


PLAIN = suite(
    {
        "test_sort.py": "from solution import solve\n"
        "def test_some(): assert solve([2, 1]) == [1, 2]\n"
        "def test_empty(): assert solve([]) == []\n"
        "def test_type(): assert isinstance(solve((1,)), list)\n"
    }
)


@pytest.mark.parametrize(
    ("source", "reason", "says"),
    [
        pytest.param(NO_SORT, "wrong-answer", "assert [2, 1] == [1, 2]", id="wrong"),
        pytest.param(
            "def solve(xs): raise KeyError('no')", "exception-raised", "KeyError", id="raises"
        ),
        pytest.param("def solve(xs) return", "syntax-error", "SyntaxError", id="no-python"),
        pytest.param("import nothing", "load-error", "No module named 'nothing'", id="import"),
        pytest.param("def sort(xs): return xs", "missing-name", "solve", id="other-name"),
        pytest.param("while True: pass", "cpu-time-exceeded", "CPU", id="endless"),
        pytest.param("import time; time.sleep(99)", "wall-time-exceeded", "waited", id="asleep"),
        pytest.param("def solve(xs): raise SystemExit(3)", "ended-early", "SystemExit", id="exit"),
        pytest.param("import ctypes; ctypes.string_at(0)", "crashed", "signal 11", id="crash"),
        pytest.param(
            "def solve(xs): return ' ' * 10**10", "memory-exceeded", "memory", id="memory"
        ),
    ],
)
async def test_reasons(verify: Verify, source: str, reason: str, says: str) -> None:
    verdict = await verify(source, PLAIN, wall_seconds=3, cpu_seconds=1)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, reason)
    assert says in verdict.summary


async def test_a_failure_points_to_the_candidate_s_line(verify: Verify) -> None:
    verdict = await verify("def solve(xs):\n    y = 1\n    return y / 0", PLAIN, preamble="z = 1\n")

    (found,) = verdict.diagnostics
    assert found.range is not None
    assert found.range.start_line == 3


async def test_all_failures_are_told_on_demand(verify: Verify) -> None:
    verdict = await verify("def solve(xs): return xs", PLAIN, keep_going=True)

    assert [one.reason for one in evidence(verdict).cases] == [
        "wrong-answer",
        "tests-passed",
        "wrong-answer",
    ]
    assert (evidence(verdict).passed_count, evidence(verdict).total_count) == (1, 3)


async def test_what_is_printed_is_told(verify: Verify) -> None:
    verdict = await verify("print('loading')\n" + SORT, PLAIN)

    assert verdict.outcome is Outcome.ACCEPTED
    assert b"loading" in evidence(verdict).stdout.head


BROKEN = {
    "no-test": ({"test_a.py": "x = 1\n"}, "no test that counts"),
    "skipped-only": (
        {"test_a.py": "import pytest\n@pytest.mark.skip\ndef test_a(): pass\n"},
        "no test that counts",
    ),
    "a-module-skips-itself": (
        {
            "test_a.py": "import pytest\npytest.skip('no', allow_module_level=True)\n"
            "def test_a(): assert 0\n"
        },
        "no test that counts",
    ),
    "no-python": ({"test_a.py": "def test_a(: pass\n"}, "SyntaxError"),
    "wants-a-package": ({"test_a.py": "import nothing\ndef test_a(): pass\n"}, "nothing"),
    "wants-a-plugin": (
        {"pytest.ini": "[pytest]\naddopts = -n 4\n", "test_a.py": "def test_a(): assert 1\n"},
        "can't be collected",
    ),
    "ends-itself": ({"test_a.py": "import os\nos._exit(0)\n"}, "end the process"),
    "exits-pytest": ({"test_a.py": "import pytest\npytest.exit('no')\n"}, "can't be collected"),
    "never-sure-to-assert": (
        {"test_a.py": "import solution\ndef test_a():\n    if solution: return\n    assert 0\n"},
        "certain to reach an assertion",
    ),
    "cases-of-the-candidate": (
        {
            "test_a.py": "import pytest, solution\n"
            "@pytest.mark.parametrize('x', [*solution.CASES])\ndef test_a(x): assert x == 1\n"
            "def test_b(): assert solution.CASES == [1, 2]\n"
        },
        "depends on the candidate",
    ),
}


@pytest.mark.parametrize(("files", "says"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_suite_that_judges_nobody_is_refused(
    verify: Verify, files: dict[str, str], says: str
) -> None:
    with pytest.raises(InvalidSpec, match=says) as refused:
        await verify("CASES = [1, 2]", suite(files))

    assert refused.value.violations[0].field.startswith("spec.problem.python_tests")


async def test_a_test_that_skips_itself_proves_nothing(verify: Verify) -> None:
    files = {
        "test_a.py": "import pytest, solution\ndef test_a(): assert solution.f() == 1\n"
        "def test_b():\n    pytest.skip('not here')\n    assert 0\n"
    }
    verdict = await verify("def f(): return 1", suite(files))

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "skipped")


@pytest.mark.parametrize(
    ("files", "module", "field", "says"),
    [
        pytest.param({}, "solution", "files", "has 0 files", id="no-file"),
        pytest.param({"a.txt": ""}, "solution", "files", "no Python file", id="no-python"),
        pytest.param({"/a.py": ""}, "solution", 'files["/a.py"]', "relative", id="absolute"),
        pytest.param({"../a.py": ""}, "solution", 'files["../a.py"]', "relative", id="upwards"),
        pytest.param({"a/../b.py": ""}, "solution", 'files["a/../b.py"]', "relative", id="winding"),
        pytest.param({"a b.py": ""}, "solution", 'files["a b.py"]', "letters", id="space"),
        pytest.param({"a\n.py": ""}, "solution", 'files["a\n.py"]', "letters", id="newline"),
        pytest.param({"x[1].py": ""}, "solution", 'files["x[1].py"]', "letters", id="brackets"),
        pytest.param({"solution.py": ""}, "solution", "files", "candidate", id="in-its-place"),
        pytest.param({"a.py/b.py": ""}, "a", "files", "candidate", id="below-the-candidate"),
        pytest.param({"a/b.py": "", "a/b.py/c.py": ""}, "s", "files", "another", id="below-a-file"),
        pytest.param({"a.py": ""}, "", "module", "must be what", id="no-module"),
        pytest.param({"a.py": ""}, "a-b", "module", "must be what", id="no-name"),
        pytest.param({"a.py": ""}, "a..b", "module", "must be what", id="empty-part"),
        pytest.param({"a.py": ""}, "class", "module", "must be what", id="keyword"),
        pytest.param({"a.py": ""}, "json", "module", "Python or pytest needs", id="of-python"),
        pytest.param({"a.py": ""}, "conftest", "module", "Python or pytest needs", id="conftest"),
        pytest.param({"a.py": ""}, "pytest.x", "module", "Python or pytest needs", id="of-pytest"),
        pytest.param({"a.py": "x" * 9_000_000}, "solution", "files", "Shorten", id="long"),
    ],
)
def test_what_can_t_be_a_suite_is_refused(
    files: dict[str, str], module: str, field: str, says: str
) -> None:
    found = violations(PythonTests(form=suite(files, module)))

    assert found
    assert found[0].field.startswith(f"problem.python_tests.pytest.{field}")
    assert says in found[0].description


def test_many_bad_files_are_told_in_few_words() -> None:
    found = violations(PythonTests(form=suite({f"{k} .py": "" for k in range(900)})))

    assert len(found) <= 20


def test_without_pytest_the_form_is_refused() -> None:
    (found,) = violations(PythonTests(form=PLAIN), runs_pytest=False)

    assert found.field == "problem.python_tests.pytest"
    assert "pip install pytest" in found.description
