"""What the service itself costs: server CPU per candidate, by way of calling, in one run.

The server is a process of its own with the real engine and store, and an executor that runs
nothing, so all the CPU is ours. Its CPU is read from `/proc`, all threads included; the client's
is not counted. Every candidate is a new one, so nothing is answered from the cache. Ratios are
what to compare between machines; microseconds are not.

    python -m benchmarks.server_overhead [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from rich.console import Console
from rich.table import Table

from verifier_service import wire
from verifier_service.application import application, serve
from verifier_service.engine import Engine
from verifier_service.model import (
    Assurance,
    Candidate,
    Criterion,
    EnvironmentInfo,
    Limits,
    Outcome,
    Problem,
    ProgressListener,
    PythonTests,
    TestCode,
    Verdict,
    VerificationSpec,
    Violation,
)
from verifier_service.settings import Settings
from verifier_service.v1 import verifier_pb2, verifier_pb2_grpc

if TYPE_CHECKING:  # in the stubs only
    Stub = verifier_pb2_grpc.VerifierServiceAsyncStub

PROBLEM = Problem(
    criterion=PythonTests(
        form=TestCode(
            source="def check(candidate):\n" + "    assert candidate(1, 2) == 3\n" * 8,
            entry_point="add",
        )
    ),
    problem_id="bench/0",
)
BATCH_SIZE = 64
CONCURRENCY = 64
ROUNDS = 5
ALONE = "engine alone"


class NoOp:
    """Accepts everything, at once."""

    environments = (
        EnvironmentInfo(
            name="no-op",
            digest="sha256:" + "0" * 64,
            criteria=("python_tests",),
            maximum_assurance=Assurance.TESTED,
            sandbox="none",
        ),
    )

    def criteria(self) -> tuple[str, ...]:
        return ("python_tests",)

    def violations(self, criterion: Criterion) -> list[Violation]:  # noqa: ARG002
        return []

    async def verify(
        self,
        spec: VerificationSpec,  # noqa: ARG002
        *,
        environment: EnvironmentInfo,  # noqa: ARG002
        limits: Limits,  # noqa: ARG002
        progress: ProgressListener,  # noqa: ARG002
    ) -> Verdict:
        return Verdict(
            outcome=Outcome.ACCEPTED,
            reason="tests-passed",
            summary="Nothing was run.",
            assurance=Assurance.TESTED,
        )

    async def close(self) -> None:
        pass


@dataclass
class Measurement:
    """What one way of calling cost."""

    way: str
    count: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def micros(self) -> float:
        """Server CPU per candidate."""
        return self.cpu_seconds / self.count * 1e6


def spec(way: str, index: int) -> VerificationSpec:
    source = f"def add(a, b):\n    # {way} {index}\n    return a + b\n" * 8
    return VerificationSpec(problem=PROBLEM, candidate=Candidate(source=source))


def proto(way: str, index: int) -> verifier_pb2.VerificationSpec:
    return wire.spec_to_proto(spec(way, index))


async def unary(stub: Stub, way: str, count: int) -> None:
    indices = iter(range(count))

    async def work() -> None:
        for index in indices:
            await stub.Verify(verifier_pb2.VerifyRequest(spec=proto(way, index)))

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def batch(stub: Stub, way: str, count: int) -> None:
    for start in range(0, count, BATCH_SIZE):
        indices = range(start, min(start + BATCH_SIZE, count))
        request = verifier_pb2.BatchVerifyRequest(specs=[proto(way, index) for index in indices])
        results = [response async for response in stub.BatchVerify(request)]
        assert len(results) == len(indices)


async def bidi(stub: Stub, way: str, count: int) -> None:
    call = stub.StreamVerify()
    room = asyncio.Semaphore(0)

    async def submit() -> None:
        for index in range(count):
            await room.acquire()
            submission = verifier_pb2.StreamVerifyRequest.Submit(
                ticket=str(index), spec=proto(way, index)
            )
            await call.write(verifier_pb2.StreamVerifyRequest(submit=submission))
        await call.done_writing()

    submitting = asyncio.create_task(submit())
    ended = 0
    async for response in call:
        for _ in range(response.credit):
            room.release()
        ended += response.HasField("verdict")
    await submitting
    assert ended == count


WAYS: dict[str, Callable[[Stub, str, int], Awaitable[None]]] = {
    "unary": unary,
    f"batch of {BATCH_SIZE}": batch,
    "bidi stream": bidi,
}


def cpu_seconds(pid: int) -> float:
    """CPU of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mebibytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


