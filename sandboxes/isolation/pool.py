"""Jails that are kept warm between runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sandboxes.isolation.jail import Backend, Isolation, Jail, JailedRun, ProcessLimits, Snapshot
from verifier_service.model import SandboxLost

__all__ = ["SILENCE_SECONDS", "JailPool", "Lease", "Recycling", "promptly", "to_its_end"]

_T = TypeVar("_T")

SILENCE_SECONDS: Final = 60.0
"""For a jail to open, or to end a process, which take milliseconds on a machine not stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recycling:
    """When a jail has served long enough."""

    runs: int = 1000
    age_seconds: float = 600.0
    idle_jails: int = 4
    """Jails kept per role while nobody uses them."""
    roles: int = 8
    """Roles whose jails are kept; those of the role that was used longest ago go first."""


@dataclass(slots=True)
class _Kept:
    """A jail, and what it has served so far."""

    jail: Jail
    opened: float = field(default_factory=time.monotonic)
    runs: int = 0
    suspect: bool = False
    """Whether something happened in it that no honest run does."""


class JailPool:
    """Lends out jails by what they have imported; each is used by one borrower at a time."""

    def __init__(self, backend: Backend, recycling: Recycling | None = None) -> None:
        self._backend = backend
        self._recycling = recycling or Recycling()
        self._idle: OrderedDict[tuple[str, ...], deque[_Kept]] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def isolation(self) -> Isolation:
        """What its jails enforce."""
        return self._backend.isolation

    async def warm(self, *modules: str) -> None:
        """Opens a jail for later, and waits until it is ready.

        Raises:
            SandboxLost: It could not be opened.
        """
        kept = _Kept(self._backend.open(*modules))
        await promptly(kept.jail.ready)
        self._idle_for(modules).append(kept)

    @contextlib.asynccontextmanager
    async def lease(self, *modules: str) -> AsyncIterator[Lease]:
        """Lends a jail that has imported these modules of ours, ready to start a run.

        When the block is left, however it is left, its runs have ended.

        Raises:
            SandboxLost: No jail could be opened.
        """
        lease = Lease(self, modules)
        try:
            await lease.prepare()
            yield lease
        finally:
            await lease.end()

    def take(self, modules: tuple[str, ...]) -> _Kept:
        """An idle jail that is fit for use, or a new one."""
        idle = self._idle_for(modules)
        while idle:
            kept = idle.popleft()  # the one that has had most time to get its next cell ready
            if kept.jail.lost:
                self.discard(kept)
                continue
            if kept.runs and not idle:
                self._add(modules)
            return kept
        return _Kept(self._backend.open(*modules))

    def give_back(self, modules: tuple[str, ...], kept: _Kept) -> None:
        """Takes a jail back for the next borrower; one that is unfit is replaced by a new one."""
        idle = self._idle_for(modules)
        if len(idle) >= self._recycling.idle_jails:
            self.discard(kept)
        elif self._is_fit(kept):
            idle.append(kept)
        else:
            self.discard(kept)
            self._add(modules)

    def _add(self, modules: tuple[str, ...]) -> None:
        """Opens a jail for whoever comes next."""
        with contextlib.suppress(SandboxLost):  # told to whoever needs one
            self._idle_for(modules).append(_Kept(self._backend.open(*modules)))

    def _idle_for(self, modules: tuple[str, ...]) -> deque[_Kept]:
        """The idle jails of a role, which is now the one used last."""
        idle = self._idle.setdefault(modules, deque())
        self._idle.move_to_end(modules)
        while len(self._idle) > self._recycling.roles:
            _, forgotten = self._idle.popitem(last=False)
            for kept in forgotten:
                self.discard(kept)
        return idle

    def distrust(self) -> None:
        """Discards all idle jails: what took one away may be taking the others at this moment."""
        for idle in self._idle.values():
            while idle:
                self.discard(idle.popleft())

    def discard(self, kept: _Kept) -> None:
        """Closes a jail, in the background."""
        task = asyncio.ensure_future(kept.jail.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _is_fit(self, kept: _Kept) -> bool:
        if kept.jail.lost or kept.suspect:
            return False
        if not kept.jail.reusable:
            return not kept.runs
        age_seconds = time.monotonic() - kept.opened
        return kept.runs < self._recycling.runs and age_seconds < self._recycling.age_seconds

    async def close(self) -> None:
        """Ends all jails that nobody uses, and then the backend."""
        for idle in self._idle.values():
            for kept in idle:
                self.discard(kept)
        self._idle.clear()
        if self._closing:
            await asyncio.wait(self._closing)
        self._backend.close()


class Lease:
    """A borrower's jail: one run at a time, each in a cell of its own."""

    def __init__(self, pool: JailPool, modules: tuple[str, ...]) -> None:
        self._pool = pool
        self._modules = modules
        self._kept: _Kept | None = None
        self._run: JailedRun | None = None

    async def prepare(self) -> Jail:
        """Waits for a jail that would start a run at once.

        Raises:
            SandboxLost: None could be opened.
        """
        if self._kept is not None and self._kept.runs and not self._kept.jail.reusable:
            await self._give_back()
        if self._kept is None:
            self._kept = self._pool.take(self._modules)
        try:
            await promptly(self._kept.jail.ready)
        except SandboxLost:
            self._kept.suspect = True
            raise
        return self._kept.jail

    async def start(
        self, module: str, *, fds: Mapping[str, int], limits: ProcessLimits
    ) -> JailedRun:
        """Starts `module.main()` in a new cell, once the run before it has ended; see `Jail`.

        Raises:
            SandboxLost: There is no jail to be had.
        """
        await self._settle()
        jail = await self.prepare()
        assert self._kept is not None
        self._kept.runs += 1
        self._run = jail.start(module, fds=fds, limits=limits)
        return self._run

    def snapshot(self) -> Snapshot:
        """What the processes of the current run have used so far."""
        assert self._kept is not None
        return self._kept.jail.snapshot()

    async def end(self) -> None:
        """Ends the run if it still goes on, and gives the jail back."""
        if self._kept is not None:
            await to_its_end(self._give_back())

    async def _give_back(self) -> None:
        kept, self._kept = self._kept, None
        assert kept is not None
        if not await self._settle():
            kept.suspect = True
        if kept.jail.lost:
            self._pool.distrust()
        self._pool.give_back(self._modules, kept)

    async def _settle(self) -> bool:
        """Ends the last run; returns whether it ended as an honest one may."""
        run, self._run = self._run, None
        if run is None:
            return True
        if not run.ended.done():
            run.kill()
        try:
            ended = await promptly(run.ended)
        except SandboxLost:
            return False
        return ended.signal != signal.SIGSYS


async def promptly(news: asyncio.Future[_T]) -> _T:
    """Waits for what a jail has to say at once.

    Raises:
        SandboxLost: It says nothing.
    """
    try:
        async with asyncio.timeout(SILENCE_SECONDS):  # `wait_for` of Python 3.11 can lose a cancel
            return await asyncio.shield(news)
    except TimeoutError:
        raise SandboxLost(f"The sandbox said nothing for {SILENCE_SECONDS:.0f} s.") from None


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Waits for work that a cancellation must not stop half-way; passes that on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
