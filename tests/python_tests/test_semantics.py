"""Honest candidates: what tests can do with a candidate that lives in another process."""

from __future__ import annotations

import pytest

from tests.python_tests.conftest import Verify, evidence
from verifier_service.model import (
    CallCase,
    CallCases,
    Comparison,
    InvalidSpec,
    Outcome,
    Range,
    StdioCase,
    StdioCases,
    TestCode,
    VerdictChannel,
)


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        pytest.param(
            "def f(x): x.sort()", "a = [2, 1]\nf(a)\nassert a == [1, 2]", id="list-in-place"
        ),
        pytest.param(
            "def f(d): d['b'] = 2", "d = {}\nf(d)\nassert d == {'b': 2}", id="dict-in-place"
        ),
        pytest.param("def f(s): s.add(1)", "s = set()\nf(s)\nassert s == {1}", id="set-in-place"),
        pytest.param(
            "def f(m): m[0].append(9)",
            "m = [[], []]\nf(m)\nassert m == [[9], []]",
            id="nested-in-place",
        ),
        pytest.param(
            "def f(x): return x", "a = [1]\nassert f(a) is a", id="identity-of-an-argument"
        ),
        pytest.param(
            "def f():\n    a = []\n    return [a, a]",
            "r = f()\nassert r[0] is r[1]",
            id="shared-reference",
        ),
        pytest.param(
            "def f():\n    a = []\n    a.append(a)\n    return a",
            "r = f()\nassert r[0] is r",
            id="cycle",
        ),
        pytest.param(
            "def f(n):\n    r = []\n    for _ in range(n): r = [r]\n    return r",
            "r = f(5000)\nn = 0\nwhile r: r = r[0]; n += 1\nassert n == 5000",
            id="deep-list",
        ),
        pytest.param(
            "def f(n):\n    for i in range(n): yield i",
            "assert list(f(3)) == [0, 1, 2]",
            id="generator",
        ),
        pytest.param(
            "def f():\n    i = 0\n    while True:\n        yield i\n        i += 1",
            "g = f()\nassert [next(g) for _ in range(4)] == [0, 1, 2, 3]",
            id="endless-generator",
        ),
        pytest.param("def f(n): return lambda x: x + n", "assert f(2)(3) == 5", id="closure"),
        pytest.param(
            "def f(g, xs): return [g(x) for x in xs]",
            "assert f(lambda x: x * 2, [1, 2]) == [2, 4]",
            id="callback",
        ),
        pytest.param(
            "def f(g, n): return g(n)",
            "def fact(n): return 1 if n < 2 else n * f(fact, n - 1)\nassert f(fact, 5) == 120",
            id="callback-that-calls-the-candidate",
        ),
        pytest.param(
            "def f(it): return sum(it)",
            "assert f(x for x in (1, 2, 3)) == 6",
            id="generator-argument",
        ),
        pytest.param("def f(t, x): return t(x)", "assert f(int, '3') == 3", id="builtin-type"),
        pytest.param(
            "class Stack:\n    def __init__(self): self.items = []\n"
            "    def push(self, x): self.items.append(x)\n    def __len__(self):"
            " return len(self.items)\n    def __iter__(self): return iter(self.items)",
            "s = Stack()\ns.push(1)\ns.push(2)\nassert len(s) == 2 and s.items == [1, 2]\n"
            "assert list(s) == [1, 2] and isinstance(s, Stack) and 2 in s",
            id="class",
        ),
        pytest.param(
            "class V:\n    def __init__(self, x): self.x = x\n"
            "    def __add__(self, o): return V(self.x + o.x)\n"
            "    def __eq__(self, o): return self.x == o.x\n    def __hash__(self): return self.x",
            "assert V(1) + V(2) == V(3) and V(1) != V(2) and len({V(1), V(1)}) == 1",
            id="operators-between-objects-of-a-tested-class",
        ),
        pytest.param(
            "class Solution:\n    def solve(self, n): return n + 1",
            "assert Solution().solve(1) == 2",
            id="method",
        ),
        pytest.param(
            "class Bad(ValueError): pass\ndef f(): raise Bad('no')",
            "try:\n    f()\n    assert False\nexcept Bad as e:\n    assert str(e) == 'no'",
            id="own-exception-class",
        ),
        pytest.param(
            "def f(x):\n    if x < 0: raise ValueError('negative')\n    return x",
            "import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n"
            "        with self.assertRaisesRegex(ValueError, 'neg'): f(-1)\n"
            "        self.assertEqual(f(1), 1)",
            id="assert-raises",
        ),
        pytest.param(
            "import sys\ndef f(): sys.exit(3)",
            ("try:\n    f()\n    assert False\nexcept SystemExit as e:\n    assert e.code == 3"),
            id="system-exit-that-is-expected",
        ),
        pytest.param(
            "from collections import Counter, OrderedDict, defaultdict, deque\n"
            "from decimal import Decimal\nfrom fractions import Fraction\nimport datetime\n"
            "def f():\n    d = defaultdict(list); d[1].append(2)\n"
            "    return [Counter('aab'), OrderedDict(a=1), d, deque([1], 3), Decimal('1.50'),"
            " Fraction(1, 3), datetime.date(2020, 2, 29), datetime.timedelta(1, 2, 3)]",
            "from collections import *\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
            "import datetime\nr = f()\nassert r[0] == {'a': 2, 'b': 1} and r[0]['zz'] == 0\n"
            "assert r[1] == {'a': 1} and r[2] == {1: [2]} and r[3].maxlen == 3\n"
            "assert str(r[4]) == '1.50' and r[5] + r[5] == Fraction(2, 3)\n"
            "assert r[6].year == 2020 and r[7].microseconds == 3",
            id="value-types-of-the-standard-library",
        ),
        pytest.param(
            "import collections\nP = collections.namedtuple('P', 'x y')\ndef f(): return P(1, 2)\n"
            "def g(p): return p[0]",
            "p = f()\nassert p == (1, 2) and p.y == 2 and g(p) == 1",
            id="named-tuple",
        ),
        pytest.param(
            "class I(int): pass\ndef f(): return [I(3), True, 10**30, -0.0, float('inf'), 1j,"
            " b'x', bytearray(b'y'), range(3), frozenset([1]), None, 'é\\ud800']",
            "import math\nr = f()\nassert r[0] == 3 and r[1] is True and r[2] == 10**30\n"
            "assert math.copysign(1, r[3]) == -1 and r[4] == math.inf and r[5] == 1j\n"
            "assert r[6:] == [b'x', bytearray(b'y'), range(3), frozenset([1]), None, 'é\\ud800']",
            id="every-builtin-value",
        ),
        pytest.param(
            "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x * 2",
            "import asyncio\nassert asyncio.run(f(2)) == 4",
            id="coroutine",
        ),
        pytest.param(
            "def f(*a, k=1, **kw): return (a, k, kw)",
            ("assert f(1, k=2, z=3) == ((1,), 2, {'z': 3})"),
            id="keyword-arguments",
        ),
        pytest.param("LIMIT = 7\ndef f(): return LIMIT", "assert LIMIT == 7", id="global-data"),
        pytest.param(
            "def f(): return 1", "from candidate import f as g\nassert g() == 1", id="import"
        ),
        pytest.param(
            "import threading\ndef f():\n    r = []\n    t = threading.Thread(target=lambda:"
            " r.append(1))\n    t.start(); t.join()\n    return r",
            "assert f() == [1]",
            id="threads",
        ),
        pytest.param(
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(): return P(3)",
            "assert f().x == 3 and P(1) == P(1)",
            id="dataclass",
        ),
        pytest.param(
            "def sum(a): return 42", "assert sum([1]) == 42", id="entry-point-named-as-a-builtin"
        ),
        pytest.param(
            "def f(x): return round(x, 2)",
            "assert math.isclose(f(3.14159), 3.14)",
            id=("module-that-the-tests-forgot-to-import"),
        ),
    ],
)
async def test_what_tests_can_do(source: str, tests: str, verify: Verify) -> None:
    entry_point = "sum" if "def sum" in source else ""

    verdict = await verify(source, TestCode(source=tests, entry_point=entry_point))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary
    assert evidence(verdict).channel is VerdictChannel.SEPARATED


