"""Programs in jails, at the seam: no executor, no tests, nothing between them and the backend."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sandboxes.isolation.jail import Backend, Exit, Jail, JailedRun, ProcessLimits
from sandboxes.isolation.pool import Lease
from sandboxes.isolation.watch import job_fd

__all__ = ["LIMITS", "PROGRAM", "Ran", "Running", "begun", "opened", "run"]

PROGRAM: Final = "sandboxes.python_tests.jailed.program"
"""Runs a text as a program; the job is its file descriptor 3."""
LIMITS: Final = ProcessLimits(cpu_seconds=5, memory_bytes=1 << 30, processes=16)
SETTLING_SECONDS: Final = 10.0
"""For the last holder of a pipe to be gone. What is left of a run sleeps for a minute or more."""
_LOOK_SECONDS: Final = 0.1
_KEPT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A program that has ended."""

    exit: Exit
    output: bytes
    """The first MiB of standard output and error together."""
    written_bytes: int
    peak_bytes: int
    """The most that its processes were seen to take together."""
    let_go: bool
    """Whether nothing holds its output any more, so that no process of it is left."""

    @property
    def said(self) -> str:
        """Its output as text; where there is none, how it ended."""
        text = self.output.decode("utf-8", "backslashreplace").strip()
        if text:
            return text
        how = f"signal {self.exit.signal}" if self.exit.signal else f"code {self.exit.code}"
        return f"ended by {how} without a word"


class Running:
    """A program that runs; leave `begun` and it is ended."""

    def __init__(self, place: Jail | Lease) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd, write_end = os.pipe()
        os.set_blocking(self._fd, False)
        self._output = bytearray()
        self._written = 0
        self._let_go = asyncio.Event()
        self._spoke = asyncio.Event()
        self._peak = 0
        self._place = place
        self._loop.add_reader(self._fd, self._read)
        self._write_end = write_end
        self._run: JailedRun

    @classmethod
    async def begin(cls, place: Jail | Lease, source: str, limits: ProcessLimits) -> Running:
        """Starts it in a jail, or in a jail on loan.

        Raises:
            SandboxLost: There is no jail.
        """
        running = cls(place)
        try:
            with job_fd({"preamble": "", "source": source}) as job:
                fds = {"stdout": running._write_end, "stderr": running._write_end, "job": job}
                if isinstance(place, Lease):
                    running._run = await place.start(PROGRAM, fds=fds, limits=limits)
                else:
                    running._run = place.start(PROGRAM, fds=fds, limits=limits)
        except BaseException:
            running._hang_up()
            raise
        finally:
            os.close(running._write_end)
        return running

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 1 << 18)
        except BlockingIOError:
            return
        self._written += len(data)
        self._output += data[: _KEPT_BYTES - len(self._output)]
        self._spoke.set()
        if not data:
            self._loop.remove_reader(self._fd)
            self._let_go.set()

    async def said(self, count: int) -> bool:
        """Waits until it has written so many bytes, or has ended; tells which."""
        while self._written < count and not self._run.ended.done():
            self._spoke.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self._spoke.wait()
        return self._written >= count

    def kill(self) -> None:
        """Ends it."""
        self._run.kill()

    async def ended(self, *, kill_after_seconds: float | None = None) -> Ran:
        """Waits until it has ended; ends it after a while, if so asked."""
        began = self._loop.time()
        while not self._run.ended.done():
            self._peak = max(self._peak, self._place.snapshot().resident_bytes)
            if kill_after_seconds is not None and self._loop.time() - began > kill_after_seconds:
                self._run.kill()
                kill_after_seconds = None
            await asyncio.wait([self._run.ended], timeout=_LOOK_SECONDS)
        ended = self._run.ended.result()
        let_go = await self.let_go()
        return Ran(
            exit=ended,
            output=bytes(self._output),
            written_bytes=self._written,
            peak_bytes=self._peak,
            let_go=let_go,
        )

    async def let_go(self) -> bool:
        """Waits until nothing holds its output any more; tells whether that comes about."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLING_SECONDS):
                await self._let_go.wait()
        return self._let_go.is_set()

    async def close(self) -> None:
        """Ends it if it still runs, and lets go of its output."""
        if not self._run.ended.done():
            self._run.kill()
            await asyncio.wait([self._run.ended])
        self._hang_up()

    def _hang_up(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


@contextlib.asynccontextmanager
async def opened(backend: Backend) -> AsyncIterator[Jail]:
    """A jail for programs, gone when the block is left."""
    jail = backend.open(PROGRAM)
    try:
        yield jail
    finally:
        await jail.close()


@contextlib.asynccontextmanager
async def begun(
    place: Jail | Lease, source: str, *, limits: ProcessLimits = LIMITS
) -> AsyncIterator[Running]:
    """A program that has begun to run, ended when the block is left."""
    running = await Running.begin(place, source, limits)
    try:
        yield running
    finally:
        await running.close()


async def run(
    place: Jail | Lease,
    source: str,
    *,
    limits: ProcessLimits = LIMITS,
    kill_after_seconds: float | None = None,
) -> Ran:
    """Runs a program to its end.

    Raises:
        SandboxLost: The jail went first.
    """
    async with begun(place, source, limits=limits) as running:
        return await running.ended(kill_after_seconds=kill_after_seconds)