async def measure(
    way: str, pid: int, count: int, run: Callable[[str, int], Awaitable[None]]
) -> Measurement:
    cpu, wall = cpu_seconds(pid), time.perf_counter()
    await run(way, count)
    return Measurement(way, count, cpu_seconds(pid) - cpu, time.perf_counter() - wall)


def median(rounds: list[Measurement]) -> Measurement:
    """The middle one of several rounds: neighbours on the machine disturb some of them."""
    return sorted(rounds, key=lambda one: one.micros)[len(rounds) // 2]


@asynccontextmanager
async def server_process(directory: str) -> AsyncIterator[tuple[int, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.server_overhead", "--serve", directory, stdout=-1
    )
    try:
        assert process.stdout is not None
        yield process.pid, (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


def settings(directory: str, name: str) -> Settings:
    return Settings(
        address=f"unix:{directory}/{name}.sock",
        store_path=Path(directory) / f"{name}.sqlite3",
        log_level="warning",
    )


async def engine_alone(engine: Engine, way: str, count: int) -> None:
    """Without gRPC, for comparison."""
    indices = iter(range(count))

    async def work() -> None:
        for index in indices:
            await engine.verify(spec(way, index), patient=True)

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def compare(count: int) -> None:
    """Measures all ways in turn, round after round; the first round only warms up."""
    rounds: dict[str, list[Measurement]] = {way: [] for way in [*WAYS, ALONE]}
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        pid, address = await stack.enter_async_context(server_process(directory))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        app = await stack.enter_async_context(application(settings(directory, ALONE), [NoOp()]))
        stub = verifier_pb2_grpc.VerifierServiceStub(channel)
        for number in range(ROUNDS + 1):
            for way, call in WAYS.items():
                name = f"{way} {number}"
                rounds[way].append(await measure(name, pid, count // ROUNDS, partial(call, stub)))
            run = partial(engine_alone, app.engine)
            rounds[ALONE].append(
                await measure(f"{ALONE} {number}", os.getpid(), count // ROUNDS, run)
            )
        resident = resident_mebibytes(pid)
    report({way: median(measured[1:]) for way, measured in rounds.items()}, resident)


def report(measured: dict[str, Measurement], resident: int) -> None:
    table = Table(title="Server CPU per candidate, no-op executor")
    table.add_column("way of calling")
    for column in ("candidates", "µs CPU each", "of unary", "candidates/s"):
        table.add_column(column, justify="right")
    first = next(iter(measured.values()))
    for way, one in measured.items():
        table.add_row(
            way,
            str(one.count * ROUNDS),
            f"{one.micros:.0f}",
            f"{one.micros / first.micros:.2f}",
            f"{one.count / one.wall_seconds:.0f}",
        )
    console = Console()
    console.print(table)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
    console.print(
        f"{len(os.sched_getaffinity(0))} cores, {memory} GiB; Python {platform.python_version()}, "
        f"grpcio {grpc.__version__}; server resident {resident} MiB.",
        highlight=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer candidates, coarser numbers")
    parser.add_argument("--count", type=int, help="candidates for each way of calling")
    parser.add_argument("--serve", metavar="DIRECTORY", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(
            serve(settings(arguments.serve, "served"), [NoOp()], lambda a: print(a, flush=True))
        )
    else:
        asyncio.run(compare(arguments.count or (1_500 if arguments.quick else 15_000)))


if __name__ == "__main__":
    main()
