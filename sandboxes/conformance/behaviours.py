"""Hostile and odd behaviours of candidates, each with its right verdict and what stops it.

Each one is judged by the executor, and then run once more in a jail of its own, as a program: when
it is gone, nothing may hold its output any more, and the next candidate in the same jail must find
no trace of it. A verdict alone would only prove that the service survived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from sandboxes.conformance.afterwards import left_in
from sandboxes.conformance.checks import Subject
from sandboxes.conformance.forgeries import LIAR, SPEAK
from sandboxes.conformance.programs import PROGRAM, Ran, run
from sandboxes.conformance.verdicts import LIMITS, judged
from sandboxes.isolation.watch import limits_of
from verifier_service.model import Outcome, StdioCase, StdioCases, TestCode, TestForm

__all__ = ["BEHAVIOURS", "Behaviour"]

ONE: Final = TestCode(source="assert f() == 1")
RIGHT: Final = "tests-passed"
SPARE_BYTES: Final = 96 * 1024**2
"""What a Python and its first process take beside the candidate's own, generously."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One candidate and what must become of it."""

    short: str
    source: str
    """Defines `f`, which should return 1."""
    reasons: frozenset[str]
    """The right ones, by their names in docs/reasons.md."""
    layers: tuple[str, ...]
    form: TestForm = ONE
    outcome: Outcome = Outcome.REJECTED
    limits: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Limits that differ from the usual ones."""
    memory_is_bounded: bool = False
    """Whether its processes together may never be seen with more than their limit."""
    heirs: str = ""
    """A candidate that is judged next, and accepted unless the first one left it something."""
    seconds: float = 0.2
    """How long it may go on when it is run as a program."""

    @property
    def name(self) -> str:
        """Group and name."""
        return f"behaviours/{self.short}"

    @property
    def expected(self) -> str:
        """Verdict and what is to be seen afterwards."""
        return f"{self.outcome.name} {' or '.join(sorted(self.reasons))}, no trace"

    async def look(self, subject: Subject) -> tuple[bool, str]:
        """Judges it, then runs it as a program and looks for what is left."""
        enough = {"cpu_seconds": 10.0} if self.outcome is Outcome.ACCEPTED else {}
        limits = replace(LIMITS, **{**enough, **self.limits})  # type: ignore[arg-type]
        verdict = await judged(subject.executor, self.source, self.form, limits=limits)
        told = f"{verdict.outcome.name} {verdict.reason}"
        if verdict.outcome is not self.outcome or verdict.reason not in self.reasons:
            return False, f"{told}: {verdict.summary}"
        if self.heirs:
            next_one = await judged(subject.executor, self.heirs, ONE, limits=limits)
            if next_one.outcome is not Outcome.ACCEPTED:
                return False, f"{told}, and then the next candidate: {next_one.summary}"
        if traces := await self._traces(subject, limits.memory_bytes):
            return False, f"{told}, and it left {'; '.join(traces)}"
        return True, told

    async def _traces(self, subject: Subject, memory_bytes: int) -> list[str]:
        limits = limits_of(replace(LIMITS, memory_bytes=memory_bytes, cpu_seconds=2))
        program = self.source
        if not isinstance(self.form, StdioCases):
            program += "\nprint(repr(f())[:100])\n"
        async with subject.jails.lease(PROGRAM) as jail:
            ran = await run(jail, program, limits=limits, kill_after_seconds=self.seconds)
            return [*self._excess(ran, memory_bytes), *await left_in(jail)]

    def _excess(self, ran: Ran, memory_bytes: int) -> list[str]:
        found = [] if ran.let_go else ["processes that hold its output"]
        if self.memory_is_bounded and ran.peak_bytes > memory_bytes + SPARE_BYTES:
            found.append(f"{ran.peak_bytes >> 20} MiB in use")
        return found


def _one(
    short: str,
    source: str,
    reasons: str,
    *layers: str,
    outcome: Outcome = Outcome.REJECTED,
    form: TestForm = ONE,
    limits: Mapping[str, float] = MappingProxyType({}),
    **more: object,
) -> Behaviour:
    return Behaviour(
        short=short,
        source=source,
        reasons=frozenset(reasons.split()),
        layers=layers,
        outcome=Outcome.ACCEPTED if reasons == RIGHT else outcome,
        form=form,
        limits=limits,
        **more,  # type: ignore[arg-type]
    )


_FILL: Final = "import os, signal, sys, threading, time\n"
_SMALL: Final = MappingProxyType({"memory_bytes": 256 << 20, "cpu_seconds": 20.0})
_SHORT: Final = MappingProxyType({"wall_seconds": 1.0})

TIME: Final = (
    _one("endless-loop", "def f():\n    while True: pass", "cpu-time-exceeded", "cpu-time"),
    _one("endless-loop-at-import", "while True: pass", "cpu-time-exceeded", "cpu-time"),
    _one(
        "regular-expression-in-c",
        "import re\ndef f(): re.match('(a*)*b', 'a' * 40)",
        "cpu-time-exceeded",
        "cpu-time",
    ),
    _one("power-tower-in-c", "def f(): return 9 ** 9 ** 9", "cpu-time-exceeded", "cpu-time"),
    _one(
        "sleeps",
        "import time\ndef f(): time.sleep(1e6)",
        "wall-time-exceeded",
        "wall-time",
        limits=_SHORT,
    ),
    _one(
        "ignores-every-signal",
        _FILL + "for one in range(1, 65):\n    try: signal.signal(one, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "def f():\n    while True: time.sleep(9)",
        "wall-time-exceeded",
        "wall-time",
        limits=_SHORT,
    ),
    _one(
        "disarms-timers",
        _FILL + "def f():\n    for one in range(3): signal.setitimer(one, 0)\n"
        "    signal.signal(signal.SIGXCPU, lambda *a: None)\n"
        "    signal.signal(signal.SIGALRM, lambda *a: None)\n    while True: pass",
        "cpu-time-exceeded",
        "cpu-time",
    ),
    _one(
        "swallows-every-exception",
        "def f():\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        "cpu-time-exceeded",
        "cpu-time",
    ),
    _one(
        "works-in-a-daemon",
        _FILL + "def f():\n    for _ in range(4):\n        if os.fork() == 0:\n"
        "            os.setsid()\n            while True: pass\n    time.sleep(1e6)",
        "cpu-time-exceeded wall-time-exceeded",
        "cpu-time",
        limits=MappingProxyType({"wall_seconds": 3.0}),
    ),
    _one(
        "stops-itself",
        _FILL + "def f(): os.kill(os.getpid(), signal.SIGSTOP)",
        "wall-time-exceeded ended-early crashed",
        "wall-time",
        limits=_SHORT,
    ),
)

PROCESSES: Final = (
    _one(
        "fork-bomb",
        "import os\ndef f():\n    while True: os.fork()",
        "exception-raised cpu-time-exceeded ended-early",
        "process-count",
    ),
    _one(
        "fork-bomb-that-does-not-give-up",
        _FILL + "def f():\n    while True:\n        try: os.fork()\n        except OSError: pass",
        "cpu-time-exceeded",
        "process-count",
        limits=MappingProxyType({"wall_seconds": 5.0}),
    ),
    _one(
        "thread-bomb",
        _FILL + "def f():\n    for _ in range(3000):\n"
        "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "exception-raised",
        "process-count",
    ),
    _one(
        "zombies-by-the-thousand",
        _FILL + "def f():\n    for _ in range(5000):\n        if os.fork() == 0: os._exit(0)",
        "exception-raised",
        "process-count",
    ),
    _one(
        "daemon-by-double-fork",
        _FILL + "def f():\n    if os.fork() == 0:\n        os.setsid()\n"
        "        if os.fork() == 0: time.sleep(60)\n        os._exit(0)\n"
        "    os.wait()\n    return 1",
        RIGHT,
        "pid-namespace",
        seconds=5.0,
    ),
    _one(
        "leaves-no-room-for-processes",
        _FILL + "def f():\n    try:\n        while True:\n"
        "            if os.fork() == 0: time.sleep(60)\n"
        "    except OSError: return 1",
        RIGHT,
        "pid-namespace",
        heirs="import os\ndef f():\n    for _ in range(8):\n"
        "        if os.fork() == 0: os._exit(0)\n"
        "        os.wait()\n    return 1",
        seconds=5.0,
    ),
    _one(
        "holds-its-output-open",
        "import os, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n"
        "print(input())",
        RIGHT,
        "pid-namespace",
        "supervisor",
        form=StdioCases(cases=(StdioCase(stdin="x", stdout="x"),) * 2),
        seconds=5.0,
    ),
    _one(
        "threads-that-go-on",
        _FILL + "def burn():\n    while True: time.sleep(0.01)\n"
        "def f():\n    threading.Thread(target=burn).start()\n    return 1",
        RIGHT,
        "supervisor",
    ),
    _one(
        "kills-everybody-and-answers",
        _FILL + "def f():\n    for pid in (-1, *range(1, 400)):\n        if pid != os.getpid():\n"
        "            try: os.kill(pid, signal.SIGKILL)\n            except OSError: pass\n"
        "    return 1",
        RIGHT,
        "pid-namespace",
        "separate-user",
    ),
    _one(
        "kills-its-own-group",
        _FILL + "def f(): os.killpg(0, signal.SIGKILL)",
        "crashed",
        "pid-namespace",
        "separate-user",
    ),
    _one(
        "outlives-its-first-process",
        _FILL + "def f():\n    if os.fork() != 0: os._exit(0)\n    os.setsid()\n"
        "    time.sleep(1)\n    return 1",
        "ended-early",
        "supervisor",
    ),
)

MEMORY: Final = (
    _one(
        "memory-of-one-process",
        "def f(): return bytearray(3 << 30)",
        "memory-exceeded",
        "memory-per-process",
        memory_is_bounded=True,
    ),
    _one(
        "memory-bit-by-bit",
        "def f():\n    held = []\n    while True: held.append(bytearray(1 << 20))",
        "memory-exceeded",
        "memory-per-process",
        limits=_SMALL,
        memory_is_bounded=True,
        seconds=5.0,
    ),
    _one(
        "memory-of-many-processes",
        _FILL + "def f():\n    for _ in range(12):\n        if os.fork() == 0:\n"
        "            held = bytearray(100 << 20)\n            time.sleep(60)\n    time.sleep(60)",
        "memory-exceeded",
        "memory-sampled",
        "memory-exact",
        limits=_SMALL,
    ),
    _one(
        "memory-that-is-shared",
        _FILL + "import mmap\ndef f():\n    for _ in range(4):\n        if os.fork() == 0:\n"
        "            held = mmap.mmap(-1, 100 << 20)\n"
        "            for at in range(0, 100 << 20, 4096): held[at] = 1\n"
        "            time.sleep(60)\n    time.sleep(60)",
        "memory-exceeded",
        "memory-sampled",
        "memory-exact",
        limits=_SMALL,
    ),
    _one(
        "memory-in-files",
        _FILL + "def f():\n    held = [bytearray(100 << 20)]\n"
        "    try:\n        for i in range(99): open(f'/tmp/{i}', 'wb').write(bytes(1 << 20))\n"
        "    except OSError: pass\n"
        "    if os.fork() == 0: held.append(bytearray(100 << 20))\n    time.sleep(60)",
        "memory-exceeded",
        "memory-sampled",
        "memory-exact",
        limits=_SMALL,
    ),
    _one(
        "files-without-content",
        "import os\ndef f():\n    for i in range(10**7): os.mknod(f'/tmp/{i}')",
        "memory-exceeded exception-raised",
        "private-tmp",
        "memory-sampled",
        limits=_SMALL,
    ),
    _one(
        "out-of-memory-and-copes",
        "def f():\n    try: bytearray(3 << 30)\n    except MemoryError: return 1",
        RIGHT,
        "memory-per-process",
    ),
    _one(
        "recursion-without-end",
        "import sys\nsys.setrecursionlimit(10**7)\ndef f(): return f()",
        "crashed memory-exceeded cpu-time-exceeded",
        "supervisor",
    ),
    _one(
        "stack-of-c",
        "import ctypes\ndef f(): ctypes.string_at(0)",
        "crashed",
        "supervisor",
    ),
    _one("aborts", "import os\ndef f(): os.abort()", "crashed", "supervisor"),
)

TEXTS: Final = (
    _one(
        "brackets-by-the-thousand",
        "def f(): return 1\nx = " + "(" * 100_000 + ")" * 100_000,
        "syntax-error memory-exceeded load-error",
        "memory-per-process",
        "cpu-time",
    ),
    _one(
        "constants-that-fold",
        "def f(): return 1\nx = ('a' * 2**12) * 2**30",
        "memory-exceeded load-error cpu-time-exceeded",
        "memory-per-process",
    ),
    _one(
        "nested-blocks",
        "".join(f"{' ' * n}if 1:\n" for n in range(150)) + " " * 150 + "pass",
        "syntax-error",
        "supervisor",
    ),
    _one("a-nul-in-the-text", "def f(): return 1\n\0", "syntax-error", "supervisor"),
    _one("lone-surrogates", "def f(): return '\ud800'", "wrong-answer syntax-error", "supervisor"),
    _one("nothing-at-all", "", "missing-name", "separated-tests"),
    _one("imports-what-is-not-there", "import no_such_module", "load-error", "mount-namespace"),
    _one("wants-packages-of-the-host", "import hypothesis", "load-error", "mount-namespace"),
)

OUTPUT: Final = (
    _one(
        "floods-its-output",
        "import os\ndef f():\n    while True: os.write(1, bytes(1 << 20))",
        "output-exceeded cpu-time-exceeded",
        "output-size",
    ),
    _one(
        "floods-its-errors-as-a-program",
        "import os\nwhile True: os.write(2, bytes(1 << 20))",
        "output-exceeded",
        "output-size",
        form=StdioCases(cases=(StdioCase(stdin="", stdout="1"),)),
    ),
    _one(
        "honest-150-kib",
        "def f():\n    print('x' * 150 * 1024)\n    return 1",
        RIGHT,
        "supervisor",
        seconds=5.0,
    ),
    _one(
        "honest-10-mib",
        "import sys\ndef f():\n    for _ in range(160):\n        print('x' * 65535)\n"
        "        print('y' * 65535, file=sys.stderr)\n    return 1",
        RIGHT,
        "supervisor",
        seconds=5.0,
    ),
    _one(
        "honest-10-mib-as-a-program",
        "print('x' * 10 * 1024 * 1024)",
        RIGHT,
        "supervisor",
        form=StdioCases(cases=(StdioCase(stdin="", stdout="x" * 10 * 1024 * 1024),)),
        seconds=5.0,
    ),
    _one(
        "output-that-is-no-text",
        "import os, sys\ndef f():\n    os.write(1, bytes(range(256)))\n    print('\\ud800\\0é')\n"
        "    print('\\udc80', file=sys.stderr)\n    return 1",
        RIGHT,
        "supervisor",
    ),
    _one(
        "answers-that-are-no-text",
        "def f(): return '\\ud800\\0', b'\\xff', float('inf')",
        RIGHT,
        "separated-tests",
        form=TestCode(source="assert f() == ('\\ud800\\0', b'\\xff', float('inf'))"),
    ),
    _one(
        "a-pipe-that-blocks",
        "import os, threading\ndef f():\n    r, w = os.pipe()\n    os.write(w, bytes(1 << 20))",
        "wall-time-exceeded",
        "wall-time",
        limits=_SHORT,
    ),
    _one("reads-its-input", "def f(): return input()", "exception-raised", "supervisor"),
    _one(
        "closes-everything",
        "import os\nos.closerange(0, 1024)\ndef f(): return 1",
        "ended-early crashed",
        "separated-tests",
    ),
)

FILES: Final = (
    _one(
        "a-large-file",
        "def f():\n    with open('/tmp/x', 'wb') as x:\n        for _ in range(99):"
        " x.write(bytes(1 << 20))",
        "exception-raised",
        "file-size",
    ),
    _one(
        "a-sparse-file",
        "def f():\n    with open('/tmp/x', 'wb') as x: x.truncate(1 << 40)",
        "exception-raised crashed",
        "file-size",
    ),
    _one(
        "a-full-disk",
        "def f():\n    for i in range(99): open(f'/tmp/{i}', 'wb').write(bytes(1 << 20))",
        "exception-raised",
        "private-tmp",
    ),
    _one(
        "links-out-of-the-jail",
        "import os\ndef f():\n    os.symlink('/etc/passwd', '/tmp/x')\n"
        "    os.symlink('/proc/1/root', '/tmp/y')\n    os.mkfifo('/tmp/z')\n"
        "    return 1 - sum(map(os.path.exists, ('/tmp/x', '/tmp/y')))",
        RIGHT,
        "mount-namespace",
        "private-tmp",
    ),
    _one(
        "folders-without-end",
        "import os\ndef f():\n    for _ in range(3000): os.mkdir('d'); os.chdir('d')\n    return 1",
        RIGHT,
        "private-tmp",
    ),
    _one(
        "leaves-files-for-the-next",
        "import os\ndef f():\n    open('/tmp/json.py', 'w').write('x')\n    return 1",
        RIGHT,
        "private-tmp",
        heirs="import os\ndef f(): return 1 if not os.listdir('/tmp') else os.listdir('/tmp')",
    ),
    _one(
        "leaves-a-lock",
        _FILL + "import fcntl\ndef f():\n"
        "    if os.fork() == 0:\n"
        "        held = os.open(os.__file__, os.O_RDONLY)\n"
        "        fcntl.flock(held, fcntl.LOCK_EX)\n"
        "        time.sleep(60)\n    time.sleep(0.2)\n    return 1",
        RIGHT,
        "pid-namespace",
        heirs="import fcntl, os\ndef f():\n    fcntl.flock(os.open(os.__file__, os.O_RDONLY),"
        " fcntl.LOCK_EX | fcntl.LOCK_NB)\n    return 1",
    ),
    _one(
        "poisons-the-interpreter",
        "import builtins, gc, os, sys\nbuiltins.__poisoned__ = os.__poisoned__ = 1\n"
        "os.environ['X'] = 'x'\nsys.setrecursionlimit(5000)\n"
        "sys.modules['__poisoned__'] = os\nsys.path.insert(0, '/tmp')\ngc.disable()\n"
        "def f(): return 1",
        RIGHT,
        "supervisor",
        heirs="import builtins, os, sys\ndef f():\n"
        "    traces = [hasattr(builtins, '__poisoned__'), hasattr(os, '__poisoned__'),"
        " 'X' in os.environ, '__poisoned__' in sys.modules, '/tmp' in sys.path,"
        " sys.getrecursionlimit() == 5000]\n"
        "    return 1 if not any(traces) else traces",
    ),
)

VERDICTS: Final = (
    _one("leaves-at-import", "import sys; sys.exit(0)", "ended-early", "separated-tests"),
    _one("leaves-in-a-call", "def f(): raise SystemExit(0)", "ended-early", "separated-tests"),
    _one("leaves-at-once", "import os\ndef f(): os._exit(0)", "ended-early", "separated-tests"),
    _one(
        "leaves-by-c",
        "import ctypes\ndef f(): ctypes.CDLL(None)._exit(0)",
        "ended-early",
        "separated-tests",
    ),
    _one(
        "works-at-exit",
        "import atexit, os, sys\nsys.excepthook = lambda *a: os._exit(0)\n"
        "class D:\n    def __del__(self): os._exit(0)\n"
        "atexit.register(os._exit, 0)\ndef f(): D(); return 0",
        "ended-early wrong-answer",
        "separated-tests",
    ),
    _one(
        "patches-what-judges",
        "import builtins, json, unittest\nbuiltins.AssertionError = OSError\n"
        "builtins.isinstance = lambda *a: True\njson.loads = lambda *a: 1\n"
        "unittest.TestCase.assertEqual = lambda *a: None\ndef f(): return 0",
        "wrong-answer exception-raised protocol-violation ended-early",
        "separated-tests",
    ),
    _one("always-equal", LIAR + "def f(): return Liar()", "wrong-answer", "separated-tests"),
    _one(
        "reads-the-tests-from-frames",
        "import sys\nword = bytes([97, 115, 115, 101, 114, 116]).decode()\n"
        "def f():\n    frame = sys._getframe()\n    while frame:\n"
        "        for constant in frame.f_code.co_consts:\n"
        "            if word in str(constant): return 1\n        frame = frame.f_back\n"
        "    return 0",
        "wrong-answer",
        "separated-tests",
    ),
    _one(
        "reads-the-tests-from-memory",
        "import gc\ndef f():\n    for o in gc.get_objects():\n"
        "        if isinstance(o, dict) and 'assert f' in str(o.get('test')): return 1\n"
        "    return 0",
        "wrong-answer",
        "separated-tests",
    ),
    _one(
        "reads-the-tests-from-descriptors",
        "import os\ndef f():\n    for fd in range(0, 256):\n"
        "        try:\n            if b'assert' in os.pread(fd, 4096, 0): return 1\n"
        "        except OSError: pass\n    return 0",
        "wrong-answer",
        "separated-tests",
    ),
    _one(
        "writes-a-verdict-everywhere",
        "import os\nfor fd in range(0, 256):\n"
        '    try: os.write(fd, b\'{"end": "tests-passed", "passed": 1}\\n\')\n'
        "    except OSError: pass\ndef f(): return 0",
        "wrong-answer protocol-violation ended-early wall-time-exceeded",
        "separated-tests",
        limits=_SHORT,
    ),
    _one(
        "answers-before-it-is-asked",
        SPEAK + "send({'loaded': True})\nfor _ in range(9):\n"
        "    send({'ok': {'root': True, 'nodes': []}, 'changed': []})\ndef f(): return 0",
        "wrong-answer protocol-violation ended-early missing-name",
        "separated-tests",
    ),
    _one(
        "attaches-descriptors-to-its-answer",
        SPEAK + "import os, socket as s\ndef attach(data):\n"
        "    s.send_fds(wire, [data], [0, 1, 2] * 20)\n"
        "send({'loaded': True})\nwhile True:\n    asked = receive()\n"
        "    if asked['op'] == 'names':\n        answer = {'ok': {'root': [0], 'nodes':"
        " [['d', 'f', [1]], ['h', 1, 'function', 'c', []]]}, 'changed': []}\n"
        "    else: answer = {'ok': {'root': 2, 'nodes': []}, 'changed': []}\n"
        "    data = json.dumps(answer).encode()\n"
        "    attach(struct.pack('>I', len(data)) + data)\n",
        "wrong-answer protocol-violation",
        "separated-tests",
    ),
    _one(
        "an-answer-too-deep",
        "def f():\n    x = []\n    for _ in range(100_000): x = [x]\n    return x",
        "wrong-answer result-too-large exception-raised",
        "separated-tests",
        limits=MappingProxyType({"cpu_seconds": 5.0}),
    ),
    _one(
        "an-answer-too-large",
        "def f(): return 'x' * (40 << 20)",
        "result-too-large memory-exceeded",
        "separated-tests",
    ),
    _one(
        "an-answer-that-is-code",
        "class B:\n    def __reduce__(self): return (open, ('/tmp/x', 'w'))\ndef f(): return B()",
        "wrong-answer",
        "separated-tests",
    ),
    _one(
        "traces-its-callers",
        "import sys\ndef jump(frame, event, arg):\n    return jump\nsys.settrace(jump)\n"
        "sys.setprofile(lambda *a: None)\ndef f(): return 0",
        "wrong-answer",
        "separated-tests",
    ),
    _one(
        "knows-the-answers-by-heart",
        "def f(): return 1",
        RIGHT,
        "policy",
    ),
)

BEHAVIOURS: Final = (*TIME, *PROCESSES, *MEMORY, *TEXTS, *OUTPUT, *FILES, *VERDICTS)
"""All of them."""
