"""Beginning, end and aftermath of runs: what a backend owes whoever uses it, whatever runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from sandboxes.conformance.afterwards import left_in
from sandboxes.conformance.checks import Subject
from sandboxes.conformance.footprint import settled
from sandboxes.conformance.programs import LIMITS, Running, begun, opened, run
from sandboxes.conformance.verdicts import LIMITS as VERDICT_LIMITS
from sandboxes.conformance.verdicts import judged
from sandboxes.isolation.jail import ProcessLimits
from verifier_service.model import Outcome, SandboxLost, TestCode

__all__ = ["Lifecycle", "lifecycle"]

ONE: Final = TestCode(source="assert f() == 1")
RIGHT: Final = "def f(): return 1"
AMPLE: Final = replace(VERDICT_LIMITS, cpu_seconds=10)
MOMENTS: Final = (0.0, 0.001, 0.003, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3)
"""Seconds after which something is ended: before, while and after it begins."""

TREE: Final = """
import os, signal, time
for one in range(1, 65):
    try: signal.signal(one, signal.SIG_IGN)
    except (OSError, ValueError): pass
def wait():
    os.write(1, b"x")
    while True: time.sleep(1000)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: wait()
    wait()
if os.fork() == 0: wait()
wait()
"""
"""Four processes, two of them in a session of their own, that ignore every signal."""
TREE_SIZE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """One check, as a function that says what is wrong."""

    name: str
    layers: tuple[str, ...]
    expected: str
    complaint: Callable[[Subject], Awaitable[str]]

    async def look(self, subject: Subject) -> tuple[bool, str]:
        """Has the function look."""
        complaint = await self.complaint(subject)
        return not complaint, complaint or "so it is"


def lifecycle(*, runs: int = 50) -> tuple[Lifecycle, ...]:
    """All of them.

    Args:
        runs: How many candidates are judged one after another to see whether anything grows.
    """

    async def grows(subject: Subject) -> str:
        return await _growth(subject, runs)

    return (
        *_CHECKS,
        Lifecycle(
            name="lifecycle/nothing-grows",
            layers=("supervisor",),
            expected=f"{runs} verdicts leave descriptors, processes and memory as they were",
            complaint=grows,
        ),
    )


# Ends -------------------------------------------------------------------------------------------


async def _whole_tree_is_killed(subject: Subject) -> str:
    async with opened(subject.backend) as jail:
        async with begun(jail, TREE) as running:
            if not await running.said(TREE_SIZE):
                return "the tree did not begin"
            running.kill()
            ran = await running.ended()
        if not ran.let_go:
            return "processes of it are left"
        return "; ".join(await left_in(jail))


async def _what_outlives_its_parent_is_ended(subject: Subject) -> str:
    async with opened(subject.backend) as jail:
        leaves = TREE.replace("\nwait()\n", "\nimport sys; time.sleep(0.2); sys.exit(7)\n")
        ran = await run(jail, leaves)
        if (ran.exit.code, ran.let_go) != (7, True):
            return f"ended with {ran.exit}, and its children {'' if ran.let_go else 'not '}too"
        return "; ".join(await left_in(jail))


async def _closed_at_any_moment(subject: Subject) -> str:
    before = await settled()
    for seconds in MOMENTS:
        jail = subject.backend.open("sandboxes.python_tests.jailed.program")
        running = await Running.begin(jail, TREE, LIMITS)
        await asyncio.sleep(seconds)
        await jail.close()
        await jail.close()
        try:
            await running.ended()
        except SandboxLost:
            pass
        else:
            return f"after {seconds} s, a run that had not ended did not say that it was lost"
        if not await running.let_go():
            return f"closed after {seconds} s, it left processes"
        await running.close()
    return (await settled(before)).more_than(before)


async def _cancelled_at_any_moment(subject: Subject) -> str:
    async def cancel_all() -> str:
        for seconds in MOMENTS:
            source = f"import time\ndef f(): time.sleep(1000)\n# {seconds}"
            if complaint := await _cancelled_after(subject, source, seconds, at_once=1):
                return complaint
        return ""

    return await _comes_to_rest(subject, cancel_all)


async def _many_at_once_are_cancelled(subject: Subject) -> str:
    async def cancel_all() -> str:
        source = "import os, time\ndef f():\n    os.fork()\n    time.sleep(1000)"
        return await _cancelled_after(subject, source, 0.2, at_once=6)

    return await _comes_to_rest(subject, cancel_all)


async def _cancelled_after(subject: Subject, source: str, seconds: float, *, at_once: int) -> str:
    tasks = [asyncio.ensure_future(judged(subject.executor, source, ONE)) for _ in range(at_once)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    on = [task for task in tasks if not task.cancelled()]
    return f"cancelled after {seconds} s, it went on to {on[0]}" if on else ""


async def _comes_to_rest(subject: Subject, work: Callable[[], Awaitable[str]]) -> str:
    """Does it until there is no more of anything than the time before: a leak never rests.

    Jails that are kept for later are none, and are there after the first time or two.
    """
    before = None
    more = ""
    for _ in range(6):
        if complaint := await work():
            return complaint
        verdict = await judged(subject.executor, RIGHT, ONE, limits=AMPLE)
        if verdict.outcome is not Outcome.ACCEPTED:
            return f"then a right candidate is {verdict.outcome.name} {verdict.reason}"
        now = await settled()
        if before is not None and not (more := now.more_than(before)):
            return ""
        before = now
    return f"each time, {more}"


# Reports ----------------------------------------------------------------------------------------


async def _exits_are_the_kernels_word(subject: Subject) -> str:
    busy = (
        "import time\nheld = bytearray(100 << 20)\nend = time.process_time() + 0.2\n"
        "while time.process_time() < end: pass\n"
    )
    async with opened(subject.backend) as jail:
        left = await run(jail, busy + "import os; os._exit(7)")
        died = await run(jail, "import os; os.kill(os.getpid(), 6)")
        over = await run(jail, "while True: pass", limits=replace(LIMITS, cpu_seconds=0.3))
    seen = left.exit
    if (seen.code, seen.signal, seen.begun) != (7, None, True):
        return f"exit code 7 is told as {seen}"
    if seen.cpu_seconds < 0.2 or seen.peak_memory_bytes < 100 << 20:
        return f"0.2 s of CPU and 100 MiB are told as {seen}"
    if died.exit.signal != 6:
        return f"signal 6 is told as {died.exit}"
    return "" if over.exit.limit == "cpu-time" else f"its CPU limit is told as {over.exit}"


async def _limits_are_hard(subject: Subject) -> str:
    asked = ProcessLimits(
        cpu_seconds=3, memory_bytes=300 << 20, processes=11, file_bytes=5 << 20, open_files=37
    )
    tell = (
        "import json\nfrom resource import *\nprint(json.dumps([getrlimit(which) for which in"
        " (RLIMIT_AS, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_CORE)]))"
    )
    count = (
        "import os, signal, time\nstarted = []\ntry:\n    while True:\n        pid = os.fork()\n"
        "        if pid == 0: time.sleep(60)\n        started.append(pid)\n"
        "except OSError: print(len(started))\n"
    )
    async with opened(subject.backend) as jail:
        told = await run(jail, tell, limits=asked)
        counted = await run(jail, count, limits=asked)
    wanted = [[300 << 20] * 2, [5 << 20] * 2, [37] * 2, [0] * 2]
    if json.loads(told.output) != wanted:
        return f"{wanted} are in force as {told.said}"
    # Itself counts as well, and so may a process of the jail's own.
    return "" if 9 <= int(counted.output) <= 11 else f"of 11 processes, it started {counted.said}"


async def _runs_follow_each_other(subject: Subject) -> str:
    async with opened(subject.backend) as jail:
        for number in range(8):
            ran = await run(jail, f"print({number}); raise SystemExit({number})")
            if (ran.exit.code, ran.said) != (number, str(number)):
                return f"run {number} said {ran.said} and ended with {ran.exit}"
    return ""


async def _answers_repeat(subject: Subject) -> str:
    source = "print(hash('x'), list({'a', 'b', 'c'}), sum(map(hash, 'abc')))"
    said = set()
    for _ in range(2):
        async with opened(subject.backend) as jail:
            said |= {(await run(jail, source)).said for _ in range(2)}
    return "" if len(said) == 1 else f"the same program said {sorted(said)}"


COUNTERS: Final = """
import gc, json, os, sys
def counters():
    seen = {"pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0)}
    def note(name, value):
        if type(value) is int and abs(value) < 1 << 31: seen[name] = value
    def inside(name, space):
        for key, value in list(space.items()):
            note(f"{name}.{key}", value)
            if type(value) is dict:
                for inner, x in list(value.items()): note(f"{name}.{key}.{inner}", x)
    for one in gc.get_objects():
        if type(one).__module__.startswith("sandboxes.isolation"):
            inside(type(one).__name__, getattr(one, "__dict__", {}))
    frame = sys._getframe(1)
    while frame:
        inside(frame.f_code.co_name, frame.f_locals)
        frame = frame.f_back
    return seen
print(json.dumps(counters()))
"""


async def _runs_do_not_tell_their_number(subject: Subject) -> str:
    """Who knows which run this is knows which one counts, where some are canaries."""
    async with opened(subject.backend) as jail:
        said = [json.loads((await run(jail, COUNTERS)).output) for _ in range(4)]
    if not all("session" in one for one in said):
        return f"it can't be told: {said}"
    # The first run may be one that was made ready while the jail was, and so unlike the others.
    telling = [name for name in said[1] if len({one.get(name) for one in said[1:]}) == 3]
    return "; ".join(f"{name} is {[one.get(name) for one in said]}" for name in telling)


# Neighbours -------------------------------------------------------------------------------------


async def _neighbours_have_their_own_limits(subject: Subject) -> str:
    crowd = (
        "import os, time\nfor _ in range(12):\n    if os.fork() == 0: time.sleep(60); os._exit(0)\n"
        "open('/tmp/crowd', 'w').write('x')\nos.write(1, b'x')\ntime.sleep(60)"
    )
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            jail = await stack.enter_async_context(opened(subject.backend))
            running = await stack.enter_async_context(begun(jail, crowd))
            if not await running.said(1):
                return f"a neighbour of as many did not begin: {(await running.ended()).said}"
        async with opened(subject.backend) as jail:
            return "; ".join(await left_in(jail))


async def _a_busy_machine_changes_no_verdict(subject: Subject) -> str:
    burn = "import os\nfor _ in range(3): os.fork()\nwhile True: pass"
    limits = replace(VERDICT_LIMITS, cpu_seconds=0.5)
    candidates = {
        RIGHT: "tests-passed",
        "def f(): return 2": "wrong-answer",
        "def f():\n    while True: pass": "cpu-time-exceeded",
    }
    async with (
        opened(subject.backend) as jail,
        begun(jail, burn, limits=replace(LIMITS, cpu_seconds=120)),
    ):
        for source, reason in candidates.items():
            verdict = await judged(subject.executor, source, ONE, limits=limits)
            if verdict.reason != reason:
                return f"{verdict.outcome.name} {verdict.reason} instead of {reason}"
    return ""


# Growth -----------------------------------------------------------------------------------------

ROUND: Final = (
    (RIGHT, "tests-passed"),
    ("def f(): return 2", "wrong-answer"),
    ("import os\ndef f():\n    os.fork()\n    os._exit(0)", "ended-early"),
    ("def f(): return bytearray(3 << 30)", "memory-exceeded"),
    (
        "import os\ndef f():\n    open('/tmp/x', 'w').write('x' * 10**6)\n    return 1",
        "tests-passed",
    ),
)
WARM_UP: Final = 20
GROWTH_BYTES: Final = 24 * 1024**2
"""What a process may grow by in all, for allocators to settle; a leak goes beyond it in time."""


async def _growth(subject: Subject, runs: int) -> str:
    before = None
    for number in range(WARM_UP + runs):
        if number == WARM_UP:
            before = await settled()
        source, reason = ROUND[number % len(ROUND)]
        verdict = await judged(subject.executor, f"{source}\n# {number}", ONE, limits=AMPLE)
        if verdict.reason != reason:
            return f"verdict {number}: {verdict.reason} instead of {reason}: {verdict.summary}"
    assert before is not None
    after = await settled(before)
    grown = after.memory_bytes - before.memory_bytes
    if grown > GROWTH_BYTES:
        return f"{grown >> 20} MiB more after {runs} verdicts"
    return after.more_than(before)


def _check(
    short: str, complaint: Callable[[Subject], Awaitable[str]], expected: str, *layers: str
) -> Lifecycle:
    return Lifecycle(
        name=f"lifecycle/{short}", layers=layers, expected=expected, complaint=complaint
    )


_CHECKS: Final = (
    _check(
        "a-whole-tree-is-killed",
        _whole_tree_is_killed,
        "daemons that ignore every signal end with the run",
        "pid-namespace",
    ),
    _check(
        "what-outlives-its-parent-is-ended",
        _what_outlives_its_parent_is_ended,
        "the run ends with its first process, and everything else with it",
        "pid-namespace",
    ),
    _check(
        "closed-at-any-moment",
        _closed_at_any_moment,
        "a run whose jail is closed is lost, and leaves nothing",
        "supervisor",
    ),
    _check(
        "cancelled-at-any-moment",
        _cancelled_at_any_moment,
        "a verdict that is cancelled leaves nothing, and the next one is right",
        "supervisor",
    ),
    _check(
        "many-at-once-are-cancelled",
        _many_at_once_are_cancelled,
        "verdicts that are cancelled together leave nothing",
        "supervisor",
    ),
    _check(
        "exits-are-the-kernels-word",
        _exits_are_the_kernels_word,
        "exit code, signal, limit, CPU time and memory are told as they were",
        "supervisor",
    ),
    _check(
        "limits-are-hard",
        _limits_are_hard,
        "the limits that were asked for are in force and can't be raised",
        "memory-per-process",
        "process-count",
    ),
    _check(
        "runs-follow-each-other",
        _runs_follow_each_other,
        "each run has its own output and exit code",
        "supervisor",
    ),
    _check(
        "answers-repeat",
        _answers_repeat,
        "hashes and the order of sets are the same in every run",
        "supervisor",
    ),
    _check(
        "runs-do-not-tell-their-number",
        _runs_do_not_tell_their_number,
        "nothing that a run can see counts the runs",
        "supervisor",
    ),
    _check(
        "neighbours-have-their-own-limits",
        _neighbours_have_their_own_limits,
        "what runs in other jails takes nothing from this one, and is not seen",
        "pid-namespace",
    ),
    _check(
        "a-busy-machine-changes-no-verdict",
        _a_busy_machine_changes_no_verdict,
        "verdicts beside eight busy processes are those of an idle machine",
        "supervisor",
    ),
)
