"""How often are accepted solutions wrong, on published model-written samples?

    python -m benchmarks.false_positives tables DATA [--json FILE]
    python -m benchmarks.false_positives mutants DATA [--json FILE] [--mutants 40] [--inputs 200]
    python -m benchmarks.false_positives suites DATA [--json FILE] [--samples 150] [--inputs 200]

DATA is a folder with `samples_humaneval.jsonl.gz`, `samples_mbpp.jsonl.gz`,
`HumanEvalPlus.jsonl.gz` and `MbppPlus.jsonl.gz`. A sample has `task_id`, `model`, `config`, and
what its problem's own inputs (`weak`) and many more inputs (`strong`) said of it.

`tables` compares false discoveries by model, their correlation with accuracy (fLaws, Fig. 1a) and
the ceilings of resampling with figures of a larger set that has these samples in it. `mutants` asks
whether mutants of the reference solutions, which know no sample, tell which problems' own tests
let wrong samples through. `suites` asks how many of the samples that the own tests accept and the
strong inputs don't are caught by suites that are amplified from references, and how many right
ones these reject.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import collections
import contextlib
import gzip
import json
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from clients import python_tests
from clients.local import LocalVerifier, local_verifier
from proposer.estimation.amplification import amplified
from proposer.estimation.counts import Answer, Counts, Floats, Observation, Truth
from proposer.estimation.definitions import (
    ceiling,
    false_discovery_proportion,
    false_positive_rate,
    pass_rate,
)
from proposer.estimation.intervals import Interval, recommended
from proposer.estimation.judging import judged
from proposer.estimation.mutation import mutation_scores
from proposer.estimation.strengthening import by_suite
from verifier_service.model import Candidate, Outcome, Verdict, VerificationSpec
from verifier_service.settings import load_settings

ANSWERS = {
    "pass": Answer.ACCEPTED,
    "fail": Answer.REJECTED,
    "load_error": Answer.REJECTED,
    "timeout": Answer.REJECTED,
}
TRUTHS = {"pass": Truth.RIGHT, "fail": Truth.WRONG, "load_error": Truth.WRONG}
"""Of the strong verdict; a time limit that was passed, or a run left out, is no truth."""

SETS = (
    ("humaneval", "HumanEvalPlus.jsonl.gz", "samples_humaneval.jsonl.gz"),
    ("mbpp", "MbppPlus.jsonl.gz", "samples_mbpp.jsonl.gz"),
)
RESAMPLES = 2000
LEAST_ACCEPTED = 40


class Reference(NamedTuple):
    """A figure of the larger set: 164 problems of HumanEval."""

    model: str
    config: str
    weak: float
    strong: float
    false: float
    lower: float
    upper: float


REFERENCES = [
    Reference("qwen2.5-coder-7b-instruct", "evalperf", 0.900, 0.870, 0.034, 0.004, 0.226),
    Reference("qwen2.5-coder-7b", "mvce_base", 0.854, 0.810, 0.051, 0.028, 0.091),
    Reference("gpt-4-2023", "langchain", 0.851, 0.779, 0.085, 0.050, 0.139),
    Reference("gpt-3.5-turbo-2023", "langchain", 0.775, 0.709, 0.085, 0.050, 0.141),
    Reference("llama3.1-8b", "mvce_base", 0.529, 0.480, 0.093, 0.058, 0.145),
    Reference("mistral-nemo-12b", "mvce_base", 0.487, 0.434, 0.109, 0.067, 0.171),
    Reference("codellama-34b-instruct-2023", "langchain", 0.448, 0.379, 0.153, 0.089, 0.248),
    Reference("llama3-8b", "mvce_base", 0.375, 0.319, 0.150, 0.095, 0.229),
    Reference("codegen-16b-mono", "base", 0.225, 0.195, 0.135, 0.089, 0.201),
]
CORRELATIONS = {"humaneval": (-0.67, -0.12), "mbpp": (-0.36, None)}
"""Of accuracy and false discoveries over the larger set: correlation, and slope if known."""


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def counts_of(samples: Iterable[dict[str, Any]]) -> Counts:
    return Counts.of(
        Observation(
            problem=sample["task_id"],
            answer=ANSWERS[sample["weak"]],
            truth=TRUTHS.get(sample["strong"], Truth.UNKNOWN),
        )
        for sample in samples
    )


def shown(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"


# tables -----------------------------------------------------------------------------------------


def tables(data: Path) -> dict[str, Any]:
    humaneval = read(data / "samples_humaneval.jsonl.gz")
    mbpp = read(data / "samples_mbpp.jsonl.gz")
    made: dict[str, Any] = {"models": by_model(humaneval)}
    for name, samples in (("humaneval", humaneval), ("mbpp", mbpp)):
        made[name] = totals(name, samples) | correlation(name, samples)
    return made


def totals(name: str, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts = counts_of(samples)
    wrong, right = int(counts.false_positives.sum()), int(counts.true_positives.sum())
    found = recommended(false_discovery_proportion(counts))
    print(
        f"\n{name}: {len(samples)} samples of {len(counts.problems)} problems; of {wrong + right} "
        f"acceptances of known truth {wrong} are wrong: {shown(found)}"
    )
    return {
        "samples": len(samples),
        "problems": len(counts.problems),
        "acceptances": wrong + right,
        "falsePositives": wrong,
        "falseDiscoveries": [found.estimate, found.lower, found.upper],
    }


def by_model(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    print("model                          weak           false discoveries     all    ceiling")
    made = []
    for known in REFERENCES:
        own = [s for s in samples if (s["model"], s["config"]) == (known.model, known.config)]
        counts = counts_of(own)
        weak, found = (
            recommended(pass_rate(counts)),
            recommended(false_discovery_proportion(counts)),
        )
        top = recommended(ceiling(counts))
        agrees = found.lower <= known.false <= found.upper
        mark = "" if agrees else "  *"
        print(
            f"{known.model:29}  {weak.estimate:.3f} ({known.weak:.3f})  {shown(found)}  "
            f"{known.false:.3f}{mark}  {shown(top)}"
        )
        made.append(
            {
                "model": known.model,
                "problems": len(counts.problems),
                "weak": weak.estimate,
                "falseDiscoveries": [found.estimate, found.lower, found.upper],
                "reference": known.false,
                "agrees": agrees,
                "ceiling": [top.estimate, top.lower, top.upper],
            }
        )
    return made


def correlation(name: str, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of accuracy and false discoveries over configurations; problems are resampled."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = collections.defaultdict(list)
    for sample in samples:
        key = (sample["model"], sample["config"], sample["temp"], sample["round"])
        groups[key].append(sample)
    problems = sorted({sample["task_id"] for sample in samples})
    tables = np.array([table(own, problems) for own in groups.values()])
    enough = tables[:, :, 0].sum(axis=1) >= LEAST_ACCEPTED
    chosen = tables[enough]
    rates = np.array(rates_of(chosen))
    fit = stats.linregress(rates[0], rates[1])
    chance = np.random.default_rng(0)
    resampled = []
    for _ in range(RESAMPLES):
        drawn = chosen[:, chance.integers(len(problems), size=len(problems))]
        accuracy, false = rates_of(drawn)
        usable = np.isfinite(false)
        again = stats.linregress(accuracy[usable], false[usable])
        resampled.append((again.rvalue, again.slope, again.intercept))
    limits = np.percentile(resampled, [2.5, 97.5], axis=0)
    known, known_slope = CORRELATIONS[name]
    print(
        f"  {len(chosen)} configurations with {LEAST_ACCEPTED} acceptances or more: correlation of "
        f"accuracy and false discoveries {fit.rvalue:.2f} [{limits[0, 0]:.2f}, {limits[1, 0]:.2f}] "
        f"(larger set {known}), slope {fit.slope:.3f} [{limits[0, 1]:.3f}, {limits[1, 1]:.3f}]"
        + (f" ({known_slope})" if known_slope else "")
        + f", intercept {fit.intercept:.3f}; range {rates[1].min():.2f} to {rates[1].max():.2f}"
    )
    return {
        "configurations": len(chosen),
        "correlation": [fit.rvalue, *limits[:, 0]],
        "slope": [fit.slope, *limits[:, 1]],
        "intercept": [fit.intercept, *limits[:, 2]],
        "reference": {"correlation": known, "slope": known_slope},
        "points": {"accuracy": rates[0].tolist(), "falseDiscoveries": rates[1].tolist()},
    }


def table(samples: Iterable[dict[str, Any]], problems: Sequence[str]) -> list[list[int]]:
    """Per problem: acceptances of known truth, wrong ones, samples, right ones."""
    rows = {problem: [0, 0, 0, 0] for problem in problems}
    for sample in samples:
        row = rows[sample["task_id"]]
        if sample["weak"] == "pass" and sample["strong"] in TRUTHS:
            row[0] += 1
            row[1] += sample["strong"] != "pass"
        row[2] += 1
        row[3] += sample["strong"] == "pass"
    return list(rows.values())


def rates_of(tables: Any) -> tuple[Floats, Floats]:
    """Accuracy and false discoveries of each configuration."""
    accepted, wrong, total, right = tables.sum(axis=1, dtype=float).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return right / total, wrong / accepted


# mutants ----------------------------------------------------------------------------------------


async def mutants(data: Path, mutant_count: int, input_count: int) -> dict[str, Any]:
    made = {}
    for name, problems, samples in SETS:
        observed = observed_rates(read(data / samples))
        chosen = [one for one in read(data / problems) if one["task_id"] in observed]
        made[name] = await compared(name, chosen, observed, mutant_count, input_count)
    return made


def reference(problem: dict[str, Any], *, contract: bool = False) -> VerificationSpec:
    """The problem's own tests, and its reference solution as the candidate.

    With its contract, the reference refuses what the problem does not speak of.
    """
    own = "test" in problem
    return python_tests(
        with_contract(problem) if contract else problem["canonical_solution"],
        tests=problem["test"] if own else problem["assertion"],
        entry_point=problem["entry_point"],
        preamble=problem["prompt"] if own else "",
        problem_id=problem["task_id"],
    )


def with_contract(problem: dict[str, Any]) -> str:
    """The reference solution with the assertions about its inputs at the start of its body."""
    source: str = problem["canonical_solution"]
    if "test" in problem:
        return str(problem["contract"]) + source
    bodies = [
        node.body[0].lineno
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == problem["entry_point"]
    ]
    lines = source.splitlines(keepends=True)
    start = bodies[-1] - 1
    return "".join([*lines[:start], problem["contract"].lstrip("\n"), *lines[start:]])


def observed_rates(samples: Iterable[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """By problem: different wrong solutions that the own tests accepted, and all wrong ones."""
    wrong: dict[str, dict[str, bool]] = collections.defaultdict(dict)
    for sample in samples:
        if TRUTHS.get(sample["strong"]) is Truth.WRONG:
            wrong[sample["task_id"]][sample["solution"]] = sample["weak"] == "pass"
    return {task: (sum(found.values()), len(found)) for task, found in wrong.items()}


async def compared(
    name: str,
    problems: Sequence[dict[str, Any]],
    observed: dict[str, tuple[int, int]],
    mutant_count: int,
    input_count: int,
) -> dict[str, Any]:
    references = [reference(problem) for problem in problems]
    bounded = [reference(problem, contract=True) for problem in problems]
    async with service() as verifier:
        made = await amplified(verifier, bounded, input_count=input_count)
        suites = {one.problem_id: one.tests for one in made if one.tests is not None}
        scores = await mutation_scores(verifier, references, suites, mutant_count=mutant_count)
    rows = []
    for score in scores:
        wrong = score.killed_count + score.wrong_accepted_count
        if wrong and score.problem_id in suites:
            accepted, total = observed[score.problem_id]
            rows.append((score.wrong_accepted_count, wrong, accepted, total))
    by_mutants, by_samples = rates(rows, 0), rates(rows, 2)
    enough = np.array([total >= 5 for *_, total in rows])
    print(
        f"\n{name}: {len(references)} problems, {len(suites)} with a larger suite, "
        f"{sum(score.mutant_count for score in scores)} mutants; of wrong mutants "
        f"{sum(row[0] for row in rows) / sum(row[1] for row in rows):.3f} are accepted by the "
        f"problems' own tests, of wrong samples "
        f"{sum(row[2] for row in rows) / sum(row[3] for row in rows):.3f}"
    )
    found = correlations(by_mutants[enough], by_samples[enough])
    print(
        f"  over {int(enough.sum())} problems with 5 wrong samples or more: Spearman "
        f"{found['spearman'][0]:.2f} [{found['spearman'][1]:.2f}, {found['spearman'][2]:.2f}], "
        f"Pearson {found['pearson'][0]:.2f} [{found['pearson'][1]:.2f}, {found['pearson'][2]:.2f}]"
    )
    held_out = predicted(by_mutants[enough], by_samples[enough])
    print(
        f"  predicted on held-out problems from a line fitted on the others: mean absolute error "
        f"{held_out['withMutants']:.3f}, with the others' mean alone {held_out['meanAlone']:.3f}"
    )
    return {
        "problems": len(references),
        "suites": len(suites),
        "mutants": sum(score.mutant_count for score in scores),
        "compared": int(enough.sum()),
        "points": {
            "mutants": by_mutants[enough].tolist(),
            "samples": by_samples[enough].tolist(),
        },
        "heldOut": held_out,
    } | found


# suites -----------------------------------------------------------------------------------------


async def suites(data: Path, sample_count: int, input_count: int) -> dict[str, Any]:
    made = {}
    for name, problems, samples in SETS:
        accepted = accepted_samples(read(data / samples))
        chosen = [
            one
            for wrong in (True, False)
            for one in drawn([one for one in accepted if one.wrong == wrong], sample_count)
        ]
        tasks = {one.task for one in chosen}
        references = {
            problem["task_id"]: reference(problem, contract=True)
            for problem in read(data / problems)
            if problem["task_id"] in tasks
        }
        made[name] = await caught(name, references, chosen, input_count)
    return made


class Accepted(NamedTuple):
    """A solution that its problem's own tests accept."""

    task: str
    solution: str
    wrong: bool


