"""Which candidate to return when neither candidates nor tests can be trusted: rules compared.

    python -m benchmarks.selection [--rounds 2000] [--samples FILE --problems FILE --limit 82]

First on matrices drawn as B4's authors draw them. Then, given model-written samples and their
problems, on real ones: every sample of a model runs, in the service's sandbox, on inputs of its
problem; a test is an input with what one of the samples returned for it, right or wrong, as a
model that writes tests errs like one that writes solutions. Nothing of the reference is used but
to say, in the end, whether the solution that a rule chose is right.

Prints the share of right choices by rule, over problems that have right and wrong solutions.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import gzip
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from clients import python_calls
from clients.local import local_verifier
from proposer.estimation import intervals, selection
from proposer.estimation.judging import judged
from proposer.estimation.ratios import Ratio
from proposer.estimation.selection import B4Prior, Group, Passed
from verifier_service.model import PythonEvidence, ServiceError, Verdict

__all__ = ["RULES", "Drawn", "chosen", "drawn"]

RULES: Mapping[str, Callable[[Passed], tuple[Group, ...]]] = {
    "B4": selection.b4,
    "B4, mild prior": partial(selection.b4, prior=B4Prior(correct=10, strict=10)),
    "B4, strict prior": partial(selection.b4, prior=B4Prior(correct=1e3, strict=1e5)),
    "CodeT": selection.codet,
    "most passed": selection.most_passed,
    "majority": selection.largest_group,
}
CHANCE = "chance"
Rates = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """How matrices are drawn: B4 §5.1, with its authors' settings.

    Attributes:
        right: Share of right solutions.
        good: Share of right tests.
        lucky: How often a wrong solution passes a right test.
        fooled: How often a wrong solution passes a wrong test; a right one never does.
    """

    right: float = 0.2
    good: float = 0.3
    lucky: float = 0.4
    fooled: float = 0.1
    solutions: int = 10
    tests: int = 30


SETTINGS = {
    "as in B4's script": Drawn(),
    "good tests": Drawn(good=0.8),
    "few right solutions": Drawn(right=0.1),
    "many solutions": Drawn(solutions=100),
    "wrong ones pass often": Drawn(lucky=0.8, fooled=0.1),
    "wrong tests fool": Drawn(fooled=0.4),
}

TELL = """

def __tell__():
    import contextlib, io, signal, sys
    out = sys.stdout
    signal.signal(signal.SIGPROF, signal.default_int_handler)
    for arguments in eval({inputs!r}):
        try:
            signal.setitimer(signal.ITIMER_PROF, 0.2)
            with contextlib.redirect_stdout(io.StringIO()):
                answer = repr({function}(*arguments))
        except BaseException as error:
            answer = "raised " + type(error).__name__
        signal.setitimer(signal.ITIMER_PROF, 0)
        out.write(answer[:2000].replace("\\n", " ") + "\\n")
        out.flush()
