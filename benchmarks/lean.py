"""What checking a Lean proof takes, against a fresh `lean` process for each, in one run.

All in `lean4-core`. The fresh process is Lean's own program, begun by a small Python; the time of a
Python that runs nothing is measured beside it and taken off, so that it counts as if it were the
program itself. Rounds go through the ways in shuffled order, and the first one only warms up.
Compare ratios.

    python -m benchmarks.lean [--rounds N] [--count N] [--checks N] [--only PART ...]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import gc
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import CORES, Judge, Way, machine, measure
from sandboxes.isolation.host_processes import descendants
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.lean import launcher
from sandboxes.lean.audit import inspect
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.executor import LeanExecutor
from sandboxes.lean.messages import Message
from sandboxes.lean.olean import read_module
from sandboxes.lean.plain import open_runtime
from sandboxes.lean.repair.checking import Allowance, Check, Checked, Checker
from sandboxes.lean.repair.elaboration import elaboration
from sandboxes.lean.repair.extract import extract
from sandboxes.lean.repair.sorrify import sorrify
from sandboxes.lean.runtime import LeanRuntime
from verifier_service.model import (
    Candidate,
    LeanTheorem,
    Limits,
    Outcome,
    Problem,
    VerificationSpec,
)

PYTHON: Final = "python -I -S, nothing run"
FRESH: Final = "fresh lean process"
WARM: Final = "checked in a warm cell"
LIMITS: Final = Limits(
    wall_seconds=60,
    cpu_seconds=20,
    memory_bytes=1 << 30,
    max_processes=32,
    max_output_bytes=4096,
    deterministic_steps=0,
)
THEOREM: Final = LeanTheorem(
    name="both_ways", statement="(p q r : Prop) (h : p ∧ q ∧ r) : q ∧ r ∧ p"
)
PROOF: Final = """by
  obtain ⟨hp, hq, hr⟩ := h
  constructor
  · exact hq
  · constructor
    · exact hr
    · exact hp
"""
WRONG: Final = PROOF.replace("exact hq", "exact hr")
OUTCOMES: Final = {PROOF: Outcome.ACCEPTED, WRONG: Outcome.REJECTED}
ENDLESS: Final = "by\n  set_option maxHeartbeats 0 in\n  repeat (have := 1)\n"
BROKEN: Final = LeanTheorem(
    name="mixed",
    statement="(p q r : Prop) (n m : Nat) (hp : p) (hq : q) (h : p → r) :\n"
    "    (p ∧ q) ∧ (q ∧ r) ∧ (n + m = m + n) ∧ (n * 0 = 0) ∧ (p ∨ r)",
)
FIVE_DEFECTS: Final = """by
  have h1 : p ∧ q := by
    constructor
    · exact hq
    · exact hq
  have h2 : q ∧ r := by
    constructor
    · exact hq
    · exact h hq
  have h3 : n + m = m + n := by
    rw [Nat.mul_comm]
  have h4 : n * 0 = 0 := by
    exact missing_lemma n
  have h5 : p ∨ r := by
    right
    exact hp
  exact ⟨h1, h2, h3, h4, h5⟩
