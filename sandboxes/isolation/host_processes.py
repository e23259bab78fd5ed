"""Jailed processes as the host's /proc shows them: the kernel's word, not theirs."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sandboxes.isolation.jail import Snapshot

__all__ = ["descendants", "process_snapshot", "scheduling_is_known"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@functools.cache
def scheduling_is_known() -> bool:
    """Whether the kernel tells how long processes wait for a core, and which ones there are."""
    own = Path(f"/proc/{os.getpid()}")
    return (own / "schedstat").exists() and (own / "task" / str(os.getpid()) / "children").exists()


def descendants(pid: int) -> Iterator[int]:
    """Host pids of everything below a process."""
    waiting = [pid] if pid else []
    while waiting:
        for children in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found = [int(child) for child in children.read_text(encoding="ascii").split()]
                waiting += found
                yield from found


def process_snapshot(pid: int) -> Snapshot:
    """What one process has used; nothing once it is gone."""
    return Snapshot(
        cpu_seconds=_cpu_seconds(pid),
        waiting_seconds=max(_waiting_seconds(pid), default=0.0),
        resident_bytes=_resident_bytes(pid),
    )


def _cpu_seconds(pid: int) -> float:
    """User and system time, with children waited for (`/proc/…/stat`, fields 14 to 17)."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / _TICKS
    return 0.0


def _waiting_seconds(pid: int) -> Iterator[float]:
    """Run-queue delay of each thread (`/proc/…/schedstat`, second field, nanoseconds)."""
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            yield int(schedstat.read_text(encoding="ascii").split()[1]) / 1e9


def _resident_bytes(pid: int) -> int:
    """Resident memory less what is shared (`/proc/…/statm`)."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    return 0
