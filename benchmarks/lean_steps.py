"""What a step of a Lean step session takes, against a fresh `lean` process, in one run.

All in `lean4-core`, in the sandbox, without the network. Compare ratios.

    python -m benchmarks.lean_steps [--steps N] [--stops N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.lean import launcher
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.steps.runner import Path as Tactics
from sandboxes.lean.steps.runner import Reached, TacticLimits
from sandboxes.lean.steps.server_runner import ServerRunner
from verifier_service.model import LeanTheorem, Limits

LIMITS: Final = Limits(
    wall_seconds=60,
    cpu_seconds=60,
    memory_bytes=1 << 30,
    max_processes=64,
    max_output_bytes=4096,
    deterministic_steps=0,
)
ENOUGH: Final = TacticLimits(wall_seconds=60, cpu_seconds=60)
SECOND: Final = TacticLimits(wall_seconds=1, cpu_seconds=1)
THEOREM: Final = LeanTheorem(name="swap", statement="(p q : Prop) (h : p ∧ q) : q ∧ p")
ENDLESS: Final = "set_option maxHeartbeats 0 in\nrepeat (have := h; skip)"
COSTLY: Final = (
    "set_option maxRecDepth 100000 in\nhave : ∀ n : Nat, n < 300 → n + 0 = n := by decide"
)


async def timed(runner: ServerRunner, path: Tactics, tactic: str) -> float:
    began = time.perf_counter()
    ran = await runner.run(path, tactic, ENOUGH)
    assert isinstance(ran.outcome, Reached), ran
    return time.perf_counter() - began


def fresh(core: LeanEnvironment, folder: str) -> float:
    """One `lean` process for the theorem with one tactic."""
    source = Path(folder) / "one.lean"
    source.write_text(f"theorem swap {THEOREM.statement} := by\n  constructor\n")
    command = [sys.executable, "-I", "-S", launcher.__file__, str(core.library), str(source)]
    began = time.perf_counter()
    subprocess.run(
        command,
        check=False,
        capture_output=True,
        env={"LEAN_PATH": ":".join(map(str, core.lean_path))},
    )
    return time.perf_counter() - began


async def measured(steps: int, stops: int) -> dict[str, float]:
    core = LeanEnvironment.core()
    sandboxes = await Sandboxes.create()
    runner = ServerRunner(THEOREM, await LeanRuntime.create(core, sandboxes), LIMITS)
    try:
        began = time.perf_counter()
        await runner.open()
        opening = time.perf_counter() - began
        with tempfile.TemporaryDirectory() as folder:
            processes = [fresh(core, folder) for _ in range(10)]
        deeper, aside = [], []
        for _ in range(steps):
            deeper.append(await timed(runner, (), "constructor"))
            deeper.append(await timed(runner, ("constructor",), "exact h.2"))
            aside.append(await timed(runner, (), "cases h"))
        first = await timed(runner, (), COSTLY)
        behind = [await timed(runner, (COSTLY,), "constructor") for _ in range(5)]
        after = []
        for _ in range(stops):
            await runner.run((), ENDLESS, SECOND)
            after.append(await timed(runner, (), "constructor"))
        replaced = runner.replaced_count
    finally:
        await runner.close()
        await sandboxes.close()
    process = statistics.median(processes)
    return {
        "fresh process, ms": 1000 * process,
        "open a session, of a fresh process": opening / process,
        "step, of a fresh process": statistics.median(deeper) / process,
        "step from an older state, of a fresh process": statistics.median(aside) / process,
        "step behind a costly one, of the costly one": statistics.median(behind) / first,
        "step, ms": 1000 * statistics.median(deeper),
        "step after a stop, ms": 1000 * statistics.median(after),
        "stops that kept their process": 1 - replaced / stops,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(measured(arguments.steps, arguments.stops))
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:50} {value:8.3f}")


if __name__ == "__main__":
    main()