def accepted_samples(samples: Iterable[dict[str, Any]]) -> list[Accepted]:
    """Different ones, of known truth; those of which runs disagree are left out."""
    truths: dict[tuple[str, str], set[bool]] = collections.defaultdict(set)
    for sample in samples:
        if sample["weak"] == "pass" and (truth := TRUTHS.get(sample["strong"])) is not None:
            truths[sample["task_id"], sample["solution"]].add(truth is Truth.WRONG)
    return [
        Accepted(task, solution, next(iter(found)))
        for (task, solution), found in sorted(truths.items())
        if len(found) == 1
    ]


def drawn(accepted: Sequence[Accepted], count: int) -> list[Accepted]:
    order = np.random.default_rng(0).permutation(len(accepted))[:count]
    return [accepted[index] for index in order]


async def caught(
    name: str,
    references: dict[str, VerificationSpec],
    chosen: Sequence[Accepted],
    input_count: int,
) -> dict[str, Any]:
    async with service() as verifier:
        made = await amplified(verifier, list(references.values()), input_count=input_count)
        strengthen = by_suite({one.problem_id: one.tests for one in made if one.tests is not None})
        asked = [
            (one, spec)
            for one in chosen
            if (spec := strengthen(candidate(references[one.task], one.solution))) is not None
        ]
        verdicts = await judged(verifier, [spec for _, spec in asked])
    seen = [
        Observation(
            problem=one.task,
            answer=Answer.ACCEPTED if verdict.outcome is Outcome.ACCEPTED else Answer.REJECTED,
            truth=Truth.WRONG if one.wrong else Truth.RIGHT,
        )
        for (one, _), verdict in zip(asked, verdicts, strict=True)
        if isinstance(verdict, Verdict) and verdict.outcome is not Outcome.INCONCLUSIVE
    ]
    missed = recommended(false_positive_rate(Counts.of(seen)))
    right = [one for one in seen if one.truth is Truth.RIGHT]
    kept = recommended(pass_rate(Counts.of(right)))
    print(
        f"{name}: {len(chosen)} accepted samples, {len(asked)} of problems with a larger suite; "
        f"wrong ones that it accepts as well {shown(missed)} of {missed.observations}, right ones "
        f"that it accepts {shown(kept)} of {kept.observations}"
    )
    return {
        "samples": len(chosen),
        "asked": len(asked),
        "wrongAccepted": [missed.estimate, missed.lower, missed.upper],
        "wrong": missed.observations,
        "rightAccepted": [kept.estimate, kept.lower, kept.upper],
        "right": kept.observations,
    }