"""

_AT_A_TIME: Final = max(CORES, 4)
"""Checks that are made at a time, by repairs or here."""

console = Console()
numbers = itertools.count()


def candidate(proof: str = PROOF) -> str:
    """A proof that nobody has seen."""
    return f"{proof}-- {next(numbers)}\n"


def whole(source: str, theorem: LeanTheorem = THEOREM) -> str:
    return f"theorem {theorem.name} {theorem.statement} := {source}"


class Fresh:
    """A `lean` process for each text."""

    def __init__(self, core: LeanEnvironment, folder: str) -> None:
        self._command = [sys.executable, "-I", "-S", launcher.__file__, str(core.library), "--json"]
        self._environment = {"LEAN_PATH": ":".join(map(str, core.lean_path))}
        self._folder = Path(folder)

    async def messages(self, text: str) -> list[Message]:
        return await asyncio.to_thread(self._run, text)

    def _run(self, text: str) -> list[Message]:
        source = self._folder / f"{next(numbers)}.lean"
        source.write_text(text)
        ran = subprocess.run(
            [*self._command, str(source)],
            capture_output=True,
            env=self._environment,
            cwd=self._folder,
        )
        source.unlink()
        return [Message.read(json.loads(line)) for line in ran.stdout.splitlines()]

    async def proves(self, source: str) -> None:
        errors = [one for one in await self.messages(whole(source)) if one.severity == "error"]
        assert not errors, errors

    def check(self, runtime_check: Check) -> Check:
        """A check of repairs by fresh processes; the messages are taken from a warm cell."""

        async def check(source: str) -> Checked:
            await self.messages(whole(source, BROKEN))
            return await runtime_check(source)

        return check


async def nothing(_: str) -> None:
    await asyncio.to_thread(subprocess.run, [sys.executable, "-I", "-S", "-c", ""], check=True)


def spec(source: str) -> VerificationSpec:
    return VerificationSpec(problem=Problem(criterion=THEOREM), candidate=Candidate(source=source))


class Bench:
    """Everything that is measured, on one runtime."""

    def __init__(self, runtime: LeanRuntime, fresh: Fresh) -> None:
        self.runtime = runtime
        self.fresh = fresh
        self.executor = LeanExecutor([runtime])
        self._modules: list[bytes] = []

    async def compiled(self, source: str, *, module: bool = False) -> None:
        made = await self.runtime.compile((whole(source),), limits=LIMITS, module=module)
        assert made.claims_success, made

    async def compile_modules(self) -> None:
        """The problem alone, and a candidate, for audits."""
        for text in (whole("sorry\n"), whole(PROOF)):
            made = await self.runtime.compile((text,), limits=LIMITS, module=True)
            assert made.module is not None
            self._modules.append(made.module)

    def audited(self) -> None:
        specification, module = map(read_module, self._modules)
        found = inspect(specification, module, (THEOREM.name,))
        assert not found.findings, found

    async def verified(self, source: str, outcome: Outcome = Outcome.ACCEPTED) -> None:
        verdict = await self.executor.verify(
            spec(source),
            environment=self.executor.environments[0],
            limits=LIMITS,
            progress=lambda _: None,
        )
        assert verdict.outcome is outcome, verdict

    def ways(self, concurrency: int) -> list[Way]:
        async def with_module(source: str) -> None:
            await self.compiled(source, module=True)

        judges: dict[str, Judge] = {
            PYTHON: nothing,
            FRESH: self.fresh.proves,
            WARM: self.compiled,
            "and the module handed out": with_module,
            "verdict: audited, replayed by the kernel": self.verified,
        }
        return [Way(name, judge, concurrency=concurrency) for name, judge in judges.items()]


async def speed(bench: Bench, rounds: int, count: int) -> None:
    """Latency one at a time, and throughput."""
    compared = [*bench.ways(1), *bench.ways(CORES)]
    for number in range(rounds + 1):
        for way in random.sample(compared, len(compared)):
            await measure(way, [candidate() for _ in range(count)])
        if number == 0:
            for way in compared:
                way.forget()
    latency, throughput = (
        [way for way in compared if (way.concurrency == 1) is alone] for alone in (True, False)
    )
    console.print(_latency_table(latency))
    console.print(_throughput_table(throughput))


def _latency_table(ways: list[Way]) -> Table:
    python, fresh, *_ = ways
    unit, cpu = fresh.median - python.median, fresh.cpu_each - python.cpu_each
    table = Table(title="Latency, one at a time")
    table.add_column("way")
    for column in ("p50 ms", "p95 ms", "p50 of lean", "CPU ms", "CPU of lean"):
        table.add_column(column, justify="right")
    for way in ways:
        begun = python if way is fresh else None
        table.add_row(
            way.name,
            f"{way.median * 1e3:.1f}",
            f"{way.p95 * 1e3:.1f}",
            f"{(way.median - (begun.median if begun else 0)) / unit:.3f}",
            f"{way.cpu_each * 1e3:.1f}",
            f"{(way.cpu_each - (begun.cpu_each if begun else 0)) / cpu:.3f}",
        )
    return table


def _throughput_table(ways: list[Way]) -> Table:
    python, fresh, *_ = ways
    unit = 1 / (1 / fresh.throughput - 1 / python.throughput)
    table = Table(title=f"Throughput, {CORES} at a time")
    for column in ("way", "checks/s", "of lean"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for way in ways:
        rate = unit if way is fresh else way.throughput
        table.add_row(way.name, f"{way.throughput:.1f}", f"{rate / unit:.2f}")
    return table


async def timeouts(bench: Bench, times: int) -> None:
    """How soon the next candidate is answered after one that ran into its limit."""
    warm = [await _timed(bench.compiled(candidate())) for _ in range(times)]
    after = []
    for _ in range(times):
        limits = dataclasses.replace(LIMITS, wall_seconds=0.5, cpu_seconds=0.5)
        made = await bench.runtime.compile((whole(candidate(ENDLESS)),), limits=limits)
        assert made.ran.trouble in ("cpu-time", "wall-time"), made
        after.append(await _timed(bench.compiled(candidate())))
    fresh = [await _timed(bench.fresh.proves(candidate())) for _ in range(times)]
    usual, bound = statistics.median(warm), min(statistics.median(fresh), 0.1)
    kept = sum(one <= bound for one in after) / times
    middle = statistics.median(after)
    console.print(
        f"After a time-out, {times} times: the next answer p50 {middle * 1e3:.1f} ms, longest "
        f"{max(after) * 1e3:.1f} ms (usually {usual * 1e3:.1f} ms); sooner than a new "
        f"process would be, and within 100 ms: {kept:.0%}.",
        highlight=False,
    )


async def _timed(work: Awaitable[None]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def certifying(bench: Bench, size: int, rounds: int) -> None:
    """What certificates cost a batch of which one in ten claims success."""
    await bench.compile_modules()

    async def verified(proof: str) -> None:
        await bench.verified(candidate(proof), OUTCOMES[proof])

    async def wall(proofs: list[str]) -> float:
        waiting = iter(proofs)

        async def work() -> None:
            for proof in waiting:
                await verified(proof)

        return await _timed(_all(work() for _ in range(CORES)))

    good, bad = [PROOF] * (size // 10), [WRONG] * (size - size // 10)
    walls = [(await wall(bad), await wall(good)) for _ in range(rounds)]
    accepted = [await _timed(verified(PROOF)) for _ in range(size)]
    cold = [await _timed(bench.compiled(candidate(), module=True)) for _ in range(size)]
    more = statistics.median(accepted) - statistics.median(cold)
    whole_batch = statistics.median(map(sum, walls))
    share = len(good) * more / CORES / whole_batch
    audit = [await _timed(asyncio.to_thread(bench.audited)) for _ in range(size)]
    console.print(
        f"Certificates: an accepted candidate takes {more * 1e3:.1f} ms longer than its "
        f"compilation, p50, which is {share:.1%} of the wall clock of a batch of {size}, {CORES} "
        f"at a time, of which 10 % claim success. Of that, reading the module and auditing it: "
        f"{statistics.median(audit) * 1e3:.1f} ms.",
        highlight=False,
    )


async def _all(workers: Iterator[Awaitable[None]]) -> None:
    await asyncio.gather(*workers)


async def memory(bench: Bench, checks: int) -> None:
    """How memory grows."""
    warm_up = min(1000, checks // 10 + 1)

    async def many(count: int) -> None:
        waiting = iter(range(count))

        async def work() -> None:
            for _ in waiting:
                await bench.compiled(candidate())

        await _all(work() for _ in range(CORES))

    await many(warm_up)
    before, service_before = await _private_bytes()
    began = time.perf_counter()
    await many(checks)
    elapsed = time.perf_counter() - began
    after, service_after = await _private_bytes()
    console.print(
        f"Memory: after {warm_up} checks jails have {before / 2**20:.1f} MiB of their own, "
        f"{checks} later {after / 2**20:.1f} MiB ({after / before - 1:+.1%}); the process of the "
        f"service {service_before / 2**20:.1f} and {service_after / 2**20:.1f} MiB "
        f"({service_after / service_before - 1:+.1%}). {checks / elapsed:.0f} checks/s.",
        highlight=False,
    )


async def _private_bytes() -> tuple[float, float]:
    """Memory that the jails' processes share with nobody, a jail each; and of this process."""
    gc.collect()
    await asyncio.sleep(1)
    below = [size for pid in descendants(os.getpid()) if (size := _proportional_bytes(pid))]
    return sum(below), _proportional_bytes(os.getpid())


