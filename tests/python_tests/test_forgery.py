"""Wrong candidates that try to be accepted. None of them may ever be.

Every candidate here is wrong on every test. A reason is asserted where it is the point.
"""

from __future__ import annotations

import pytest

from tests.python_tests.conftest import Verify, evidence
from verifier_service.model import (
    CallCase,
    CallCases,
    Comparison,
    Outcome,
    StdioCase,
    StdioCases,
    TestCode,
    VerdictChannel,
)

CHECK = TestCode(
    source=(
        "import math\n"
        "def check(candidate):\n"
        "    assert candidate([3, 1, 2]) == [1, 2, 3]\n"
        "    assert candidate([]) == []\n"
        "    assert abs(candidate([9])[0] - 9) < 1e-6\n"
    ),
    entry_point="solve",
)
CALLS = CallCases(
    entry_point="solve",
    cases=(
        CallCase(arguments_json="[[3, 1, 2]]", expected_json="[1, 2, 3]"),
        CallCase(arguments_json="[[]]", expected_json="[]"),
    ),
    comparison=Comparison.EQUAL,
)
UNITTEST = TestCode(
    source=(
        "import unittest\n"
        "class SolveTest(unittest.TestCase):\n"
        "    def test_sorts(self):\n"
        "        self.assertEqual(solve([3, 1, 2]), [1, 2, 3])\n"
        "    def test_empty(self):\n"
        "        self.assertEqual(solve([]), [])\n"
    ),
    entry_point="solve",
)

LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __gt__(self, other): return True
    def __le__(self, other): return True
    def __ge__(self, other): return True
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __abs__(self): return 0
    def __float__(self): return 0.0
    def __contains__(self, other): return True
    def __getitem__(self, key): return self
    def __len__(self): return 3
    def __bool__(self): return True
    def __hash__(self): return 0
"""

# The frame format is no secret: these speak it themselves instead of serving honestly.
SPEAK = """
import json, socket, struct
wire = socket.socket(fileno=4)
def send(frame):
    data = json.dumps(frame).encode()
    wire.sendall(struct.pack('>I', len(data)) + data)
def read(n):
    data = b''
    while len(data) < n:
        piece = wire.recv(n - len(data))
        if not piece: raise SystemExit
        data += piece
    return data
def receive():
    return json.loads(read(struct.unpack('>I', read(4))[0]))
