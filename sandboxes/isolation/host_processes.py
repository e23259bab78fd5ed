"""Jailed processes as the host's /proc shows them: the kernel's word, not theirs."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sandboxes.isolation.jail import Snapshot

__all__ = [
    "descendants",
    "file_bytes",
    "out_of_memory_kills",
    "process_snapshot",
    "scheduling_is_known",
]

_FILE_BYTES: Final = 1024
"""What the kernel keeps for a file in memory beside its content, about."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@functools.cache
def scheduling_is_known() -> bool:
    """Whether the kernel tells how long processes wait for a core, and which ones there are."""
    own = Path(f"/proc/{os.getpid()}")
    return (own / "schedstat").exists() and (own / "task" / str(os.getpid()) / "children").exists()


def out_of_memory_kills() -> int:
    """How many processes the kernel has ended for want of memory since it started."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def descendants(pid: int) -> Iterator[int]:
    """Host pids of everything below a process."""
    waiting = [pid] if pid else []
    while waiting:
        for children in _of_threads(waiting.pop(), "children"):
            found = [int(child) for child in children.split()]
            waiting += found
            yield from found


def process_snapshot(pid: int) -> Snapshot:
    """What one process has used; nothing once it is gone."""
    return Snapshot(
        cpu_seconds=_cpu_seconds(pid),
        waiting_seconds=max(_waiting_seconds(pid), default=0.0),
        runnable=sum(stat.rpartition(") ")[2][:1] == "R" for stat in _of_threads(pid, "stat")),
        resident_bytes=_resident_bytes(pid),
    )


def file_bytes(pid: int) -> int:
    """Memory that the files of a jail take, by its first process: files without content as well."""
    with contextlib.suppress(OSError):
        files = os.statvfs(Path(f"/proc/{pid}", "root", "tmp"))
        blocks, nodes = files.f_blocks - files.f_bfree, files.f_files - files.f_ffree
        return blocks * files.f_frsize + nodes * _FILE_BYTES
    return 0


def _of_threads(pid: int, name: str) -> Iterator[str]:
    """A file of each thread of a process, of those that are still there when it is read."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                path = Path(f"/proc/{pid}/task/{thread}/{name}")
                yield path.read_text(encoding="utf-8", errors="replace")


def _cpu_seconds(pid: int) -> float:
    """User and system time, with children waited for (`/proc/…/stat`, fields 14 to 17)."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / _TICKS
    return 0.0


def _waiting_seconds(pid: int) -> Iterator[float]:
    """Run-queue delay of each thread (`/proc/…/schedstat`, second field, nanoseconds)."""
    for schedstat in _of_threads(pid, "schedstat"):
        with contextlib.suppress(IndexError, ValueError):
            yield int(schedstat.split()[1]) / 1e9


def _resident_bytes(pid: int) -> int:
    """Resident memory that no file gives back: private pages, and a share of shared ones."""
    status = _sizes(Path(f"/proc/{pid}/status"))
    shared = status.get("RssShmem", 0)
    if shared:
        # What several processes share counts once in all (`Pss`), where the kernel tells.
        shared = _sizes(Path(f"/proc/{pid}/smaps_rollup")).get("Pss_Shmem", shared)
    return status.get("RssAnon", 0) + shared


def _sizes(path: Path) -> dict[str, int]:
    """Bytes by name, of a file of /proc whose lines are `Name: 123 kB`."""
    sizes = {}
    with contextlib.suppress(OSError):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            match line.split():
                case [name, number, "kB"]:
                    sizes[name.rstrip(":")] = int(number) * 1024
    return sizes