def _proportional_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1]) * 1024
    return 0


async def repairing(bench: Bench, rounds: int) -> None:
    """Makes holes of the defects of a proof, with each kind of check."""
    warm = elaboration(bench.runtime, BROKEN, LIMITS)
    times: dict[str, list[float]] = {"warm": [], "fresh": []}
    used = 0
    for _ in range(rounds):
        for name, check in (("warm", warm), ("fresh", bench.fresh.check(warm))):
            draft = extract(BROKEN, candidate(FIVE_DEFECTS)).draft
            allowance = Allowance(1000)
            began = time.perf_counter()
            made = await sorrify(draft, Checker(check, allowance))
            times[name].append(time.perf_counter() - began)
            assert made.is_clean
            used = allowance.used
    one, other = (statistics.median(times[name]) for name in ("warm", "fresh"))
    python = statistics.median([await _timed(nothing("")) for _ in range(20)])
    other -= one + used * python / CORES
    console.print(
        f"A proof with five defects, made to hold with holes: {used} checks, {one * 1e3:.0f} ms; "
        f"with a fresh lean process for each check {other * 1e3:.0f} ms, {other / one:.1f} times "
        "as long.",
        highlight=False,
    )


async def run(arguments: argparse.Namespace) -> None:
    where, core = machine(), LeanEnvironment.core()
    sandboxes = await Sandboxes.create(idle_jails=_AT_A_TIME + 1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(await open_runtime(core, sandboxes), Fresh(core, folder))
            parts: dict[str, Callable[[], Awaitable[None]]] = {
                "speed": lambda: speed(bench, arguments.rounds, arguments.count),
                "timeouts": lambda: timeouts(bench, 2 * arguments.count),
                "certificates": lambda: certifying(bench, 10 * arguments.count, arguments.rounds),
                "memory": lambda: memory(bench, arguments.checks),
                "repair": lambda: repairing(bench, arguments.rounds),
            }
            for name, part in parts.items():
                if name in arguments.only or not arguments.only:
                    await part()
    finally:
        await sandboxes.close()
    console.print(f"{core.name}, Lean {core.version}. {where}.", highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5, help="how often to go through all ways")
    parser.add_argument("--count", type=int, default=10, help="candidates in a round of one way")
    parser.add_argument("--checks", type=int, default=10_000, help="checks between looks at memory")
    parser.add_argument("--only", nargs="*", default=[], help="parts: speed, timeouts, …")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
