"""Attacks on the verifier itself: hostile frames, exhaustion, and ways to be judged less strictly.

Every candidate here is wrong. None may be accepted, and none may get away with an error of ours or
with INCONCLUSIVE where it deserves REJECTED.
"""

from __future__ import annotations

import pytest

from sandboxes.conformance.forgeries import SPEAK
from tests.python_tests.conftest import Verify, evidence
from verifier_service.model import Outcome, StdioCase, StdioCases, TestCode, VerdictChannel

SQUARES = TestCode(source="assert abs(solve(3) - 9) < 1e-6\nassert solve(4) == 16\n")
CHECK = TestCode(
    source="def check(candidate):\n    assert candidate(3) == 9\n", entry_point="solve"
)
UNITTEST = TestCode(
    source=(
        "import unittest\nclass SolveTest(unittest.TestCase):\n"
        "    def test_it(self):\n        assert solve(3) == 9\n"
    )
)


def answering(answer: str, *, names: str = "'solve', [1]") -> str:
    """A candidate that speaks the wire's language itself, with one answer to every call.

    `names` is what it says that the names of the tests mean: 1 is a function, 2 another object.
    """
    return (
        f"{SPEAK}\nsend({{'loaded': True}})\n"
        "function, thing = ['h', 1, 'function', 'c', []], ['h', 2, 'x', 'c', []]\n"
        "while True:\n    asked = receive()\n    if asked['op'] == 'names':\n"
        f"        send({{'ok': {{'root': [0], 'nodes': [['d', {names}], function, thing]}},"
        " 'changed': []})\n"
        "    elif asked['op'] == 'resolve':\n"
        "        send({'ok': {'root': [0], 'nodes': [function]}, 'changed': []})\n"
        f"    else:\n        send({answer})\n"
    )


def node(text: str) -> str:
    """An answer of one node, its parts after it."""
    return answering(f"{{'ok': {{'root': [0], 'nodes': [{text}]}}, 'changed': []}}")


def saying(frame: str) -> str:
    """A candidate that answers the first question, about names, with this frame."""
    return f"{SPEAK}\nsend({{'loaded': True}})\nreceive()\nsend({frame})\nreceive()\nreceive()\n"


@pytest.mark.parametrize(
    ("attack", "form"),
    [
        pytest.param(
            answering(
                "{'ok': {'root': 0, 'nodes': []}, 'changed': []}",
                names="'solve', [1], 'abs', [2]",
            ),
            TestCode(source="assert abs(solve(3) - 9) < 1e-6"),
            id="names-a-builtin-that-nobody-asked-for",
        ),
        pytest.param(
            answering(
                "{'ok': {'root': [0], 'nodes': [thing]}, 'changed': []}",
                names="'solve', [1], '__verifier__', [2]",
            ),
            UNITTEST,
            id="names-the-hook-of-assertions",
        ),
        pytest.param(
            answering(
                "{'ok': {'root': 0, 'nodes': []}, 'changed': []}",
                names="'solve', [1], '__builtins__', [3]], ['d', 'abs', [1]",
            ),
            SQUARES,
            id="names-the-builtins-themselves",
        ),
    ],
)
async def test_names_that_nobody_asked_for_mean_nothing(
    attack: str, form: TestCode, verify: Verify
) -> None:
    verdict = await verify(attack, form)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "protocol-violation")


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("class Q(BaseException): pass\ndef solve(x): raise Q", id="base-exception"),
        pytest.param(
            "def solve(x): raise BaseExceptionGroup('x', [KeyboardInterrupt()])",
            id="base-exception-group",
        ),
        pytest.param("import asyncio\ndef solve(x): raise asyncio.CancelledError", id="cancelled"),
        pytest.param("def solve(x): raise MemoryError", id="memory-error"),
        pytest.param("def solve(x): raise UnicodeDecodeError('x', b'', 0, 1, 'y')", id="unicode"),
        pytest.param(
            f"{SPEAK}\nsend({{'load_error': {{'type': 'X', 'lines': [1], 'message': []}}}})",
            id="load-error-with-odd-lines",
        ),
        pytest.param(
            f"{SPEAK}\nsend({{'load_error': {{'type': 'SyntaxError', 'syntax': [1]}}}})",
            id="syntax-error-without-a-column",
        ),
        pytest.param(
            f"{SPEAK}\nsend({{'load_error': {{'type': 'SyntaxError', 'syntax': [1, 2**70, 0, 0]}}}})",
            id="syntax-error-in-a-column-beyond-the-earth",
        ),
        pytest.param(
            saying("{'raise': {'type': 'a\\0', 'mro': [], 'args': None}, 'nodes': []}"),
            id="exception-type-with-nul",
        ),
        pytest.param(
            saying("{'raise': {'type': 'a', 'mro': [], 'lines': [1]}, 'nodes': []}"),
            id="exception-with-odd-lines",
        ),
        pytest.param(saying("{'refused': 'x'}"), id="refuses-to-say-its-names"),
        pytest.param(saying("{'callback': 1, 'args': []}"), id="calls-back-with-nothing"),
        pytest.param("class X: pass\nsolve = X()", id="not-callable"),
        pytest.param("solve = 5", id="a-number"),
    ],
)
@pytest.mark.parametrize("form", [SQUARES, CHECK], ids=["asserts", "check"])
async def test_odd_answers_are_rejected_not_errors(
    attack: str, form: TestCode, verify: Verify
) -> None:
    verdict = await verify(attack, form)

    assert verdict.outcome is Outcome.REJECTED, verdict
    assert evidence(verdict).channel is VerdictChannel.SEPARATED


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(
            node(
                "['s', *[[i + 1] for i in range(60_000)]],"
                " *[['I', hex((i << 64) - (i << 3))] for i in range(60_000)]"
            ),
            id="colliding-keys",
        ),
        pytest.param(
            node("['f', [60]], *[['t', [i + 2], [i + 2]] for i in range(59)], ['t']"),
            id="pairs-of-pairs",
        ),
        pytest.param(
            node("['x', 'fractions.Fraction', '1' + '3' * 6_000_000, '1' + '7' * 6_000_000]"),
            id="fraction-to-be-reduced",
        ),
        pytest.param(
            node(
                "['l', *[[i + 1] for i in range(200_000)]],"
                " *[['n', f'T{i}', []] for i in range(200_000)]"
            ),
            id="a-class-for-each-item",
        ),
        pytest.param(
            node(
                "['l', *[[i + 1] for i in range(200_000)]],"
                " *[['h', i, 'x', 'te', [f'E{i}']] for i in range(200_000)]"
            ),
            id="an-exception-type-for-each-item",
        ),
        pytest.param(node("['x', 'decimal.Decimal', '1e999999999']"), id="decimal-of-a-gigabyte"),
    ],
)
async def test_answers_that_exhaust_the_tests_are_rejected(attack: str, verify: Verify) -> None:
    tests = TestCode(source="assert f'{solve(3):.2f}' == '9.00'")

    verdict = await verify(attack, tests)

    assert verdict.outcome is Outcome.REJECTED, verdict


