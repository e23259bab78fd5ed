"""What all ways to a verdict have in common when they are compared in one run."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from benchmarks.tasks import ENTRY_POINT, TESTS
from clients import python_tests
from sandboxes.isolation.host_processes import descendants
from verifier_service.model import VerificationSpec
from verifier_service.settings import Settings

__all__ = ["CORES", "Judge", "Way", "cpu_seconds", "machine", "measure", "settings", "spec"]

CORES = len(os.sched_getaffinity(0))

Judge = Callable[[str], Awaitable[None]]
"""Has one candidate judged, and fails unless it is accepted."""


@dataclass
class Way:
    """One way to a verdict, and what was measured of it."""

    name: str
    judge: Judge
    concurrency: int = 1
    latencies: list[float] = field(default_factory=list)
    """Seconds, of all rounds."""
    cpu_seconds: float = 0.0
    """Of this process and all below it."""
    own_cpu_seconds: float = 0.0
    """Of this process alone."""
    wall_seconds: float = 0.0

    def forget(self) -> None:
        self.latencies.clear()
        self.cpu_seconds = self.own_cpu_seconds = self.wall_seconds = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.latencies, n=20)[-1]

    @property
    def cpu_each(self) -> float:
        return self.cpu_seconds / len(self.latencies)

    @property
    def own_cpu_each(self) -> float:
        return self.own_cpu_seconds / len(self.latencies)

    @property
    def throughput(self) -> float:
        return len(self.latencies) / self.wall_seconds


def spec(source: str) -> VerificationSpec:
    """A candidate with the tests of the task."""
    return python_tests(source, tests=TESTS, entry_point=ENTRY_POINT)


async def measure(way: Way, sources: list[str]) -> None:
    """One round of one way."""
    waiting = iter(sources)

    async def work() -> None:
        for source in waiting:
            began = time.perf_counter()
            await way.judge(source)
            way.latencies.append(time.perf_counter() - began)

    cpu, own, wall = cpu_seconds(), time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(way.concurrency)))
    way.wall_seconds += time.perf_counter() - wall
    way.own_cpu_seconds += time.process_time() - own
    way.cpu_seconds += cpu_seconds() - cpu


def cpu_seconds() -> float:
    """CPU of this process and all below it, those that have ended and were waited for included."""
    return sum(map(_cpu_seconds_of, [os.getpid(), *descendants(os.getpid())]))


def _cpu_seconds_of(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:  # it is gone, and its parent has its time
        return 0.0
    return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")


def settings(directory: str, name: str) -> Settings:
    """A service with a store of its own."""
    return Settings(
        address=f"unix:{directory}/{name}.sock",
        store_path=Path(directory) / f"{name}.sqlite3",
        log_level="warning",
    )


def machine() -> str:
    """What was measured on, in general terms."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
    return (
        f"{CORES} cores, {memory} GiB, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, grpcio {grpc.__version__}"
    )
