"""What goes with every run: its job, its limits, its output, and somebody who watches it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from sandboxes.isolation.capture import Capture
from sandboxes.isolation.jail import Exit, JailedRun, ProcessLimits, Snapshot
from sandboxes.isolation.pool import Lease, promptly
from verifier_service.model import Limits

__all__ = ["Watch", "captured", "flood_bytes_of", "job_fd", "limits_of"]

FLOOD_FACTOR: Final = 1024
"""A stream this many times over its kept size ends the candidate."""
MINIMUM_FLOOD_BYTES: Final = 64 * 1024**2
SAMPLE_SECONDS: Final = 0.25
CPU_SAMPLING_SECONDS: Final = 0.5
"""More than sampling is off by: a single process is ended by its jail, exactly at its limit."""
OVERLOAD_FACTOR: Final = 10
OVERLOAD_SECONDS: Final = 60.0
ENDING_SECONDS: Final = 5.0
"""For what decides to end by itself once the run that it watches was ended."""


class Watch:
    """Ends a run whose wall clock has run out, and tells waiting from being kept waiting.

    The wall clock of a candidate is net: time in which one of its threads, or the checker that it
    waits for, was ready to run but got no core is the machine's, and so is the checker's own work.
    A candidate on a busy machine so gets the time it is owed. One that keeps the cores busy itself
    does not: what waits beside other threads of its own counts by their number less.
    """

    def __init__(
        self, run: JailedRun, jail: Lease, limits: Limits, *, others: Sequence[Lease] = ()
    ) -> None:
        self._run = run
        self._jail = jail
        self._others = others
        self._limits = limits
        self._seen = (0.0, 0.0, 0.0, 0.0)
        self._not_its_own = 0.0
        self.stopped_for: str | None = None
        self.outlasted = False

    def stop(self, reason: str) -> None:
        """Ends the run for a reason; the first one counts."""
        if self.stopped_for is None and not self._run.ended.done():
            self.stopped_for = reason
            self._run.kill()

    async def until(self, deciding: JailedRun) -> Exit:
        """Waits until the deciding run has ended, and ends it too if it does not by itself."""
        began = time.monotonic()
        while self.stopped_for is None:
            elapsed = time.monotonic() - began
            rest = self._limits.wall_seconds - elapsed
            if elapsed >= SAMPLE_SECONDS:
                rest = self._sample(elapsed)
            if await _ended_within(deciding, min(rest, SAMPLE_SECONDS)):
                return deciding.ended.result()
        if not await _ended_within(deciding, ENDING_SECONDS):
            deciding.kill()
        return await promptly(deciding.ended)

    def _sample(self, elapsed: float) -> float:
        """Looks at what the run uses, stops it if that is too much; returns the seconds left."""
        own = self._jail.snapshot()
        others = [jail.snapshot() for jail in self._others]
        self._credit(elapsed, own, others)
        rest = self._limits.wall_seconds - (elapsed - self._not_its_own)
        if own.out_of_memory or own.resident_bytes > self._limits.memory_bytes:
            self.stop("memory")
        elif own.cpu_seconds > self._limits.cpu_seconds + CPU_SAMPLING_SECONDS:
            self.stop("cpu-time")
        elif rest <= 0:
            self.stop("wall-time" if own.known else "overloaded")
        elif elapsed > OVERLOAD_FACTOR * self._limits.wall_seconds + OVERLOAD_SECONDS:
            self.stop("overloaded")
        return rest

    def _credit(self, elapsed: float, own: Snapshot, others: Sequence[Snapshot]) -> None:
        """Gives the candidate what was taken of its time since the last look, and no more."""
        seen = (
            elapsed,
            own.waiting_seconds,
            sum(other.waiting_seconds for other in others),
            sum(other.cpu_seconds for other in others),
        )
        passed, own_waiting, others_waiting, others_work = (
            max(0.0, after - before) for before, after in zip(self._seen, seen, strict=True)
        )
        self._seen = seen
        waiting = (own_waiting + others_waiting) / max(1, own.runnable)
        self._not_its_own += min(passed, waiting + others_work)

    async def end(self, *, grace_seconds: float) -> Exit:
        """Ends the run if it still goes on after a grace, and says how it ended."""
        self.outlasted = not await _ended_within(self._run, grace_seconds)
        if self.outlasted:
            self._run.kill()
        return await promptly(self._run.ended)


async def _ended_within(run: JailedRun, seconds: float) -> bool:
    done, _ = await asyncio.wait([run.ended], timeout=max(seconds, 0.001))
    return bool(done)


@contextlib.contextmanager
def captured(limits: Limits, flooded: Callable[[], None]) -> Any:
    """Captures of standard output and error."""
    flood = flood_bytes_of(limits)
    streams = [
        Capture(keep_bytes=limits.max_output_bytes, flood_bytes=flood, on_flood=flooded)
        for _ in range(2)
    ]
    try:
        yield streams
    finally:
        for stream in streams:
            stream.close()


@contextlib.contextmanager
def job_fd(job: dict[str, Any]) -> Any:
    """A file descriptor that a job can be read from, once."""
    fd = os.memfd_create("job")
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(json.dumps(job).encode("ascii"))
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)


def flood_bytes_of(limits: Limits) -> int:
    """How much a stream may carry before its writer is ended."""
    return max(MINIMUM_FLOOD_BYTES, FLOOD_FACTOR * limits.max_output_bytes)


def limits_of(limits: Limits) -> ProcessLimits:
    """The limits of a request as limits of its processes."""
    return ProcessLimits(
        cpu_seconds=limits.cpu_seconds,
        memory_bytes=limits.memory_bytes,
        processes=limits.max_processes,
    )