"""

ATTACKS = {
    "sys-exit-0-at-import": "import sys; sys.exit(0)",
    "raise-system-exit-in-call": "def solve(x): raise SystemExit(0)",
    "os-exit-0-at-import": "import os; os._exit(0)",
    "os-exit-0-in-call": "import os\ndef solve(x): os._exit(0)",
    "posix-exit-in-call": "import posix\ndef solve(x): posix._exit(0)",
    "ctypes-exit": "import ctypes\ndef solve(x): ctypes.CDLL(None)._exit(0)",
    "fork-and-exit": "import os\ndef solve(x):\n    os.fork()\n    os._exit(0)",
    "exit-at-alarm": (
        "import os, signal\n"
        "signal.signal(signal.SIGALRM, lambda *a: os._exit(0))\n"
        "def solve(x):\n    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    signal.pause()"
    ),
    "exit-at-exit": (
        "import atexit, os, sys\natexit.register(lambda: os._exit(0))\ndef solve(x): sys.exit(0)"
    ),
    "keyboard-interrupt": "def solve(x): raise KeyboardInterrupt",
    "generator-exit": "def solve(x): raise GeneratorExit",
    "stop-iteration": "def solve(x): raise StopIteration",
    "skip-test": "import unittest\ndef solve(x): raise unittest.SkipTest('no need')",
    "should-stop": "import unittest.case\ndef solve(x): raise unittest.case._ShouldStop",
    "assertion-error-swallowed": "def solve(x): raise AssertionError",
    "always-equal-object": LIAR + "def solve(x): return Liar()",
    "list-of-always-equal": LIAR + "def solve(x): return [Liar()] * len(x or [1])",
    "lying-list": (
        "class L(list):\n    def __eq__(s, o): return True\n    def __len__(s): return 3\n"
        "def solve(x): return L()\n"
    ),
    "lying-int": (
        "class I(int):\n    def __eq__(s, o): return True\n    def __sub__(s, o): return 0\n"
        "def solve(x): return I(5)"
    ),
    "lying-tuple": (
        "class T(tuple):\n    def __eq__(s, o): return True\n    __hash__ = None\n"
        "def solve(x): return T()"
    ),
    "lying-metaclass": (
        "class M(type):\n    def __eq__(s, o): return True\n    def __instancecheck__(s, o):"
        " return True\n    __hash__ = type.__hash__\n"
        "class C(metaclass=M): pass\ndef solve(x): return C"
    ),
    "answers-with-a-mock": (
        "from unittest import mock\ndef solve(x):\n    m = mock.MagicMock()\n"
        "    m.__eq__.return_value = True\n    return m"
    ),
    "answers-with-mock-any": "from unittest import mock\ndef solve(x): return mock.ANY",
    "patches-assertion-error": (
        "import builtins\nclass Quiet(BaseException): pass\nbuiltins.AssertionError = Quiet\n"
        "def solve(x): return None"
    ),
    "patches-builtins": (
        "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.len = lambda x: 3\n"
        "builtins.all = lambda x: True\ndef solve(x): return [0]"
    ),
    "redefines-builtins": (
        "def abs(x): return 0\ndef len(x): return 3\ndef sorted(x): return [1, 2, 3]\n"
        "def solve(x): return [0]"
    ),
    "redefines-standard-modules": (
        "class math:\n    isclose = staticmethod(lambda *a, **k: True)\ndef solve(x): return [0]"
    ),
    "redefines-check": "def check(candidate): return True\ndef solve(x): return None",
    "patches-unittest": (
        "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n"
        "unittest.TestResult.addFailure = lambda *a: None\ndef solve(x): return None"
    ),
    "patches-excepthook": (
        "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\ndef solve(x): return None"
    ),
    "traces-and-returns-early": (
        "import sys\ndef trace(f, e, a):\n    return trace\nsys.settrace(trace)\n"
        "def solve(x): return None"
    ),
    "reads-frames": (
        "import sys\ndef solve(x):\n    f = sys._getframe()\n    found = []\n"
        "    while f:\n        for v in list(f.f_locals.values()) + list(f.f_code.co_consts):\n"
        "            if isinstance(v, list) and v != x: found.append(v)\n        f = f.f_back\n"
        "    return found[0] if found else None"
    ),
    "reads-garbage": (
        "import gc\ndef solve(x):\n    for o in gc.get_objects():\n"
        "        if isinstance(o, dict) and 'expected' in o: return o['expected']"
    ),
    "reads-own-memory": (
        "def solve(x):\n    import ctypes\n    try:\n        return open('/proc/self/mem').read(1)\n"
        "    except OSError: return None"
    ),
    "searches-files-for-tests": (
        "import os\ndef solve(x):\n    found = []\n    for top in ('/tmp', '/verifier', '/dev/fd'):\n"
        "        for r, d, fs in os.walk(top):\n            found += [os.path.join(r, f) for f in fs]\n"
        "    return [f for f in found if 'expected' in open(f, errors='replace').read()]"
    ),
    "sprays-success-on-all-fds": (
        "import os\nfor fd in range(3, 200):\n"
        '    try: os.write(fd, b\'{"end":"tests-passed","passed":3,"failed":0,"calls":9}\\n\')\n'
        "    except OSError: pass\ndef solve(x): return None"
    ),
    "prints-verdicts": (
        "print('PASS'); print('OK'); print('tests-passed')\ndef solve(x):\n"
        '    print(\'{"end": "tests-passed"}\')\n    return None'
    ),
    "pre-answers": SPEAK
    + (
        "send({'loaded': True})\nfor _ in range(50): send({'ok': {'root': True, 'nodes': []},"
        " 'changed': []})\ndef solve(x): return None"
    ),
    "answers-true-to-everything": SPEAK
    + (
        "send({'loaded': True})\n"
        "while True:\n    f = receive()\n"
        "    send({'ok': {'root': [0] if f['op'] == 'names' else True,"
        " 'nodes': [['d']]}, 'changed': []})\n"
    ),
    "echoes-arguments": SPEAK
    + (
        "send({'loaded': True})\n"
        "while True:\n    f = receive()\n    if f['op'] == 'names':\n"
        "        send({'ok': {'root': [0], 'nodes': [['d']]}, 'changed': []})\n"
        "    elif f['op'] == 'resolve':\n"
        "        send({'ok': {'root': [0], 'nodes': [['h', 1, 'function', 'c', []]]},"
        " 'changed': []})\n"
        "    else:\n        send({'ok': {'root': [-3], 'nodes': []}, 'changed': []})\n"
    ),
    "reports-an-end-itself": SPEAK
    + (
        "send({'end': 'tests-passed', 'passed': 3, 'failed': 0, 'calls': 3})\nsend({'loaded': True})"
    ),
    "claims-frames-of-2-gib": SPEAK
    + ("send({'loaded': True})\nwire.sendall(struct.pack('>I', 2**31) + b'x' * 10)\nreceive()"),
    "sends-deep-json": SPEAK
    + (
        "send({'loaded': True})\nreceive()\nd = b'[' * 200000\n"
        "wire.sendall(struct.pack('>I', len(d)) + d)\nreceive()"
    ),
    "sends-a-tuple-in-itself": SPEAK
    + (
        "send({'loaded': True})\nreceive()\n"
        "send({'ok': {'root': [0], 'nodes': [['t', [0]]]}, 'changed': []})\nreceive()"
    ),
    "sends-forged-builtins": SPEAK
    + (
        "send({'loaded': True})\nreceive()\n"
        "send({'ok': {'root': [0], 'nodes': [['y', 'eval']]}, 'changed': []})\nreceive()"
    ),
    "closes-the-wire": "import os\nos.close(4)\ndef solve(x): return x",
    "calls-back-for-ever": SPEAK
    + (
        "send({'loaded': True})\nreceive()\n"
        "while True:\n    send({'callback': 1, 'op': 'call', 'args': {'root': [0],"
        " 'nodes': [['l', [1], [2]], ['l'], ['d']]}})\n    receive()"
    ),
    "infinite-iterator": (
        "class It:\n    def __iter__(s): return s\n    def __next__(s): return 1\n"
        "def solve(x): return It()"
    ),
    "iterator-instead-of-list": "def solve(x): return iter(sorted(x) + [7])",
    "returns-nothing": "def solve(x): pass",
    "not-defined": "def other(x): return sorted(x)",
    "wrong-type": "def solve(x): return tuple(sorted(x))",
    "closure-over-eq": (
        "import types\ndef solve(x):\n    return types.SimpleNamespace(__eq__=lambda *a: True)"
    ),
    "named-tuple": (
        "import collections\nN = collections.namedtuple('N', 'a b c')\n"
        "def solve(x): return N(1, 2, 3)"
    ),
    "not-implemented": "def solve(x): return NotImplemented",
    "nan": "def solve(x): return [float('nan')] * max(len(x), 1)",
}


@pytest.mark.parametrize("form", [CHECK, CALLS, UNITTEST], ids=["check", "calls", "unittest"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_a_wrong_candidate_is_never_accepted(
    attack: str, form: TestCode | CallCases, verify: Verify
) -> None:
    verdict = await verify(attack, form, wall_seconds=2, cpu_seconds=1)

    assert verdict.outcome is Outcome.REJECTED, verdict
    assert evidence(verdict).channel is VerdictChannel.SEPARATED


SOLVED = "def solve(x): return sorted(x)"


@pytest.mark.parametrize("form", [CHECK, CALLS, UNITTEST], ids=["check", "calls", "unittest"])
async def test_a_right_candidate_is_accepted(form: TestCode | CallCases, verify: Verify) -> None:
    verdict = await verify(SOLVED, form)

    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "tests-passed")


@pytest.mark.parametrize(
    ("attack", "tests"),
    [
        pytest.param(
            LIAR + "class Solution(Liar):\n    def solve(self, x): return self",
            "assert abs(Solution().solve(3) - 9) < 1e-6",
            id="arithmetic-of-a-tested-class",
        ),
        pytest.param(
            LIAR + "class Solution(Liar):\n    def solve(self, x): return self",
            "assert Solution().solve(3) == 9",
            id="equality-of-a-tested-class",
        ),
        pytest.param(
            LIAR + "class Solution(Liar):\n    def solve(self, x): return self",
            "try:\n    assert 9 > Solution().solve(3)\nexcept:\n    pass\nassert Solution()",
            id="hidden-by-a-bare-except",
        ),
    ],
)
async def test_a_tested_class_can_not_vouch_for_itself(
    attack: str, tests: str, verify: Verify
) -> None:
    verdict = await verify(attack, TestCode(source=tests))

    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, "opinion-needed")


@pytest.mark.parametrize(
    ("attack", "tests", "preamble"),
    [
        pytest.param(
            "def poly(xs, x): return 0.0\ndef find_zero(xs): return 0.0",
            "def check(candidate):\n    assert abs(poly([1, 2], candidate([1, 2]))) < 1e-4",
            "def poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n\n"
            "def find_zero(xs):\n    '''Finds a zero.'''\n",
            id="redefines-a-helper-of-the-preamble",
        ),
        pytest.param(
            "class Node:\n    def __init__(s, v): s.v = v\n    def __eq__(s, o): return True\n"
            "def find_zero(v): return Node(0)",
            "def check(candidate):\n    assert candidate(3) == Node(3)",
            "class Node:\n    def __init__(self, v):\n        self.v = v\n"
            "    def __eq__(self, o):\n        return self.v == o.v\n",
            id="redefines-a-class-of-the-preamble",
        ),
        pytest.param(
            "Node.__eq__ = lambda s, o: True\n"
            "def find_zero(v):\n    n = Node(0)\n    n.same = lambda o: True\n    return n",
            "def check(candidate):\n    assert candidate(3).same(Node(3))",
            "class Node:\n    def __init__(self, v):\n        self.v = v\n"
            "    def same(self, o):\n        return self.v == o.v\n",
            id="shadows-a-method-of-the-preamble",
        ),
    ],
)
async def test_what_the_preamble_defines_is_out_of_reach(
    attack: str, tests: str, preamble: str, verify: Verify
) -> None:
    form = TestCode(source=tests, entry_point="find_zero")

    verdict = await verify(attack, form, preamble=preamble)

    assert verdict.outcome is Outcome.REJECTED, verdict


@pytest.mark.parametrize(
    ("attack", "tests"),
    [
        pytest.param(
            "def cases(): return []\ndef solve(x): return None",
            "for x, y in cases():\n    assert solve(x) == y",
            id="no-assertion-reached",
        ),
        pytest.param(
            "def solve(x): raise StopIteration",
            "assert all(map(lambda p: solve(p) == 1, [1, 2]))",
            id="stop-iteration-ends-a-map",
        ),
    ],
)
async def test_tests_that_come_to_nothing_accept_nothing(
    attack: str, tests: str, verify: Verify
) -> None:
    verdict = await verify(attack, TestCode(source=tests))

    assert verdict.outcome is Outcome.REJECTED, verdict


@pytest.mark.parametrize(
    ("tests", "entry_point", "preamble"),
    [
        pytest.param("assert sorted([2, 1]) == [1, 2]", "sorted", "", id="entry-point"),
        pytest.param(
            "assert helper() == 1\nassert sorted([2, 1]) == [1, 2]",
            "sorted",
            "",
            id="beside-a-call",
        ),
        pytest.param(
            "assert helper() == 1\nassert sorted([2, 1]) == [1, 2]",
            "",
            'def sorted(xs):\n    """Sorts."""\n',
            id="stub-of-the-preamble",
        ),
        pytest.param(
            "def check(candidate):\n    assert candidate([2, 1]) == [1, 2]",
            "sorted",
            "",
            id="check",
        ),
    ],
)
async def test_a_builtin_does_not_do_the_candidates_work(
    tests: str, entry_point: str, preamble: str, verify: Verify
) -> None:
    form = TestCode(source=tests, entry_point=entry_point)
    lazy = "def helper(): return 1\n" + ("del sorted\n" if preamble else "")

    verdict = await verify(lazy, form, preamble=preamble)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "missing-name")


async def test_the_tests_builtins_are_not_the_candidates(verify: Verify) -> None:
    attack = "globals()['__builtins__'] = {'abs': int, 'len': int}\ndef solve(x): return 0\n"
    tests = "assert __builtins__ and abs(solve(3) - 9) < 1e-6"

    verdict = await verify(attack, TestCode(source=tests, entry_point="solve"))

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "wrong-answer")


PROGRAM = StdioCases(
    cases=(StdioCase(stdin="3\n", stdout="4\n1 2 3 4\n"), StdioCase(stdin="0\n", stdout="\n1\n")),
)


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("print(4)", id="prefix-only"),
        pytest.param("", id="nothing"),
        pytest.param("print('4\\n1 2 3 4\\n5')", id="trailing-line"),
        pytest.param("print('4\\n1 2 3 4 5')", id="trailing-word"),
        pytest.param("print('4\\n1 2 3 4'); raise SystemExit(1)", id="right-output-wrong-exit"),
        pytest.param("import os; os._exit(0)", id="exits-0"),
        pytest.param(
            "print('4\\n1 2 3 4', flush=True)\nimport os; os.kill(os.getpid(), 9)", id="killed"
        ),
        pytest.param("import sys; sys.stderr.write('4\\n1 2 3 4\\n')", id="on-stderr"),
        pytest.param("print('4\\n1 2 3 4\\n' * 100000)", id="flood"),
        pytest.param(
            "import os\nfor fd in range(3, 130):\n    try: os.write(fd, b'4\\n1 2 3 4\\n')\n"
            "    except OSError: pass",
            id="on-other-fds",
        ),
    ],
)
async def test_a_wrong_program_is_never_accepted(attack: str, verify: Verify) -> None:
    verdict = await verify(attack, PROGRAM)

    assert verdict.outcome is Outcome.REJECTED, verdict


SHARED = TestCode(
    source=(
        "class Doubled(Base):\n    def twice(self): return 2 * self.value()\n"
        "assert Doubled().twice() == 84\n"
    ),
)


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("import os; os._exit(0)", id="exits-0"),
        pytest.param(LIAR + "class Base(Liar):\n    def value(self): return Liar()", id="liar"),
        pytest.param(
            "class N(int):\n    def __rmul__(s, o): return s\n    def __eq__(s, o): return True\n"
            "class Base:\n    def value(self): return N(1)",
            id="lying-int",
        ),
        pytest.param(
            "import builtins\nbuiltins.AssertionError = type('Q', (BaseException,), {})\n"
            "class Base:\n    def value(self): return 1",
            id="patched-error",
        ),
        pytest.param(
            "import os, sys\nsys.excepthook = lambda *a: None\nclass Base:\n"
            "    def value(self):\n        os.write(4, b'passed\\n'); os._exit(0)",
            id="reports-without-the-nonce",
        ),
        pytest.param(
            "import os, sys\n"
            "def steal():\n    f = sys._getframe()\n    while f:\n"
            "        for v in f.f_locals.values():\n"
            "            if isinstance(v, str) and len(v) == 32: return v\n        f = f.f_back\n"
            "class Base:\n    def value(self):\n"
            "        os.write(4, f\"{steal()} passed ''\\n\".encode()); os._exit(0)",
            id="steals-the-nonce",
        ),
    ],
)
async def test_in_a_shared_interpreter_canaries_find_cheats(attack: str, verify: Verify) -> None:
    verdict = await verify(attack, SHARED)

    assert verdict.outcome is Outcome.REJECTED, verdict


async def test_in_a_shared_interpreter_honest_candidates_are_accepted_and_said_to_be(
    verify: Verify,
) -> None:
    verdict = await verify("class Base:\n    def value(self): return 42", SHARED)

    assert verdict.outcome is Outcome.ACCEPTED
    assert evidence(verdict).channel is VerdictChannel.SHARED


async def test_tests_that_evaluate_text_do_not_count_as_separated(verify: Verify) -> None:
    verdict = await verify(
        "def solve(x): return str(2 * x)", TestCode(source="assert eval(solve(2)) == 4")
    )

    assert verdict.outcome is Outcome.ACCEPTED
    assert evidence(verdict).channel is VerdictChannel.SHARED


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("def solve(cmp, xs): return cmp", id="returns-the-callback"),
        pytest.param(
            "def solve(cmp, xs):\n    for _ in range(3): cmp(0, 0)\n    return None",
            id="only-calls-back",
        ),
        pytest.param(
            "def solve(cmp, xs):\n    return cmp.__globals__['expected']", id="reads-its-globals"
        ),
        pytest.param(
            "def solve(cmp, xs):\n    cmp.__code__ = (lambda a, b: 0).__code__\n    return []",
            id="rewrites-it",
        ),
    ],
)
async def test_a_callback_gives_nothing_away(attack: str, verify: Verify) -> None:
    tests = (
        "expected = [1, 2, 3]\n"
        "assert solve(lambda a, b: a - b + 0 * len(expected), [3, 1, 2]) == expected\n"
    )

    verdict = await verify(attack, TestCode(source=tests))

    assert verdict.outcome is Outcome.REJECTED, verdict
