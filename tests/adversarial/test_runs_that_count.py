"""In a shared interpreter: forgers that look for what tells the run that counts from its canaries.

Each steals the nonce and reports success in the run that it takes for the one that counts, and is
merely wrong in the others. Whatever numbers runs, or lasts longer than one, tells them. That a
forger may guess is in the nature of canaries.
"""

from __future__ import annotations

import pytest

from sandboxes.conformance import Subject
from sandboxes.conformance.verdicts import judged
from verifier_service.model import Outcome, TestCode

TESTS = TestCode(
    source="class Doubled(Base):\n    def twice(self): return 2 * self.value()\n"
    "assert Doubled().twice() == 84\n"
)
FORGER = """
import gc, os, socket, sys, time
def frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back
def local(name):
    for frame in frames():
        for space in (frame.f_locals, *(v for v in frame.f_locals.values() if type(v) is dict)):
            if name in space: return space[name]
def ours():
    for one in gc.get_objects():
        if type(one).__module__.startswith("sandboxes"): yield from vars(one).values()
class Base:
    def value(self):
        if COUNTS:
            os.write(4, f"{local('nonce')} passed ''\\n".encode())
            os._exit(0)
        return 1
"""
SIGNS = {
    "name-of-the-canary": "local('canary') == 'none'",
    "number-of-the-run": "(local('command') or {}).get('id', 99) < 10",
    "greeting-of-the-first-run": "any(type(v) is bytes and b'ready' in v for v in ours())",
    "process-before-it": "all(type(f.f_locals.get('_')) is not int for f in frames())",
    "number-of-its-process": "os.getpid() in (1, 2)",
    "a-file": "not os.path.exists('/tmp/run') and not open('/tmp/run', 'w').close()",
    "time-of-a-device": (
        "time.time() - os.stat('/dev/null').st_mtime > 3 and not os.utime('/dev/null')"
    ),
    "age-of-its-folder": "time.time() - os.stat('/tmp').st_ctime < 1e-3",
    "lock-on-the-library": (
        "not __import__('fcntl').flock(os.open(os.__file__, os.O_RDONLY), 6) and os.fork() == 0"
        " and os.setsid() == 0"
    ),
    "nothing-at-all": "True",
}


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS.keys())
async def test_a_forger_can_not_tell_the_run_that_counts(sign: str, subject: Subject) -> None:
    for _ in range(2):  # also with what it may have left the first time
        verdict = await judged(subject.executor, FORGER.replace("COUNTS", sign), TESTS)

        assert verdict.outcome is Outcome.REJECTED, verdict
