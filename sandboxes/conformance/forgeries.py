"""The forgery corpus: candidates that want to be accepted undeserved, as data.

Every candidate here is wrong on every test that it is put to, but for the honest ones, without
which a verifier that accepts nothing would look unforgeable. `python -m sandboxes.conformance`
puts the corpus to this service's executors, to a running server, or to another verifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from verifier_service.model import (
    CallCase,
    CallCases,
    Comparison,
    Outcome,
    PythonTests,
    StdioCase,
    StdioCases,
    TestCode,
    TestForm,
)

__all__ = ["ATTACKS", "FORGERIES", "FORMS", "LIAR", "SPEAK", "Forgery", "forgeries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """One candidate, the tests that it is put to, and the right verdict."""

    name: str
    """"check/sys-exit-0-at-import": what it attacks, and how."""
    source: str
    tests: PythonTests
    outcome: Outcome = Outcome.REJECTED
    reason: str = ""
    """Where it is the point; see docs/reasons.md. Empty: any of the outcome."""
    channel_is_shared: bool = False
    """Whether its tests, of themselves, run where the candidate could reach them."""


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
        "def solve(x):\n    import ctypes\n"
        "    try:\n        return open('/proc/self/mem').read(1)\n"
        "    except OSError: return None"
    ),
    "searches-files-for-tests": (
        "import os\ndef solve(x):\n    found = []\n"
        "    for top in ('/tmp', '/verifier', '/dev/fd'):\n"
        "        for r, d, fs in os.walk(top):\n"
        "            found += [os.path.join(r, f) for f in fs]\n"
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
        "send({'end': 'tests-passed', 'passed': 3, 'failed': 0, 'calls': 3})\n"
        "send({'loaded': True})"
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

FORMS: Final[dict[str, TestForm]] = {"check": CHECK, "calls": CALLS, "unittest": UNITTEST}
"""The same problem, to sort a list, in each form in which one function is tested."""

PROGRAM: Final = StdioCases(
    cases=(StdioCase(stdin="3\n", stdout="4\n1 2 3 4\n"), StdioCase(stdin="0\n", stdout="\n1\n")),
)
PROGRAM_ATTACKS: Final = {
    "prefix-only": "print(4)",
    "nothing": "",
    "trailing-line": "print('4\\n1 2 3 4\\n5')",
    "trailing-word": "print('4\\n1 2 3 4 5')",
    "right-output-wrong-exit": "print('4\\n1 2 3 4'); raise SystemExit(1)",
    "exits-0": "import os; os._exit(0)",
    "killed": "print('4\\n1 2 3 4', flush=True)\nimport os; os.kill(os.getpid(), 9)",
    "on-stderr": "import sys; sys.stderr.write('4\\n1 2 3 4\\n')",
    "flood": "print('4\\n1 2 3 4\\n' * 100000)",
    "on-other-fds": (
        "import os\nfor fd in range(3, 130):\n    try: os.write(fd, b'4\\n1 2 3 4\\n')\n"
        "    except OSError: pass"
    ),
}

SHARED: Final = TestCode(
    source=(
        "class Doubled(Base):\n    def twice(self): return 2 * self.value()\n"
        "assert Doubled().twice() == 84\n"
    ),
)
SHARED_ATTACKS: Final = {
    "exits-0": "import os; os._exit(0)",
    "liar": LIAR + "class Base(Liar):\n    def value(self): return Liar()",
    "lying-int": (
        "class N(int):\n    def __rmul__(s, o): return s\n    def __eq__(s, o): return True\n"
        "class Base:\n    def value(self): return N(1)"
    ),
    "patched-error": (
        "import builtins\nbuiltins.AssertionError = type('Q', (BaseException,), {})\n"
        "class Base:\n    def value(self): return 1"
    ),
    "reports-without-the-nonce": (
        "import os, sys\nsys.excepthook = lambda *a: None\nclass Base:\n"
        "    def value(self):\n        os.write(4, b'passed\\n'); os._exit(0)"
    ),
    "steals-the-nonce": (
        "import os, sys\n"
        "def steal():\n    f = sys._getframe()\n    while f:\n"
        "        for v in f.f_locals.values():\n"
        "            if isinstance(v, str) and len(v) == 32: return v\n        f = f.f_back\n"
        "class Base:\n    def value(self):\n"
        "        os.write(4, f\"{steal()} passed ''\\n\".encode()); os._exit(0)"
    ),
}

CALLBACK: Final = TestCode(
    source=(
        "expected = [1, 2, 3]\n"
        "assert solve(lambda a, b: a - b + 0 * len(expected), [3, 1, 2]) == expected\n"
    )
)
CALLBACK_ATTACKS: Final = {
    "returns-the-callback": "def solve(cmp, xs): return cmp",
    "only-calls-back": "def solve(cmp, xs):\n    for _ in range(3): cmp(0, 0)\n    return None",
    "reads-its-globals": "def solve(cmp, xs):\n    return cmp.__globals__['expected']",
    "rewrites-it": (
        "def solve(cmp, xs):\n    cmp.__code__ = (lambda a, b: 0).__code__\n    return []"
    ),
}

_SELF_MADE: Final = LIAR + "class Solution(Liar):\n    def solve(self, x): return self"
TESTED_CLASSES: Final = {
    "arithmetic": "assert abs(Solution().solve(3) - 9) < 1e-6",
    "equality": "assert Solution().solve(3) == 9",
    "hidden-by-a-bare-except": (
        "try:\n    assert 9 > Solution().solve(3)\nexcept:\n    pass\nassert Solution()"
    ),
}

_PREAMBLE: Final = (
    "class Node:\n    def __init__(self, v):\n        self.v = v\n"
    "    def __eq__(self, o):\n        return self.v == o.v\n"
    "    def same(self, o):\n        return self.v == o.v\n"
)
PREAMBLES: Final = {
    "redefines-a-helper": (
        "def poly(xs, x): return 0.0\ndef find_zero(xs): return 0.0",
        "def check(candidate):\n    assert abs(poly([1, 2], candidate([1, 2]))) < 1e-4",
        (
            "def poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n\n"
            "def find_zero(xs):\n    '''Finds a zero.'''\n"
        ),
    ),
    "redefines-a-class": (
        (
            "class Node:\n    def __init__(s, v): s.v = v\n    def __eq__(s, o): return True\n"
            "def find_zero(v): return Node(0)"
        ),
        "def check(candidate):\n    assert candidate(3) == Node(3)",
        _PREAMBLE,
    ),
    "shadows-a-method": (
        (
            "Node.__eq__ = lambda s, o: True\n"
            "def find_zero(v):\n    n = Node(0)\n    n.same = lambda o: True\n    return n"
        ),
        "def check(candidate):\n    assert candidate(3).same(Node(3))",
        _PREAMBLE,
    ),
}

NOTHING_TESTED: Final = {
    "no-assertion-reached": (
        "def cases(): return []\ndef solve(x): return None",
        "for x, y in cases():\n    assert solve(x) == y",
    ),
    "stop-iteration-ends-a-map": (
        "def solve(x): raise StopIteration",
        "assert all(map(lambda p: solve(p) == 1, [1, 2]))",
    ),
}

BUILTINS: Final = {
    "entry-point": ("assert sorted([2, 1]) == [1, 2]", "sorted", ""),
    "beside-a-call": ("assert helper() == 1\nassert sorted([2, 1]) == [1, 2]", "sorted", ""),
    "stub-of-the-preamble": (
        "assert helper() == 1\nassert sorted([2, 1]) == [1, 2]",
        "",
        'def sorted(xs):\n    """Sorts."""\n',
    ),
    "check": ("def check(candidate):\n    assert candidate([2, 1]) == [1, 2]", "sorted", ""),
}

HONEST: Final = {
    **{name: ("def solve(x): return sorted(x)", form) for name, form in FORMS.items()},
    "program": (
        "n = int(input())\nprint('4\\n1 2 3 4' if n else '\\n1')",
        PROGRAM,
    ),
    "callback": (
        "import functools\ndef solve(cmp, xs): return sorted(xs, key=functools.cmp_to_key(cmp))",
        CALLBACK,
    ),
    "shared": ("class Base:\n    def value(self): return 42", SHARED),
}


def forgeries() -> Iterator[Forgery]:
    """All of them, those of one kind together."""
    for name, (source, form) in HONEST.items():
        yield Forgery(
            name=f"honest/{name}",
            source=source,
            tests=PythonTests(form=form),
            outcome=Outcome.ACCEPTED,
            reason="tests-passed",
            channel_is_shared=name == "shared",
        )
    for kind, form in FORMS.items():
        for name, source in ATTACKS.items():
            yield Forgery(name=f"{kind}/{name}", source=source, tests=PythonTests(form=form))
    for kind, attacks, form in (
        ("program", PROGRAM_ATTACKS, PROGRAM),
        ("callback", CALLBACK_ATTACKS, CALLBACK),
        ("shared", SHARED_ATTACKS, SHARED),
    ):
        for name, source in attacks.items():
            yield Forgery(
                name=f"{kind}/{name}",
                source=source,
                tests=PythonTests(form=form),
                channel_is_shared=kind == "shared",
            )
    for name, test in TESTED_CLASSES.items():
        yield Forgery(
            name=f"tested-class/{name}",
            source=_SELF_MADE,
            tests=PythonTests(form=TestCode(source=test)),
            outcome=Outcome.INCONCLUSIVE,
            reason="opinion-needed",
        )
    for name, (source, test, preamble) in PREAMBLES.items():
        form = TestCode(source=test, entry_point="find_zero")
        tests = PythonTests(form=form, preamble=preamble)
        yield Forgery(name=f"preamble/{name}", source=source, tests=tests)
    for name, (source, test) in NOTHING_TESTED.items():
        tests = PythonTests(form=TestCode(source=test))
        yield Forgery(name=f"nothing-tested/{name}", source=source, tests=tests)
    yield from _builtins()


def _builtins() -> Iterator[Forgery]:
    for name, (test, entry_point, preamble) in BUILTINS.items():
        form = TestCode(source=test, entry_point=entry_point)
        yield Forgery(
            name=f"builtin/{name}",
            source="def helper(): return 1\n" + ("del sorted\n" if preamble else ""),
            tests=PythonTests(form=form, preamble=preamble),
            reason="missing-name",
        )
    yield Forgery(
        name="builtin/those-of-the-tests",
        source="globals()['__builtins__'] = {'abs': int, 'len': int}\ndef solve(x): return 0\n",
        tests=PythonTests(
            form=TestCode(
                source="assert __builtins__ and abs(solve(3) - 9) < 1e-6", entry_point="solve"
            )
        ),
        reason="wrong-answer",
        channel_is_shared=True,
    )


FORGERIES: Final = {forgery.name: forgery for forgery in forgeries()}
"""By name."""
