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
import random
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import CORES, Judge, Way, machine, measure, settings, spec
from benchmarks.served import Streamed, accepted, server_process
from benchmarks.tasks import CANDIDATE, program
from clients import AsyncVerifier
from sandboxes.python_tests import PythonTestsExecutor
from verifier_service.application import application


async def bare(source: str) -> None:
    """The candidate and the asserts in one Python, which is asked for nothing but exit code 0."""
    command = [sys.executable, "-I", "-S", "-c", program(source)]
    await asyncio.to_thread(subprocess.run, command, stdin=subprocess.DEVNULL, check=True)


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


async def compare(rounds: int, count: int) -> None:
    numbers, where = itertools.count(), machine()
    async with AsyncExitStack() as stack:
        compared = await ways(stack)
        for number in range(rounds + 1):
            for way in random.sample(compared, len(compared)):
                sources = [f"# candidate {next(numbers)}\n{CANDIDATE}" for _ in range(count)]
                await measure(way, sources)
            if number == 0:  # it only warms up
                for way in compared:
                    way.forget()
    report(compared, rounds, count, where)


def report(compared: list[Way], rounds: int, count: int, where: str) -> None:
    console = Console()
    console.print(_latency_table([way for way in compared if way.concurrency == 1]))
    console.print(_throughput_table([way for way in compared if way.concurrency > 1]))
    console.print(f"{rounds} rounds of {count} candidates each. {where}.", highlight=False)


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
            f"{way.p95 * 1e3:.1f}",
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
    arguments = parser.parse_args()
    if arguments.quick:
        asyncio.run(compare(3, 8))
    else:
        asyncio.run(compare(arguments.rounds, arguments.count))


if __name__ == "__main__":
    main()
