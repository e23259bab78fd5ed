"""Whether verdicts depend on how busy the machine is.

    python -m benchmarks.busy_machine [--count 1000] [--processes 20]

Judges the same candidates twice, once on the machine as it is and once beside processes that keep
every core busy, and compares the verdicts. Exits with 1 if one differs.

Half of the candidates are reference solutions of HumanEval and MBPP. The other half are made wrong,
slow, hungry or hostile in ways whose verdict rests on limits and clocks, where load would show.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import CORES, machine
from sandboxes.python_tests import PythonTestsExecutor
from verifier_service.model import (
    Candidate,
    Limits,
    Problem,
    PythonTests,
    TestCode,
    VerificationSpec,
)

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
LIMITS = Limits(
    wall_seconds=3,
    cpu_seconds=2,
    memory_bytes=512 * 1024**2,
    max_processes=16,
    max_output_bytes=65536,
    deterministic_steps=0,
)
TWISTS = (
    "\nimport time as _t\n_t.sleep(1)\n",
    "\nimport time as _t\n_e = _t.process_time() + 0.5\nwhile _t.process_time() < _e: pass\n",
    "\n_keep = bytearray(200 << 20)\n",
    "\nprint('x' * 150_000)\n",
    "\nimport sys\nsys.exit(0)\n",
    "\nwhile True: pass\n",
    "\n_keep = bytearray(3 << 30)\n",
    "\nimport time as _t\n_t.sleep(60)\n",
    "\nimport os\nfor _ in range(40):\n    os.fork() or _t.sleep(9)\n",
    "\ndef {entry_point}(*_, **__): return None\n",
)
"""Put behind a reference solution. The first four change nothing that the tests see."""


def specs(count: int) -> Iterator[VerificationSpec]:
    """Candidates in an order that does not depend on anything."""
    problems = []
    for name in ("humaneval.jsonl.gz", "mbpp.jsonl.gz"):
        with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
            problems += [json.loads(line) for line in lines]
    for number in range(count):
        problem = problems[number // 2 % len(problems)]
        source = problem.get("canonical_solution") or problem["solution"]
        if number % 2:
            twist = TWISTS[number // 2 % len(TWISTS)]
            source += twist.replace("{entry_point}", problem["entry_point"])
        tests = TestCode(
            source=problem.get("test") or problem["asserts"], entry_point=problem["entry_point"]
        )
        criterion = PythonTests(form=tests, preamble=problem.get("prompt", ""))
        yield VerificationSpec(
            problem=Problem(criterion=criterion), candidate=Candidate(source=source)
        )


async def verdicts(executor: PythonTestsExecutor, count: int) -> list[str]:
    """Outcome and reason of each candidate, as many at a time as there are cores."""
    slots = asyncio.Semaphore(CORES)

    async def one(spec: VerificationSpec) -> str:
        async with slots:
            verdict = await executor.verify(
                spec,
                environment=executor.environments[0],
                limits=LIMITS,
                progress=lambda _: None,
            )
        return f"{verdict.outcome.name} {verdict.reason}"

    return await asyncio.gather(*map(one, specs(count)))


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keeps the cores busy meanwhile."""
    running = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"])
        for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


async def compare(count: int, processes: int) -> int:
    """Judges twice and prints what differs; returns an exit code."""
    executor = await PythonTestsExecutor.create()
    try:
        began = time.monotonic()
        quiet = await verdicts(executor, count)
        between = time.monotonic()
        with busy(processes):
            loaded = await verdicts(executor, count)
        took = time.monotonic() - between
    finally:
        await executor.close()
    print(machine())
    for verdict, number in Counter(quiet).most_common():
        print(f"{number:6}  {verdict}")
    print(
        f"beside {processes} busy processes, it took {took / (between - began):.1f} times as long"
    )
    differing = [
        (number, *pair)
        for number, pair in enumerate(zip(quiet, loaded, strict=True))
        if pair[0] != pair[1]
    ]
    for number, one, other in differing:
        print(f"candidate {number}: {one}; beside busy processes: {other}")
    print(f"{count - len(differing)} of {count} verdicts are the same")
    return 1 if differing else 0


def main() -> int:
    """Reads the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1000, help="candidates")
    parser.add_argument("--processes", type=int, default=20, help="busy processes")
    options = parser.parse_args()
    return asyncio.run(compare(options.count, options.processes))


if __name__ == "__main__":
    sys.exit(main())
