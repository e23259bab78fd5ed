"""Kills processes of the sandbox from outside, at any moment: no verdict may be lost or changed.

Everything below this process is a target, but for candidates that already run their own code: that
one of those was killed can't be told from its having killed itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandboxes.conformance.checks import Subject, Unseen
from sandboxes.conformance.footprint import settled
from sandboxes.conformance.verdicts import judged
from sandboxes.isolation.host_processes import descendants
from verifier_service.model import SandboxLost, TestCode

__all__ = ["CHAOS", "EachRole", "Storm", "Victim", "victims"]

ONE: Final = TestCode(source="assert f() == 1")
CANDIDATES: Final = (
    ("def f(): return 1", "tests-passed"),
    ("def f(): return 2", "wrong-answer"),
    ("import time\ntime.sleep(0.05)\ndef f(): return 1", "tests-passed"),
    ("import os\ndef f(): os._exit(0)", "ended-early"),
    ("def f(): raise KeyError", "exception-raised"),
)
_PROCESSES_OF_A_FEW_JAILS: Final = 24
"""Of jails that may be kept for later; what leaves some behind at each kill leaves far more."""
_BEGIN_FD: Final = "127"
"""Open in the process of a run until right before the candidate's own code; see `begin.py`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A process of the sandbox."""

    pid: int
    role: str
    """"spawner", "keeper" (bubblewrap's own), "zygote", "cell" (its first process) or "run"."""


def victims(subject: Subject) -> list[Victim]:
    """All processes of the sandbox below this one that can be seen."""
    own_depth = len(_pids(os.getpid()))
    found = []
    for pid in set(descendants(os.getpid())) - subject.others:
        pids = _pids(pid)
        depth = len(pids) - own_depth
        if pids and depth >= 0:
            found.append(Victim(pid=pid, role=_role(pid, depth, pids[-1])))
    return found


def _role(pid: int, depth: int, innermost: int) -> str:
    if depth == 0:
        with contextlib.suppress(OSError):
            if b"spawner" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return "spawner"
        return "keeper"
    if innermost != 1:
        return "run"
    return "zygote" if depth == 1 else "cell"


def _pids(pid: int) -> list[int]:
    """Its pid in each pid namespace that it is in, the outermost first (`NSpid`)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("NSpid:"):
                return [int(number) for number in line.split()[1:]]
    return []


def strike(victim: Victim) -> bool:
    """Kills it, unless it is a run that has begun, or may have; returns whether it did."""
    with contextlib.suppress(OSError):
        if victim.role != "run":
            os.kill(victim.pid, signal.SIGKILL)
            return True
        os.kill(victim.pid, signal.SIGSTOP)  # so that it can't begin while we look
        if _has_not_begun(victim.pid):
            os.kill(victim.pid, signal.SIGKILL)
            return True
        os.kill(victim.pid, signal.SIGCONT)
    return False


def _has_not_begun(pid: int) -> bool:
    """Whether it still waits for an order; a candidate's standard output is a pipe from then on."""
    try:
        folder = f"/proc/{pid}/fd"
        opened = {name: os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}
    except OSError:
        return False
    return _BEGIN_FD in opened or "pipe" not in opened.get("1", "")


async def _insistently(
    subject: Subject, source: str, attempts: int, pause_seconds: float = 0.0
) -> str:
    """The reason of a verdict, asked for again when the sandbox was lost."""
    for attempt in range(1, attempts + 1):
        try:
            return (await judged(subject.executor, source, ONE)).reason
        except SandboxLost:
            if attempt == attempts:
                raise
            await asyncio.sleep(pause_seconds)
    raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True, kw_only=True)