LINKED_LIST = (
    "class ListNode:\n    def __init__(self, val=0, next=None):\n"
    "        self.val = val\n        self.next = next\n"
)


async def test_classes_of_the_preamble_cross_as_data(verify: Verify) -> None:
    source = (
        "def reverse(head):\n    last = None\n    while head:\n"
        "        head.next, last, head = last, head, head.next\n    return last\n"
    )
    tests = (
        "def build(xs):\n    head = None\n    for x in reversed(xs): head = ListNode(x, head)\n"
        "    return head\n"
        "def values(n):\n    out = []\n    while n: out.append(n.val); n = n.next\n    return out\n"
        "assert values(reverse(build(list(range(2000))))) == list(range(1999, -1, -1))\n"
        "assert isinstance(reverse(build([1])), ListNode)\n"
    )

    verdict = await verify(source, TestCode(source=tests), preamble=LINKED_LIST)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


@pytest.mark.parametrize(
    "made",
    [
        pytest.param("frozenset({P(1), P(2)})", id="frozenset"),
        pytest.param("{P(1), P(2)}", id="set"),
        pytest.param("{(P(1), frozenset({P(2)})): P(3)}", id="keys"),
        pytest.param("__import__('collections').Counter([P(1), P(1)])", id="counter"),
        pytest.param("[P([P(1)].__len__()), frozenset({(P(2),)})]", id="mixed"),
    ],
)
async def test_instances_of_the_preamble_can_be_hashed(made: str, verify: Verify) -> None:
    preamble = (
        "class P:\n    def __init__(self, x): self.x = x\n"
        "    def __eq__(self, o): return self.x == o.x\n    def __hash__(self): return hash(self.x)\n"
    )

    verdict = await verify(
        f"def f(): return {made}", TestCode(source=f"assert f() == {made}"), preamble=preamble
    )

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


