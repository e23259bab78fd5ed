"""What a verdict takes, against a bare `python3 -I -S` that trusts the candidate, in one run.

HumanEval/0 with its reference solution and its seven asserts, by each way from no service at all
to a stream over gRPC: first one at a time, for latency, then as many at a time as there are cores,
for throughput. Rounds go through the ways in shuffled order, so that neighbours on the machine
disturb all of them alike, and the first round only warms up. Every candidate is a new one, so
nothing is answered from the cache. Ratios are what to compare between machines.

CPU is that of everything on this side of the kernel: benchmark, server, jails, candidates.

    python -m benchmarks.latency [--rounds N] [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from rich.console import Console
from rich.table import Table

from clients import AsyncStream, AsyncVerifier, python_tests
from sandboxes.isolation.host_processes import descendants
from sandboxes.python_tests import PythonTestsExecutor
from verifier_service.application import application, serve
from verifier_service.model import Outcome, Verdict, VerificationSpec
from verifier_service.settings import Settings

# openai/human-eval, MIT License.
CANDIDATE = '''\
from typing import List


def has_close_elements(numbers: List[float], threshold: float) -> bool:
    """ Check if in given list of numbers, are any two numbers closer to each other than
    given threshold.
    >>> has_close_elements([1.0, 2.0, 3.0], 0.5)
    False
    >>> has_close_elements([1.0, 2.8, 3.0, 4.0, 5.0, 2.0], 0.3)
    True
    """
    for idx, elem in enumerate(numbers):
        for idx2, elem2 in enumerate(numbers):
            if idx != idx2:
                distance = abs(elem - elem2)
                if distance < threshold:
                    return True

    return False
'''
TESTS = """\
def check(candidate):
    assert candidate([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.3) == True
    assert candidate([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.05) == False
    assert candidate([1.0, 2.0, 5.9, 4.0, 5.0], 0.95) == True
    assert candidate([1.0, 2.0, 5.9, 4.0, 5.0], 0.8) == False
    assert candidate([1.0, 2.0, 3.0, 4.0, 5.0, 2.0], 0.1) == True
    assert candidate([1.1, 2.2, 3.1, 4.1, 5.1], 1.0) == True
    assert candidate([1.1, 2.2, 3.1, 4.1, 5.1], 0.5) == False
"""
ENTRY_POINT = "has_close_elements"
CORES = len(os.sched_getaffinity(0))

Judge = Callable[[str], Awaitable[None]]
"""Has one candidate judged."""


@dataclass
class Way:
    """One way to a verdict, and what was measured of it."""

    name: str
    judge: Judge
    concurrency: int = 1
    latencies: list[float] = field(default_factory=list)
    """Seconds, of all rounds."""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    def forget(self) -> None:
        self.latencies.clear()
        self.cpu_seconds = self.wall_seconds = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.latencies)

    @property
    def cpu_each(self) -> float:
        return self.cpu_seconds / len(self.latencies)

    @property
    def throughput(self) -> float:
        return len(self.latencies) / self.wall_seconds


def spec(source: str) -> VerificationSpec:
    return python_tests(source, tests=TESTS, entry_point=ENTRY_POINT)


async def bare(source: str) -> None:
    """The candidate and the asserts in one Python, which is asked for nothing but exit code 0."""
    program = f"{source}\n{TESTS}\ncheck({ENTRY_POINT})\n"
    command = [sys.executable, "-I", "-S", "-c", program]
    await asyncio.to_thread(subprocess.run, command, stdin=subprocess.DEVNULL, check=True)


def accepted(verdict: Verdict) -> None:
    assert verdict.outcome is Outcome.ACCEPTED, verdict
    assert not verdict.provenance.from_cache


class Streamed:
    """Judges through one stream; results go to whoever waits for them."""

    def __init__(self, session: AsyncStream) -> None:
        self._session = session
        self._waiting: dict[str, asyncio.Future[Verdict]] = {}

    async def judge(self, source: str) -> None:
        ticket = await self._session.submit(spec(source))
        self._waiting[ticket] = asyncio.get_running_loop().create_future()
        accepted(await self._waiting[ticket])

    async def read(self) -> None:
        async for item in self._session:
            self._waiting.pop(item.ticket).set_result(item.unwrap())


async def ways(stack: AsyncExitStack) -> list[Way]:
    """All ways, ready to go."""
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    executor = await PythonTestsExecutor.create()
    app = await stack.enter_async_context(application(settings(directory, "engine"), [executor]))
    limits = app.settings.default_limits.limits()
    address = await stack.enter_async_context(server_process(directory))
    verifier = await stack.enter_async_context(AsyncVerifier(address))
    streamed = Streamed(await stack.enter_async_context(verifier.stream()))
    reading = asyncio.create_task(streamed.read())
    stack.callback(reading.cancel)

    async def executor_alone(source: str) -> None:
        (environment,) = executor.environments
        accepted(
            await executor.verify(
                spec(source), environment=environment, limits=limits, progress=lambda _: None
            )
        )

    async def engine(source: str) -> None:
        accepted(await app.engine.verify(spec(source)))

    async def unary(source: str) -> None:
        accepted(await verifier.verify(spec(source)))

    one_at_a_time: dict[str, Judge] = {
        "bare python3 -I -S": bare,
        "executor": executor_alone,
        "engine": engine,
        "gRPC, unary": unary,
        "gRPC, stream": streamed.judge,
    }
    many_at_a_time: dict[str, Judge] = {
        "bare python3 -I -S": bare,
        "executor": executor_alone,
        "gRPC, stream": streamed.judge,
    }
    return [
        *(Way(name, judge) for name, judge in one_at_a_time.items()),
        *(Way(name, judge, concurrency=CORES) for name, judge in many_at_a_time.items()),
    ]


def settings(directory: str, name: str) -> Settings:
    return Settings(
        address=f"unix:{directory}/{name}.sock",
        store_path=Path(directory) / f"{name}.sqlite3",
        log_level="warning",
    )


@asynccontextmanager
async def server_process(directory: str) -> AsyncIterator[str]:
    """A server in a process of its own; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.latency", "--serve", directory, stdout=-1
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


def cpu_seconds() -> float:
    """CPU of this process and all below it, those that have ended and were waited for included."""
    return sum(map(_cpu_seconds_of, [os.getpid(), *descendants(os.getpid())]))


def _cpu_seconds_of(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:  # it is gone, and its parent has its time
        return 0.0
    return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")


async def measure(way: Way, sources: list[str]) -> None:
    """One round of one way."""
    waiting = iter(sources)

    async def work() -> None:
        for source in waiting:
            began = time.perf_counter()
            await way.judge(source)
            way.latencies.append(time.perf_counter() - began)

    cpu, wall = cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(way.concurrency)))
    way.wall_seconds += time.perf_counter() - wall
    way.cpu_seconds += cpu_seconds() - cpu


async def compare(rounds: int, count: int) -> None:
    numbers, load = itertools.count(), os.getloadavg()[0]
    async with AsyncExitStack() as stack:
        compared = await ways(stack)
        for number in range(rounds + 1):
            for way in random.sample(compared, len(compared)):
                sources = [f"# candidate {next(numbers)}\n{CANDIDATE}" for _ in range(count)]
                await measure(way, sources)
            if number == 0:  # it only warms up
                for way in compared:
                    way.forget()
    report(compared, rounds, count, load)


def report(compared: list[Way], rounds: int, count: int, load: float) -> None:
    console = Console()
    console.print(_latency_table([way for way in compared if way.concurrency == 1]))
    console.print(_throughput_table([way for way in compared if way.concurrency > 1]))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
    console.print(
        f"{rounds} rounds of {count} candidates each. {CORES} cores, {memory} GiB, load "
        f"{load:.1f} before; Python {platform.python_version()}, grpcio {grpc.__version__}.",
        highlight=False,
    )


def _latency_table(measured: list[Way]) -> Table:
    table = Table(title="Latency, one at a time")
    table.add_column("way")
    for column in ("least ms", "p50 ms", "p95 ms", "p50 of bare", "CPU ms", "CPU of bare"):
        table.add_column(column, justify="right")
    first = measured[0]
    for way in measured:
        table.add_row(
            way.name,
            f"{min(way.latencies) * 1e3:.1f}",
            f"{way.median * 1e3:.1f}",
            f"{statistics.quantiles(way.latencies, n=20)[-1] * 1e3:.1f}",
            f"{way.median / first.median:.2f}",
            f"{way.cpu_each * 1e3:.1f}",
            f"{way.cpu_each / first.cpu_each:.2f}",
        )
    return table


def _throughput_table(measured: list[Way]) -> Table:
    table = Table(title=f"Throughput, {CORES} at a time")
    table.add_column("way")
    for column in ("verdicts/s", "of bare", "p50 ms", "CPU ms", "CPU of bare"):
        table.add_column(column, justify="right")
    first = measured[0]
    for way in measured:
        table.add_row(
            way.name,
            f"{way.throughput:.1f}",
            f"{way.throughput / first.throughput:.2f}",
            f"{way.median * 1e3:.1f}",
            f"{way.cpu_each * 1e3:.1f}",
            f"{way.cpu_each / first.cpu_each:.2f}",
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=8, help="how often to go through all ways")
    parser.add_argument("--count", type=int, default=20, help="candidates in one round of one way")
    parser.add_argument("--quick", action="store_true", help="fewer candidates, coarser numbers")
    parser.add_argument("--serve", metavar="DIRECTORY", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(
            serve(settings(arguments.serve, "served"), ready=lambda a: print(a, flush=True))
        )
    elif arguments.quick:
        asyncio.run(compare(3, 8))
    else:
        asyncio.run(compare(arguments.rounds, arguments.count))


if __name__ == "__main__":
    main()