class EachRole:
    """Kills one process of each kind, while nothing runs and while something does."""

    name: str = "chaos/one-of-each"
    layers: tuple[str, ...] = ("supervisor",)
    expected: str = "after one kill, the same verdict, at the second attempt at the latest"

    async def look(self, subject: Subject) -> tuple[bool, str]:
        """Kills and judges."""
        await judged(subject.executor, "def f(): return 1", ONE)
        await settled()
        roles = sorted({victim.role for victim in victims(subject)})
        struck: Counter[str] = Counter()
        for role in roles:
            for busy in (False, True):
                await settled()
                try:
                    complaint = await self._strike_once(subject, role, busy, struck)
                except SandboxLost as error:
                    complaint = f"the second attempt failed as well: {error}"
                if complaint:
                    when = "during a run" if busy else "between runs"
                    return False, f"a {role} was killed {when}: {complaint}"
        if not struck:
            raise Unseen("no process of the sandbox is below this one")
        return True, "killed " + ", ".join(f"{n} {role}" for role, n in struck.items())

    async def _strike_once(
        self, subject: Subject, role: str, busy: bool, struck: Counter[str]
    ) -> str:
        async with asyncio.TaskGroup() as tasks:
            if busy:
                slow = f"import time\ndef f():\n    time.sleep(0.3)\n    return 1\n# {role}"
                beside = tasks.create_task(_insistently(subject, slow, attempts=2))
                await asyncio.sleep(0.1)
            struck[role] += any(
                strike(victim) for victim in victims(subject) if victim.role == role
            )
            for source, right in CANDIDATES:
                if (told := await _insistently(subject, source, attempts=2)) != right:
                    return f"{told} instead of {right}"
        return "" if not busy or beside.result() == "tests-passed" else beside.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Kills processes of random kinds, milliseconds apart, while candidates are judged."""

    verdicts: int = 60
    kills: int = 30
    at_once: int = 3
    pause_seconds: float = 0.05
    name: str = "chaos/a-storm"
    layers: tuple[str, ...] = ("supervisor",)

    @property
    def expected(self) -> str:
        """What must be seen."""
        return f"{self.verdicts} verdicts as on a quiet day, and nothing left behind"

    async def look(self, subject: Subject) -> tuple[bool, str]:
        """Kills and judges."""
        await asyncio.gather(*(self._worker(subject, 0) for _ in range(self.at_once)))
        before = await settled()
        struck: Counter[str] = Counter()
        killing = asyncio.create_task(self._kill(subject, struck))
        try:
            each = self.verdicts // self.at_once
            wrong = await asyncio.gather(
                *(self._worker(subject, each) for _ in range(self.at_once))
            )
        finally:
            killing.cancel()
            await asyncio.wait([killing])
        if not struck:
            raise Unseen("no process of the sandbox is below this one")
        if complaints := [one for some in wrong for one in some]:
            return False, "; ".join(complaints[:5])
        await asyncio.gather(*(self._worker(subject, 0) for _ in range(self.at_once)))
        after = await settled()
        if after.processes - before.processes > _PROCESSES_OF_A_FEW_JAILS:
            return False, after.more_than(before)
        return True, "killed " + ", ".join(f"{n} {role}" for role, n in sorted(struck.items()))

    async def _worker(self, subject: Subject, count: int) -> list[str]:
        wrong = []
        for number in range(max(1, count)):
            source, right = CANDIDATES[number % len(CANDIDATES)]
            told = await _insistently(
                subject, f"{source}\n# {number}", attempts=100, pause_seconds=0.02
            )
            if told != right:
                wrong.append(f"{told} instead of {right}")
        return wrong

    async def _kill(self, subject: Subject, struck: Counter[str]) -> None:
        dice = random.Random(7)  # noqa: S311 - to vary, not to hide
        tried: Counter[str] = Counter()
        while struck.total() < self.kills:
            await asyncio.sleep(dice.uniform(0, 2 * self.pause_seconds))
            found = victims(subject)
            if not found:
                continue
            role = min({victim.role for victim in found}, key=lambda role: tried[role])
            tried[role] += 1
            victim = dice.choice([one for one in found if one.role == role])
            struck[role] += strike(victim)


CHAOS: Final = (EachRole(), Storm())
"""All of them."""