async def test_slices_of_an_answer_do_not_ask_for_a_shared_interpreter(verify: Verify) -> None:
    attack = "class X:\n    def __getitem__(self, key): return [1]\ndef solve(x): return X()"

    verdict = await verify(attack, TestCode(source="assert solve(3)[:1] == [9]"))

    assert verdict.outcome is Outcome.REJECTED
    assert evidence(verdict).channel is VerdictChannel.SEPARATED


async def test_calling_back_without_end_is_the_candidates_time(verify: Verify) -> None:
    attack = (
        f"{SPEAK}\nsend({{'loaded': True}})\nreceive()\n"
        "send({'ok': {'root': [0], 'nodes': [['d', 'solve', [1]], ['h', 1, 'f', 'c', []]]}})\n"
        "number = next(n[1] for n in receive()['args']['nodes'] if n[0] == 'k')\n"
        "nodes = [['l', [1], [2]], ['l', 5], ['d']]\n"
        "data = json.dumps({'callback': number, 'args': {'root': [0], 'nodes': nodes}}).encode()\n"
        "data = (struct.pack('>I', len(data)) + data) * 50\n"
        "while True:\n    wire.sendall(data)\n    left = 50 * 20\n"
        "    while left > 0: left -= len(wire.recv(65536))\n"
    )

    verdict = await verify(attack, TestCode(source="assert solve(lambda x: x) == 1"))

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "cpu-time-exceeded")


async def test_an_answer_too_large_to_hand_back_is_rejected(verify: Verify) -> None:
    attack = answering("{'ok': {'root': '\\xe9' * 7_000_000, 'nodes': []}, 'changed': []}").replace(
        "json.dumps(frame)", "json.dumps(frame, ensure_ascii=False)"
    )

    verdict = await verify(attack, TestCode(source="assert solve(solve('x')) == 'x'"))

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "result-too-large")


