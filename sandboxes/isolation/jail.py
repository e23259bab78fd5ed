"""The seam between executors and sandboxes: what a jail offers, whatever makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Backend", "Exit", "Isolation", "Jail", "JailedRun", "ProcessLimits", "Snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """Limits on one run; hard ones, which the run can't raise."""

    cpu_seconds: float
    """Of one process with its threads, measured by its scheduler clock."""
    memory_bytes: int
    """Address space of each process, beyond what its module says to be reserved before it runs
    (`reserved_bytes`)."""
    processes: int
    """Processes and threads together."""
    file_bytes: int = 16 * 1024**2
    """Size of one file."""
    open_files: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a run ended, as the kernel told the jail's first process. Never self-reported."""

    code: int | None = None
    """Exit code; None after a signal."""
    signal: int | None = None
    limit: str | None = None
    """"cpu-time" or "memory" where it was ended for that."""
    begun: bool = True
    """Whether our own preparations were done: what happened before is never the run's doing."""
    cpu_seconds: float = 0.0
    """User and system time of the run and everything it started."""
    wall_seconds: float = 0.0
    peak_memory_bytes: int = 0
    """Largest resident set of one of its processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the kernel says of the processes of a run while it goes on."""

    cpu_seconds: float
    """Of them all, with children that are gone already."""
    waiting_seconds: float
    """The longest that one of their threads was ready to run without getting a core: what a busy
    machine took of the run's time."""
    runnable: int
    """Threads that run or are ready to, at this moment."""
    resident_bytes: int
    """Memory that they and the files of the jail take, summed up."""
    out_of_memory: bool = False
    """Whether one of them was ended for all of them having too much."""
    known: bool = True
    """False where the kernel does not tell who waited."""


class JailedRun(Protocol):
    """One process, and everything that it starts, in a cell of a jail."""

    @property
    def ended(self) -> asyncio.Future[Exit]:
        """How it ended. Raises `SandboxLost` if the jail went first. Await it through `shield`."""
        ...

    def kill(self) -> None:
        """Ends it; `ended` tells when it is gone."""
        ...


class Jail(Protocol):
    """A place without network, host files, host processes or environment.

    It lives for long, and has imported what its runs need. Each run gets a cell of its own in it:
    another pid, mount and user namespace with an empty /tmp, all gone when it has ended.
    """

    @property
    def ready(self) -> asyncio.Future[None]:
        """When a run would start at once. Raises `SandboxLost` if it never will."""
        ...

    @property
    def reusable(self) -> bool:
        """False where the host allows no cells: then a jail serves one run. Known once ready."""
        ...

    @property
    def lost(self) -> bool:
        """Whether it is known to be gone."""
        ...

    def start(self, module: str, *, fds: Mapping[str, int], limits: ProcessLimits) -> JailedRun:
        """Starts `module.main()` in a new cell; one run at a time.

        Args:
            module: One of the modules that the jail was opened with.
            fds: `stdin`, `stdout` and `stderr` where given (else the null device); the others
                follow from file descriptor 3 in their order. The caller keeps its own copies and
                closes them.
            limits: Limits in force from the first instruction of `main`.
        """
        ...

    def snapshot(self) -> Snapshot:
        """What the processes of the current run have used so far."""
        ...

    async def close(self) -> None:
        """Ends everything in the jail; when it returns, all of it is gone. May be repeated."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What a backend enforces on this machine."""

    backend: str
    """"bubblewrap/namespaces"."""
    enforced: tuple[str, ...]
    """Names as docs/threat-model.md explains them: "no-network", "seccomp" …"""


class Backend(Protocol):
    """Makes jails."""

    @property
    def isolation(self) -> Isolation:
        """What its jails enforce, as tried out on this machine."""
        ...

    def close(self) -> None:
        """Ends all jails, and whatever else it keeps running."""
        ...

    def open(self, *modules: str) -> Jail:
        """Opens a jail that has imported these modules of ours.

        What follows a colon in one of them is told to its function `warm`.

        Returns at once; a jail that could not be made fails its runs with `SandboxLost`.

        Raises:
            SandboxLost: Nothing could be started at all.
        """
        ...