@pytest.mark.parametrize(
    ("preamble", "source", "entry_point"),
    [
        pytest.param("def f(x):\n    '''Doubles.'''\n", "    return 2 * x\n", "f", id="docstring"),
        pytest.param("def f(x):\n", "    return 2 * x\n", "f", id="bare-head"),
        pytest.param(
            "import math\ndef f(x):\n    y = x\n", "    return y + x\n", "f", id="half-a-body"
        ),
        pytest.param(
            "def f(x):\n    pass\n", "def f(x): return 2 * x\n", "", id="stub-without-entry-point"
        ),
        pytest.param(
            "class Solution:\n    def f(self, x):\n",
            "        return 2 * x\n",
            "Solution().f",
            id="method",
        ),
    ],
)
async def test_a_preamble_is_continued(
    preamble: str, source: str, entry_point: str, verify: Verify
) -> None:
    tests = "def check(c):\n    assert c(2) == 4\n" if entry_point else "assert f(2) == 4\n"

    verdict = await verify(
        source, TestCode(source=tests, entry_point=entry_point), preamble=preamble
    )

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


@pytest.mark.parametrize(
    ("source", "reason", "place"),
    [
        pytest.param(
            "def f(x):\n    return x +\n", "syntax-error", Range(start_line=2), id="syntax"
        ),
        pytest.param(
            "def g(x):\n    return 1 / x\n\ndef f(x):\n    return g(0)\n",
            "exception-raised",
            Range(start_line=2),
            id="raised-in-a-helper",
        ),
        pytest.param(
            "import nowhere_to_be_found\n", "load-error", Range(start_line=1), id="import"
        ),
        pytest.param("x = 1\n\x00", "syntax-error", None, id="nul"),
        pytest.param("(" * 200_000, "syntax-error", Range(start_line=1), id="nested-brackets"),
        pytest.param("\ud800 = 1", "syntax-error", None, id="lone-surrogate"),
        pytest.param("", "missing-name", None, id="empty"),
        pytest.param("x" * 1_000_000, "load-error", Range(start_line=1), id="long-name"),
        pytest.param("def f(x): return " + "-" * 100_000 + "x", None, None, id="deep-expression"),
    ],
)
async def test_trouble_is_located_in_the_candidate_as_written(
    source: str, reason: str | None, place: Range | None, verify: Verify
) -> None:
    preamble = "import math\n\nSOME = 'thing'\n"

    verdict = await verify(source, TestCode(source="assert f(1) == 2"), preamble=preamble)

    assert verdict.outcome is Outcome.REJECTED
    assert reason in (None, verdict.reason), verdict.summary
    found = verdict.diagnostics[0].range if verdict.diagnostics else None
    assert reason is None or (found and found.start_line) == (place and place.start_line)