"""


def drawn(settings: Drawn, random: np.random.Generator) -> tuple[Passed, Passed]:
    """A matrix and which solutions are right."""
    right = random.uniform(size=settings.solutions) < settings.right
    good = random.uniform(size=settings.tests) < settings.good
    of_right = good.astype(np.float64)
    of_wrong = np.where(good, settings.lucky, settings.fooled)
    rates = np.where(right[:, None], of_right, of_wrong)
    return random.uniform(size=rates.shape) < rates, right


def chosen(groups: tuple[Group, ...], right: Passed) -> float:
    """Share of right ones among those a rule ranks first; a tie is broken by lot."""
    best = [index for group in groups if group.score == groups[0].score for index in group.members]
    return float(right[best].mean())


def compared(passed: Passed, right: Passed) -> dict[str, float]:
    found = {name: chosen(rule(passed), right) for name, rule in RULES.items()}
    return {**found, CHANCE: float(right.mean())}


def simulated(settings: Drawn, rounds: int) -> Rates:
    random, rates = np.random.default_rng(0), collections.defaultdict(list)
    for _ in range(rounds):
        passed, right = drawn(settings, random)
        if 0 < right.sum() < len(right):
            for name, rate in compared(passed, right).items():
                rates[name].append(rate)
    return rates


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def campaigns(samples: list[dict[str, Any]], count: int) -> dict[str, dict[str, list[Any]]]:
    """Samples by configuration and problem, of the configurations with `count` for all."""
    found: dict[str, dict[str, list[Any]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for sample in samples:
        if sample["strong"] in ("pass", "fail", "skipped", "timeout", "load_error"):
            name = f"{sample['model']} {sample['config']}"
            found[name][sample["task_id"]].append(sample)
    return {
        name: {task: some[:count] for task, some in tasks.items() if len(some) >= count}
        for name, tasks in found.items()
        if sum(len(some) >= count for some in tasks.values()) >= 40
    }


def answers(result: Verdict | ServiceError, count: int) -> list[str]:
    """What a candidate said to each input; "silent" where it said nothing."""
    said: list[str] = []
    if isinstance(result, Verdict) and isinstance(result.evidence, PythonEvidence):
        said = result.evidence.stdout.head.decode("utf-8", "replace").split("\n")[:-1][:count]
    return said + ["silent"] * (count - len(said))


def matrix(told: list[list[str]], tests: int, random: np.random.Generator) -> Passed:
    """Tests are inputs with what a sample drawn by lot returned; none that raised."""
    columns: list[list[bool]] = []
    for _ in range(tests * 4):
        author, place = random.integers(len(told)), random.integers(len(told[0]))
        wanted = told[author][place]
        if len(columns) < tests and not wanted.startswith(("raised ", "silent")):
            columns.append([answer[place] == wanted for answer in told])
    return np.array(columns, np.bool_).T


async def real(
    tasks: dict[str, list[Any]], problems: Mapping[str, dict[str, Any]], tests: int
) -> tuple[Rates, list[str]]:
    """Rates by rule over the problems of one configuration, and which problems."""
    rates: dict[str, list[float]] = collections.defaultdict(list)
    names, specs, inputs = [], [], {}
    for name, samples in tasks.items():
        problem = problems[name]
        inputs[name] = (problem["base_input"] + problem["plus_input"])[:12]
        text = repr(inputs[name])
        tell = TELL.format(inputs=text, function=problem["entry_point"])
        specs += [
            python_calls(each["solution"] + tell, "__tell__", [([], None)])
            for each in samples
            if len(text) < 20_000
        ]
        names += [name for _ in samples if len(text) < 20_000]
    async with local_verifier() as verifier:
        results = await judged(verifier, specs)
    told: dict[str, list[list[str]]] = collections.defaultdict(list)
    for name, result in zip(names, results, strict=True):
        told[name].append(answers(result, len(inputs[name])))
    used = []
    for place, (name, said) in enumerate(told.items()):
        passed = matrix(said, tests, np.random.default_rng(place))
        right = np.array([sample["strong"] == "pass" for sample in tasks[name]])
        if passed.size and 0 < right.sum() < len(right):
            used.append(name)
            for rule, rate in compared(passed, right).items():
                rates[rule].append(rate)
    return rates, used


def line(name: str, rates: Rates, count: int) -> str:
    figures = " | ".join(f"{np.mean(rates[rule]):.3f}" for rule in (*RULES, CHANCE))
    return f"| {name} | {count} | {figures} |"


def gap(rates: Rates, problems: Sequence[str], first: str, second: str) -> str:
    """By how much the first rule is right more often, with a 95 % interval by problem."""
    sums: dict[str, list[float]] = collections.defaultdict(list)
    for problem, one, other in zip(problems, rates[first], rates[second], strict=True):
        sums[problem].append(one - other)
    found = intervals.recommended(
        Ratio(
            name="difference",
            numerators=np.array([sum(some) for some in sums.values()]),
            denominators=np.array([len(some) for some in sums.values()], np.float64),
            observations=len(problems),
            fraction=False,
        )
    )
    return (
        f"{first} over {second}: {found.estimate:+.3f} [{found.lower:+.3f}, {found.upper:+.3f}] "
        f"over {found.clusters} problems"
    )


async def on_samples(options: argparse.Namespace) -> dict[str, object]:
    problems = {problem["task_id"]: problem for problem in read(options.problems)}
    pooled: dict[str, list[float]] = collections.defaultdict(list)
    pooled_problems: list[str] = []
    found = campaigns(read(options.samples), options.count)
    chosen_ones = [name for name in found if name in options.only] or sorted(found)[:3]
    for name in chosen_ones:
        tasks = dict(list(found[name].items())[: options.limit])
        rates, used = await real(tasks, problems, options.tests)
        print(line(name, rates, len(used)), flush=True)
        pooled_problems += used
        for rule in rates:
            pooled[rule] += rates[rule]
    print(line("all", pooled, len(pooled_problems)))
    gaps = [
        gap(pooled, pooled_problems, "B4", "CodeT"),
        gap(pooled, pooled_problems, "B4", "B4, mild prior"),
        gap(pooled, pooled_problems, "CodeT", "majority"),
        gap(pooled, pooled_problems, "CodeT", CHANCE),
        gap(pooled, pooled_problems, "majority", CHANCE),
    ]
    print("\n" + "\n".join(gaps))
    return {"rates": {rule: float(np.mean(some)) for rule, some in pooled.items()}, "gaps": gaps}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--samples", type=Path)
    parser.add_argument("--problems", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="configurations, as 'model config'")
    parser.add_argument("--count", type=int, default=20, help="samples of each problem")
    parser.add_argument("--tests", type=int, default=20)
    parser.add_argument("--limit", type=int, default=1000, help="problems")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    print("| matrices | count | " + " | ".join((*RULES, CHANCE)) + " |")
    print("| --- | --- |" + " --- |" * (len(RULES) + 1))
    figures: dict[str, object] = {}
    for name, settings in SETTINGS.items():
        rates = simulated(settings, options.rounds)
        print(line(name, rates, len(rates[CHANCE])), flush=True)
        figures[name] = {rule: float(np.mean(some)) for rule, some in rates.items()}
    if options.samples:
        figures["samples"] = asyncio.run(on_samples(options))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
