"""What is on this machine, as the kernel tells it: processes, mounts, control groups, files.

Neighbours use the same machine, so each look is at what a test can have caused: processes below its
own, mounts of its own mount namespace, control groups below its own, and files in shared folders
whose name or owner may be ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

__all__ = [
    "Machine",
    "Process",
    "adopting_orphans",
    "eventually",
    "is_limited",
    "orphans",
    "processes_below",
]

PATIENCE_SECONDS: Final = 30.0
"""Far more than anything needs to be gone."""
SHARED_FOLDERS: Final = ("/tmp", "/var/tmp", "/dev/shm")
OUR_NAMES: Final = ("verifier", "bwrap", "bubblewrap", "jail")
FIRST_JAIL_USER: Final = 50_000
_PR_SET_CHILD_SUBREAPER: Final = 36

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Process:
    """One process; a pid alone may be used again."""

    pid: int
    start_ticks: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One look at everything."""

    processes: frozenset[Process]
    mounts: frozenset[str]
    control_groups: frozenset[str]
    files: frozenset[str]

    @classmethod
    def look(cls) -> Machine:
        """Looks; in shared folders, at files whose name or owner may be ours."""
        return cls(
            processes=frozenset(processes_below(os.getpid())),
            mounts=frozenset(Path("/proc/self/mountinfo").read_text().splitlines()),
            control_groups=frozenset(_control_groups()),
            files=frozenset(_shared_files()),
        )

    def left_since(self, before: Machine) -> list[str]:
        """What is here that was not there before."""
        return [
            *(f"process {one.pid}: {one.command}" for one in self.processes - before.processes),
            *(f"mount {mount}" for mount in self.mounts - before.mounts),
            *(f"control group {group}" for group in self.control_groups - before.control_groups),
            *(f"file {file}" for file in self.files - before.files),
        ]


def processes_below(pid: int) -> set[Process]:
    """All descendants of a process, those included that wait to be reaped."""
    children: dict[int, list[Process]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it is gone
            stat = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
            one = Process(int(folder.name), int(stat[19]), command or f"[{stat[0]}]")
            children[int(stat[1])].append(one)
    return set(_below(pid, children))


def is_limited(process: Process) -> bool:
    """Whether there is a limit on its CPU time."""
    with contextlib.suppress(OSError):  # it is gone
        for line in Path(f"/proc/{process.pid}/limits").read_text().splitlines():
            if line.startswith("Max cpu time"):
                return line.split()[3] != "unlimited"
    return False


def _below(pid: int, children: dict[int, list[Process]]) -> Iterator[Process]:
    for child in children[pid]:
        yield child
        yield from _below(child.pid, children)


def _control_groups() -> Iterator[str]:
    """Every control group below our own, in each hierarchy."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for folder, _, _ in os.walk(f"{_hierarchy(controllers)}{path}"):
            yield folder


def _hierarchy(controllers: str) -> Path:
    """Where a hierarchy is mounted: its own folder with version 1, the only one with version 2."""
    own = Path("/sys/fs/cgroup", controllers.removeprefix("name=") or "unified")
    return own if own.is_dir() else own.parent


def _shared_files() -> Iterator[str]:
    for folder in map(Path, SHARED_FOLDERS):
        for path in folder.glob("*"):
            with contextlib.suppress(OSError):
                if path.name.startswith(OUR_NAMES) or path.stat().st_uid >= FIRST_JAIL_USER:
                    yield str(path)


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """What a process that we start leaves behind becomes our child, so that we see it."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def orphans(before: Machine) -> set[Process]:
    """Processes below us that were not there before; those that have ended are reaped."""
    found = processes_below(os.getpid()) - before.processes
    for one in found:
        with contextlib.suppress(ChildProcessError):  # not ours, or not yet
            os.waitpid(one.pid, os.WNOHANG)
    return found


async def eventually(left: Callable[[], Collection[_T]]) -> Collection[_T]:
    """Waits until nothing is left; returns what still is when patience ends."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (rest := left()) and time.monotonic() < give_up:  # noqa: ASYNC110 - of the kernel's
        await asyncio.sleep(0.02)
    return rest