def candidate(asked: VerificationSpec, solution: str) -> VerificationSpec:
    return replace(asked, candidate=Candidate(source=solution))


@contextlib.asynccontextmanager
async def service() -> AsyncIterator[LocalVerifier]:
    """A service whose verdicts are kept nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(None, {"store_path": f"{folder}/verdicts.sqlite3"}).settings
        async with local_verifier(settings) as verifier:
            yield verifier


def rates(rows: Sequence[tuple[int, int, int, int]], first: int) -> Floats:
    return np.array([row[first] / row[first + 1] for row in rows])


def correlations(xs: Floats, ys: Floats) -> dict[str, list[float]]:
    """Spearman's and Pearson's correlations, with percentile intervals over problems."""
    chance = np.random.default_rng(0)
    made = {}
    for name, measure in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        again = []
        for _ in range(RESAMPLES):
            drawn = chance.integers(len(xs), size=len(xs))
            if np.ptp(xs[drawn]) and np.ptp(ys[drawn]):
                again.append(measure(xs[drawn], ys[drawn]).statistic)
        found = measure(xs, ys)
        made[name] = [float(found.statistic), *map(float, np.percentile(again, [2.5, 97.5]))]
        made[f"{name}P"] = [float(found.pvalue)]
    return made


def predicted(xs: Floats, ys: Floats, folds: int = 10) -> dict[str, float]:
    """Mean absolute errors on problems that the line was not fitted on."""
    order = np.random.default_rng(0).permutation(len(xs))
    errors, plain = [], []
    for fold in range(folds):
        out = order[fold::folds]
        others = np.setdiff1d(order, out)
        fit = stats.linregress(xs[others], ys[others])
        errors += np.abs(fit.intercept + fit.slope * xs[out] - ys[out]).tolist()
        plain += np.abs(ys[others].mean() - ys[out]).tolist()
    return {"withMutants": float(np.mean(errors)), "meanAlone": float(np.mean(plain))}


def main() -> None:
    options = arguments()
    if options.what == "tables":
        made = tables(options.data)
    elif options.what == "mutants":
        made = asyncio.run(mutants(options.data, options.mutants, options.inputs))
    else:
        made = asyncio.run(suites(options.data, options.samples, options.inputs))
    if options.json is not None:
        options.json.write_text(json.dumps(made, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tables", "mutants", "suites"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--mutants", type=int, default=40)
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--samples", type=int, default=150)
    return parser.parse_args()


if __name__ == "__main__":
    main()
