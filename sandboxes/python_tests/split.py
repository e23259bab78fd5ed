"""Runs the tests in one jail and the candidate in another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from sandboxes.isolation.capture import Capture, Collector
from sandboxes.isolation.jail import Exit, JailedRun, ProcessLimits, Snapshot
from sandboxes.isolation.pool import JailPool, Lease, promptly
from sandboxes.python_tests.judge import Facts
from sandboxes.python_tests.report import MAX_REPORT_BYTES, CaseReport, ReportReader
from verifier_service.model import Limits

__all__ = [
    "Watch",
    "captured",
    "flood_bytes_of",
    "job_fd",
    "limits_of",
    "run_split",
]

CANDIDATE: Final = "sandboxes.python_tests.jailed.candidate"
CHECKER: Final = "sandboxes.python_tests.jailed.checker"
CHECKER_EXTRA_CPU_SECONDS: Final = 5.0
CHECKER_MEMORY_BYTES: Final = 2 * 1024**3
FLOOD_FACTOR: Final = 1024
"""A stream this many times over its kept size ends the candidate."""
MINIMUM_FLOOD_BYTES: Final = 64 * 1024**2
SAMPLE_SECONDS: Final = 0.25
CPU_SAMPLING_SECONDS: Final = 0.5
"""More than sampling is off by: a single process is ended by its jail, exactly at its limit."""
HANG_UP_SECONDS: Final = 5.0
"""For a candidate that has hung up to be seen to end."""
OVERLOAD_FACTOR: Final = 10
OVERLOAD_SECONDS: Final = 60.0


async def run_split(
    jails: JailPool,
    *,
    candidate_job: dict[str, Any],
    checker_job: dict[str, Any],
    limits: Limits,
    on_case: Callable[[CaseReport], None],
    on_start: Callable[[], None],
) -> Facts:
    """Runs both to their ends.

    The candidate's process gets its code and one socket; the checker's gets the tests, the other
    end of that socket, and the pipe that the report comes from.
    """
    nonce = secrets.token_hex(16)
    checker_cpu = limits.cpu_seconds + CHECKER_EXTRA_CPU_SECONDS
    reader = ReportReader(nonce, on_case)
    async with (
        jails.lease(CANDIDATE) as candidate_jail,
        jails.lease(CHECKER) as checker_jail,
    ):

        def flooded() -> None:
            watch.stop("output")

        with (
            captured(limits, flooded) as (stdout, stderr),
            contextlib.closing(Collector(keep_bytes=MAX_REPORT_BYTES, on_data=reader.feed)) as said,
            _socket_pair() as (ours, theirs),
            job_fd(candidate_job) as code_fd,
            job_fd({**checker_job, "nonce": nonce, "cpu_seconds": checker_cpu}) as tests_fd,
        ):
            checking = await checker_jail.start(
                CHECKER,
                fds={"job": tests_fd, "candidate": ours.fileno(), "report": said.write_fd},
                limits=ProcessLimits(
                    cpu_seconds=checker_cpu,
                    memory_bytes=CHECKER_MEMORY_BYTES,
                    processes=limits.max_processes,
                ),
            )
            run = await candidate_jail.start(
                CANDIDATE,
                fds={
                    "stdout": stdout.write_fd,
                    "stderr": stderr.write_fd,
                    "job": code_fd,
                    "checker": theirs.fileno(),
                },
                limits=limits_of(limits),
            )
            watch = Watch(run, candidate_jail, limits, others=[checker_jail])
            for drain in (stdout, stderr, said):
                drain.close_write_end()
            ours.close()
            theirs.close()
            on_start()
            checker_exit = await watch.until(checking)
            gone = reader.report.end is not None and reader.report.end.reason == "candidate-gone"
            candidate_exit = await watch.end(grace_seconds=HANG_UP_SECONDS if gone else 0)
        return Facts(
            report=reader.report,
            checker=checker_exit,
            candidate=candidate_exit,
            stopped_for=watch.stopped_for,
            outlasted=watch.outlasted,
            stdout=stdout.output,
            stderr=stderr.output,
        )


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
        if not await _ended_within(deciding, CHECKER_EXTRA_CPU_SECONDS):
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
def _socket_pair() -> Any:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        yield ours, theirs


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