@pytest.mark.parametrize(
    ("preamble", "source", "tests"),
    [
        pytest.param(
            "import enum\nclass Color(enum.Enum):\n    RED = 1\n    BLUE = 2\n",
            "def f(x): return Color.BLUE if x is Color.RED else Color.RED",
            "assert f(Color.RED) is Color.BLUE and f(Color.BLUE).name == 'RED'",
            id="enum-of-the-preamble",
        ),
        pytest.param(
            "from fractions import Fraction\n",
            "def f(x): return Fraction(10**5000, 3)",
            "assert f(1) == Fraction(10**5000, 3)",
            id="fraction-with-more-digits-than-python-prints",
        ),
        pytest.param(
            "",
            "def f(x): return range(10**5000)",
            "assert f(1) == range(10**5000)",
            id="range-with-more-digits-than-python-prints",
        ),
        pytest.param(
            "",
            "from concurrent.futures import ThreadPoolExecutor\ndef f(g):\n"
            "    with ThreadPoolExecutor(4) as pool: return list(pool.map(g, range(200)))",
            "assert f(lambda x: x * x) == [x * x for x in range(200)]",
            id="callbacks-from-several-threads",
        ),
        pytest.param(
            "",
            "class Text:\n    def __init__(self, s): self.s = s\n"
            "    def __getitem__(self, key): return self.s[key]\ndef f(s): return Text(s)",
            "assert f('abcdef')[1:4] == 'bcd' and f('abc')[::-1] == 'cba'",
            id="slices-of-an-object",
        ),
        pytest.param(
            "",
            "import collections\ndef f(x): return collections.Counter('aab'),"
            " collections.OrderedDict([(2, 1), (1, 2)])",
            "c, o = f(1)\nassert c['a'] == 2 and c.most_common(1) == [('a', 2)]\n"
            "assert list(o) == [2, 1] and o.popitem() == (1, 2)",
            id="counter-and-ordered-dict",
        ),
    ],
)
async def test_honest_candidates_are_not_mistaken_for_attackers(
    preamble: str, source: str, tests: str, verify: Verify
) -> None:
    verdict = await verify(source, TestCode(source=tests), preamble=preamble)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary
    assert evidence(verdict).channel is VerdictChannel.SEPARATED


HOGS = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
try: os.nice(19)
except OSError: pass
def solve(x):
    while True:
        try: child = os.fork()
        except OSError: child = 1
        if child == 0:
            end = time.time() + 0.2
            while time.time() < end: pass
            os._exit(0)
        os.sched_yield()
"""


async def test_a_candidate_that_keeps_itself_waiting_is_not_owed_the_time(verify: Verify) -> None:
    verdict = await verify(HOGS, SQUARES, wall_seconds=2, cpu_seconds=2)

    assert verdict.outcome is Outcome.REJECTED, verdict
    assert verdict.provenance.usage.wall_seconds < 15


async def test_memory_that_processes_share_counts(verify: Verify) -> None:
    attack = (
        "import mmap, os, time\ndef solve(x):\n    for _ in range(8):\n        if os.fork() == 0:\n"
        "            shared = mmap.mmap(-1, 200 << 20)\n"
        "            for at in range(0, 200 << 20, 4096): shared[at] = 1\n"
        "            time.sleep(60)\n    time.sleep(60)"
    )

    verdict = await verify(attack, SQUARES, memory_bytes=1 << 30)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "memory-exceeded")


async def test_memory_that_is_shared_counts_once(verify: Verify) -> None:
    source = (
        "import mmap, os, time\nshared = mmap.mmap(-1, 100 << 20)\n"
        "for at in range(0, 100 << 20, 4096): shared[at] = 1\n"
        "def solve(x):\n    for _ in range(5):\n        if os.fork() == 0:\n"
        "            for at in range(0, 100 << 20, 4096): shared[at] = 2\n"
        "            time.sleep(1.5)\n            os._exit(0)\n"
        "    time.sleep(1.0)\n    return x * x"
    )

    verdict = await verify(source, SQUARES, memory_bytes=400 << 20)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


@pytest.mark.parametrize("stream", [1, 2])
async def test_a_program_that_floods_is_ended(stream: int, verify: Verify) -> None:
    attack = f"import os\nwhile True: os.write({stream}, bytes(1 << 20))"

    verdict = await verify(attack, StdioCases(cases=(StdioCase(stdin="", stdout="1"),)))

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "output-exceeded")


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param("open(f'/tmp/{len(seen)}', 'w')", id="file"),
        pytest.param("os.mkdir(f'/tmp/{len(seen)}')", id="folder"),
        pytest.param("os.symlink('x', f'/tmp/{len(seen)}')", id="link"),
    ],
)
async def test_a_case_finds_nothing_of_the_one_before(trace: str, verify: Verify) -> None:
    source = f"import os\nseen = os.listdir('/tmp')\n{trace}\nprint(len(seen))"

    verdict = await verify(source, StdioCases(cases=(StdioCase(stdin="", stdout="0"),) * 3))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


STOLEN = """
import os, sys
def local(name):
    frame = sys._getframe()
    while frame:
        held = [frame.f_locals, *(v for v in frame.f_locals.values() if isinstance(v, dict))]
        for space in held:
            if isinstance(space.get(name), str): return space[name]
        frame = frame.f_back