async def test_a_failure_says_what_was_called_and_what_came_back(verify: Verify) -> None:
    tests = TestCode(source="def check(c):\n    assert c([1, 2]) == 4\n", entry_point="total")

    verdict = await verify("def total(xs):\n    return sum(xs)", tests)

    (case,) = evidence(verdict).cases
    assert (case.name, case.reason) == ("line 2", "wrong-answer")
    assert case.message == "total([1, 2]): got 3, wanted == 4"


async def test_keep_going_reports_every_case(verify: Verify) -> None:
    tests = "def check(c):\n    assert c(1) == 1\n    assert c(2) == 5\n    assert c(3) == 3\n"

    verdict = await verify(
        "def f(x): return x", TestCode(source=tests, entry_point="f"), keep_going=True
    )

    results = [(case.name, case.outcome) for case in evidence(verdict).cases]
    assert results == [
        ("line 2", Outcome.ACCEPTED),
        ("line 3", Outcome.REJECTED),
        ("line 4", Outcome.ACCEPTED),
    ]
    assert (verdict.outcome, evidence(verdict).passed_count) == (Outcome.REJECTED, 2)


@pytest.mark.parametrize(
    "tests",
    [
        pytest.param("assert (", id="does-not-parse"),
        pytest.param("assert f(1)\nreturn", id="does-not-compile"),
        pytest.param("x = 1", id="asserts-nothing"),
        pytest.param("assert 1 == 1", id="never-calls-the-candidate"),
        pytest.param(
            "import not_a_module\nassert f(1) == 1", id="needs-a-module-that-is-not-there"
        ),
        pytest.param("raise ValueError('oops')\nassert f(1)", id="raises-by-itself"),
        pytest.param("def test_it(fixture):\n    assert f(fixture)", id="needs-fixtures"),
        pytest.param("import sys\nf(1)\nsys.exit()", id="exits-by-itself"),
        pytest.param("import os\nf(1)\nos._exit(0)", id="ends-its-process"),
    ],
)
async def test_broken_tests_are_the_problems_fault(tests: str, verify: Verify) -> None:
    with pytest.raises(InvalidSpec) as error:
        await verify("def f(x): return x", TestCode(source=tests))

    assert error.value.violations[0].field == "spec.problem.python_tests"


@pytest.mark.parametrize(
    ("arguments", "expected", "source", "exact", "outcome"),
    [
        pytest.param("[1]", "2", "def f(x): return x + 1", True, True, id="equal"),
        pytest.param("[1]", "2", "def f(x): return x + 1.0", True, False, id="float-for-int"),
        pytest.param("[1]", "2", "def f(x): return x + 1.0", False, True, id="float-equals-int"),
        pytest.param("[1]", "true", "def f(x): return 1", True, False, id="int-for-bool"),
        pytest.param('{"x": 3}', "3", "def f(*, x): return x", True, True, id="keywords"),
        pytest.param(
            "[]", '{"$tuple": [1]}', "def f(): return [1]", False, False, id="list-for-tuple"
        ),
        pytest.param("[]", '{"$set": [1]}', "def f(): return {1}", True, True, id="set"),
        pytest.param(
            "[]", '{"$float": "nan"}', "def f(): return float('nan')", True, True, id="nan"
        ),
        pytest.param("[]", '{"$bytes": "eA=="}', "def f(): return b'x'", True, True, id="bytes"),
        pytest.param("[]", "0.3", "def f(): return 0.1 + 0.2", True, False, id="rounding"),
        pytest.param(
            "[]", '{"$dict": [[1, 2]]}', "def f(): return {1: 2}", True, True, id="int-keys"
        ),
        pytest.param(
            "[]", '{"$dict": [[1, 2]]}', "def f(): return {True: 2}", True, False, id="key-type"
        ),
    ],
)
async def test_calls_are_compared_here(
    arguments: str, expected: str, source: str, exact: bool, outcome: bool, verify: Verify
) -> None:
    form = CallCases(
        entry_point="f",
        cases=(CallCase(arguments_json=arguments, expected_json=expected),),
        comparison=Comparison.EXACT if exact else Comparison.EQUAL,
    )

    verdict = await verify(source, form)

    assert (verdict.outcome is Outcome.ACCEPTED) == outcome, verdict.summary


