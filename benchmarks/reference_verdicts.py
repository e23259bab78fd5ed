"""Compares verdicts on real model-written samples with a reference run's.

    python benchmarks/reference_verdicts.py SAMPLES.jsonl.gz PROBLEMS.jsonl.gz [--limit 500]

A sample has `task_id`, `solution` and the reference's verdicts `weak` and `strong`. `--suite weak`
runs the problem's own test code, or with `--inputs` its base inputs; `--suite strong` runs all of
its inputs, with results of the reference solution as expected ones. Equal solutions run once.

Prints a table of what agreed, and a line of JSON for everything that did not.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import gzip
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from sandboxes.python_tests import PythonTestsExecutor
from sandboxes.python_tests.jailed import literal
from verifier_service.model import (
    CallCase,
    CallCases,
    Candidate,
    Comparison,
    Limits,
    Problem,
    PythonTests,
    ServiceError,
    TestCode,
    Verdict,
    VerificationSpec,
)

LIMITS = Limits(
    wall_seconds=20,
    cpu_seconds=8,
    memory_bytes=4 * 1024**3,
    max_processes=32,
    max_output_bytes=64 * 1024,
    deterministic_steps=0,
)


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_code(problem: dict[str, Any]) -> PythonTests:
    """The problem's own tests: HumanEval's `check`, or MBPP's asserts."""
    if "test" in problem:
        form = TestCode(source=problem["test"], entry_point=problem["entry_point"])
        return PythonTests(form=form, preamble=problem["prompt"])
    return PythonTests(
        form=TestCode(source=problem["assertion"], entry_point=problem["entry_point"])
    )


def expected_results(problem: dict[str, Any], *, strong: bool) -> PythonTests | None:
    """Calls with the results of the reference solution, run here: it is trusted."""
    space: dict[str, Any] = {}
    text = problem["canonical_solution"]
    exec(problem["prompt"] + text if "test" in problem else text, space)
    function = space[problem["entry_point"]]
    more = problem["plus_input"] if strong else []
    cases = []
    for arguments in [*problem["base_input"], *(more if isinstance(more, list) else ())]:
        try:
            given = literal.dumps(arguments)
            expected = literal.dumps(function(*arguments))
        except Exception:  # noqa: BLE001 - an input that the reference itself can't take
            return None
        cases.append(CallCase(arguments_json=given, expected_json=expected))
    form = CallCases(
        entry_point=problem["entry_point"],
        cases=tuple(cases),
        tolerance=float(problem.get("atol") or 0) or (1e-6 if has_float(cases) else 0.0),
        comparison=Comparison.EQUAL,
    )
    return PythonTests(form=form, preamble=problem["prompt"] if "test" in problem else "")


def has_float(cases: list[CallCase]) -> bool:
    return any(isinstance(literal.loads(case.expected_json), float) for case in cases)


def summarised(verdict: Verdict) -> str:
    if verdict.reason == "tests-passed":
        return "pass"
    if verdict.reason in ("cpu-time-exceeded", "wall-time-exceeded"):
        return "timeout"
    if verdict.reason in ("syntax-error", "load-error", "missing-name"):
        return "load_error"
    return "fail" if verdict.outcome.value == "rejected" else verdict.outcome.value


async def main() -> None:
    options = arguments()
    problems = {problem["task_id"]: problem for problem in read(options.problems)}
    unique: dict[tuple[str, str], list[dict[str, Any]]] = collections.defaultdict(list)
    for sample in read(options.samples):
        unique[sample["task_id"], sample["solution"]].append(sample)
    chosen = sorted(unique)
    random.Random(options.seed).shuffle(chosen)
    chosen = chosen[: options.limit or None]
    make = test_code if options.suite == "weak" and not options.inputs else None
    tests = {
        task: make(problems[task])
        if make
        else expected_results(problems[task], strong=options.suite == "strong")
        for task in {task for task, _ in chosen}
    }
    executor = await PythonTestsExecutor.create()
    table: collections.Counter[tuple[str, str]] = collections.Counter()
    began = time.monotonic()
    queue = iter(chosen)

    async def worker() -> None:
        for task, solution in queue:
            if (criterion := tests[task]) is None:
                continue
            spec = VerificationSpec(
                problem=Problem(criterion=criterion), candidate=Candidate(source=solution)
            )
            try:
                verdict = await executor.verify(
                    spec,
                    environment=executor.environments[0],
                    limits=LIMITS,
                    progress=lambda _: None,
                )
                got, why = summarised(verdict), f"{verdict.reason}: {verdict.summary}"
            except ServiceError as error:
                got, why = f"error {error.reason}", str(error)
            for reference in {sample[options.suite] for sample in unique[task, solution]}:
                count = sum(s[options.suite] == reference for s in unique[task, solution])
                table[reference, got] += count
                if (reference == "pass") != (got == "pass"):
                    difference = {
                        "task": task,
                        "reference": reference,
                        "got": got,
                        "why": why[:300],
                    }
                    if options.sources:
                        difference["solution"] = solution
                    print(json.dumps(difference), flush=True)

    await asyncio.gather(*(worker() for _ in range(options.workers)))
    await executor.close()
    seconds = time.monotonic() - began
    print(f"\n{len(chosen)} different solutions in {seconds:.0f} s", file=sys.stderr)
    print("reference   here        samples", file=sys.stderr)
    for (reference, got), count in sorted(table.items()):
        mark = " " if (reference == "pass") == (got == "pass") else "*"
        print(f"{reference:11} {got:20} {count:7} {mark}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("problems", type=Path)
    parser.add_argument("--suite", choices=("weak", "strong"), default="weak")
    parser.add_argument("--inputs", action="store_true")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sources", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