class Base:
    def value(self):
        if FIRST:
            os.write(4, f"{local('nonce')} passed ''\\n".encode())
            os._exit(0)
        return 1
"""


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("local('canary') == 'none'", id="by-the-name-of-the-canary"),
        pytest.param(
            "not os.path.exists('/tmp/run') and not open('/tmp/run', 'w').close()",
            id="by-a-file-of-the-run-before",
        ),
    ],
)
async def test_a_forger_can_not_tell_the_run_that_counts(first: str, verify: Verify) -> None:
    tests = (
        "class Doubled(Base):\n    def twice(self): return 2 * self.value()\n"
        "assert Doubled().twice() == 84\n"
    )

    verdict = await verify(STOLEN.replace("FIRST", first), TestCode(source=tests))

    assert verdict.outcome is Outcome.REJECTED, verdict


async def test_the_wire_tells_nothing_of_the_hosts_network(verify: Verify) -> None:
    source = (
        "import array, fcntl, struct\ndef solve(x):\n    room = array.array('B', bytes(4096))\n"
        "    asked = struct.pack('iL', 4096, room.buffer_info()[0])\n"
        "    try: return struct.unpack('iL', fcntl.ioctl(4, 0x8912, asked))[0]\n"
        "    except OSError: return 'unreachable'"
    )

    verdict = await verify(source, TestCode(source="assert solve(1) == 'unreachable'"))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_limits_of_the_jails_first_process_are_out_of_reach(verify: Verify) -> None:
    source = (
        "import ctypes\nlibc = ctypes.CDLL(None)\nnone = (ctypes.c_ulong * 2)(0, 0)\n"
        "def solve(x): return [libc.prlimit(1, which, none, None) for which in (0, 1, 6, 7)]"
    )

    verdict = await verify(source, TestCode(source="assert solve(1) == [-1] * 4"))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_files_without_content_are_counted(verify: Verify) -> None:
    attack = "import os\ndef solve(x):\n    for i in range(10**7): os.mknod(f'/tmp/{i}')"

    verdict = await verify(attack, SQUARES, memory_bytes=256 << 20, cpu_seconds=20, wall_seconds=30)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "exception-raised")
    assert "No space left" in verdict.summary


@pytest.mark.parametrize(
    "error",
    [
        pytest.param("Error = BaseException", id="everything"),
        pytest.param("Error = Exception", id="every-exception"),
        pytest.param("Error = AssertionError", id="the-tests-own"),
        pytest.param("class Error(Exception): pass", id="its-own-class"),
    ],
)
@pytest.mark.parametrize("raises", [False, True], ids=["returns", "raises"])
async def test_an_error_class_does_not_catch_failed_assertions(
    error: str, raises: bool, verify: Verify
) -> None:
    source = (
        f"{error}\ndef solve(x):\n    if x < 0 and {raises}: raise Error('no')\n    return x * x"
    )
    tests = (
        "assert solve(3) == 9\ntry:\n    solve(-1)\n    assert False, 'was to raise'\n"
        "except Error as error:\n    assert str(error) == 'no'\n"
    )

    verdict = await verify(source, TestCode(source=tests))

    assert verdict.outcome is (Outcome.ACCEPTED if raises else Outcome.REJECTED), verdict


async def test_calls_in_each_other_end_as_they_do_in_python(verify: Verify) -> None:
    source = "def solve(g, n):\n    try: return g(n)\n    except RecursionError: return 'too deep'"
    tests = (
        "def again(n): return 0 if n == 0 else solve(again, n - 1)\n"
        "assert solve(again, 50) == 0 and solve(again, 10**6) == 'too deep'\n"
    )

    verdict = await verify(source, TestCode(source=tests))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


@pytest.mark.parametrize(
    "tests",
    [
        pytest.param("import builtins\nassert builtins.eval(solve(4)) == 16", id="attribute"),
        pytest.param("from builtins import eval as e\nassert e(solve(4)) == 16", id="alias"),
        pytest.param("import timeit\nassert timeit.timeit(solve(4), number=1) >= 0", id="timeit"),
    ],
)
async def test_tests_that_run_text_under_another_name_do_not_count_as_separated(
    tests: str, verify: Verify
) -> None:
    verdict = await verify("def solve(x): return str(x * x)", TestCode(source=tests))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary
    assert evidence(verdict).channel is VerdictChannel.SHARED