async def test_a_tolerance_is_for_floats(verify: Verify) -> None:
    case = CallCase(arguments_json="[]", expected_json="[0.3, 1]")
    form = CallCases(entry_point="f", cases=(case,), tolerance=1e-9)

    assert (await verify("def f(): return [0.1 + 0.2, 1]", form)).outcome is Outcome.ACCEPTED
    assert (await verify("def f(): return [0.3, 2]", form)).outcome is Outcome.REJECTED


async def test_programs_read_and_write(verify: Verify) -> None:
    form = StdioCases(
        cases=(
            StdioCase(stdin="2 3\n", stdout="5\n"),
            StdioCase(stdin="é\n", stdout="é\n\n", name="accents"),
        )
    )
    source = (
        "import sys\nif __name__ == '__main__':\n    line = input()\n    try:\n"
        "        print(sum(map(int, line.split())), '  ')\n    except ValueError:\n        print(line)\n"
        "    print('noise', file=sys.stderr)\n"
    )

    verdict = await verify(source, form)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary
    assert [case.name for case in evidence(verdict).cases] == ["0", "accents"]
    assert evidence(verdict).stderr.head == b"noise\n"


async def test_a_program_s_cases_do_not_share_state(verify: Verify) -> None:
    source = "import builtins\nn = getattr(builtins, 'n', 0) + 1\nbuiltins.n = n\nprint(n)"

    verdict = await verify(source, StdioCases(cases=(StdioCase(stdin="", stdout="1"),) * 3))

    assert verdict.outcome is Outcome.ACCEPTED


async def test_output_is_kept_at_both_ends_and_counted(verify: Verify) -> None:
    source = (
        "def f():\n    print('begin')\n    print('x' * 150_000)\n    print('end')\n    return 1"
    )

    verdict = await verify(source, TestCode(source="assert f() == 1"), max_output_bytes=100)

    stdout = evidence(verdict).stdout
    assert verdict.outcome is Outcome.ACCEPTED
    assert stdout.head.startswith(b"begin\n")
    assert stdout.tail.endswith(b"end\n")
    assert (len(stdout.head), len(stdout.tail), stdout.size_bytes) == (50, 50, 150_011)


async def test_finished_cases_are_told_as_they_come(verify: Verify) -> None:
    seen: list[object] = []

    await verify(
        "def f(x): return x", TestCode(source="assert f(1) == 1\nassert f(2) == 2"), seen=seen
    )

    assert [p.finished_case.name for p in seen] == ["line 1", "line 2"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tests", "entry_point", "told"),
    [
        pytest.param("assert near(f(2), 4)", "f", ["near"], id="a-forgotten-helper"),
        pytest.param("assert near(f(2), 4)", "", ["f, near"], id="no-entry-point"),
        pytest.param("assert f(2) == 4", "", [], id="one-name"),
        pytest.param("def near(a, b): return a == b\nassert near(f(2), 4)", "f", [], id="defined"),
    ],
)
async def test_names_that_come_from_the_candidate_are_told(
    tests: str, entry_point: str, told: list[str], verify: Verify
) -> None:
    source = "def near(a, b): return True\ndef f(x): return 4"

    verdict = await verify(source, TestCode(source=tests, entry_point=entry_point))

    found = [d.message for d in verdict.diagnostics if d.code == "names-from-candidate"]
    assert verdict.outcome is Outcome.ACCEPTED
    assert len(found) == len(told)
    assert all(names in message for names, message in zip(told, found, strict=True))
