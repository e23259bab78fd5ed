"""What the service itself holds of the machine: descriptors, processes, memory."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandboxes.conformance.host import open_file_count
from sandboxes.isolation.host_processes import descendants

__all__ = ["Footprint", "settled"]

PATIENCE_SECONDS: Final = 10.0
"""For what is on its way out to be gone: jails are ended by processes of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One look at this process and all below it."""

    open_files: int
    processes: int
    memory_bytes: int
    """Resident sets of them all, summed up."""

    @classmethod
    def look(cls) -> Footprint:
        """Looks."""
        pids = [os.getpid(), *descendants(os.getpid())]
        return cls(
            open_files=open_file_count(),
            processes=len(pids),
            memory_bytes=sum(map(_resident_bytes, pids)),
        )

    def more_than(self, before: Footprint) -> str:
        """What there is more of than before, in words; memory apart."""
        found = [
            f"{after - earlier} {what} more"
            for what, after, earlier in (
                ("open files", self.open_files, before.open_files),
                ("processes", self.processes, before.processes),
            )
            if after > earlier
        ]
        return " and ".join(found)


async def settled(before: Footprint | None = None) -> Footprint:
    """A look once nothing changes any more, or, given one, once there is no more than before."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE_SECONDS
    last = Footprint.look()
    while loop.time() < give_up:
        await asyncio.sleep(0.1)
        now = Footprint.look()
        same = (now.open_files, now.processes) == (last.open_files, last.processes)
        if same and (before is None or not now.more_than(before)):
            return now
        last = now
    return last


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):  # it is gone
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
