"""How true and how fast answers of logic are, over published problems in a folder.

    python -m benchmarks.logic DATA [--limit N] [--rounds N]

DATA has gzipped JSON Lines: `folio_v0.0_validation.jsonl.gz` (premises and conclusion in formulas,
with labels), `linc_llm_formalisations.jsonl.gz` (formalisations that models wrote, with the
verdicts that LINC gave them), `classic_fol.jsonl.gz` (well-known theorems and non-theorems). What
is missing is left out. Times are CPU of this process and all below it; compare ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import resource
import statistics
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import z3
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import machine
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.logic import LogicExecutor
from sandboxes.logic.answers import Answer, Answers, Question, Status
from sandboxes.logic.evidence import answers_by_grounding
from sandboxes.logic.executor import environment_of, portfolio_of
from sandboxes.logic.portfolio import Portfolio
from sandboxes.logic.problems import Asked, ask
from sandboxes.logic.reader import Dialect, Role, Source, applied, read
from sandboxes.logic.samples import poll
from sandboxes.logic.solvers.claims import Inquiry
from sandboxes.logic.solvers.process import SolverProcesses
from sandboxes.logic.solvers.smtlib import declarations, smtlib
from sandboxes.logic.solvers.tptp import tptp
from sandboxes.logic.solvers.vocabulary import Vocabulary
from sandboxes.logic.syntax import Problem, closure, free_variables
from verifier_service.model import (
    Candidate,
    Entailment,
    Limits,
    LogicProblem,
    VerificationSpec,
)
from verifier_service.model import (
    Problem as Judged,
)
from verifier_service.voting import Calibration

LIMITS: Final = Limits(
    wall_seconds=60,
    cpu_seconds=5,
    memory_bytes=1 << 30,
    max_processes=32,
    max_output_bytes=4096,
    deterministic_steps=0,
)
LABELS: Final = {
    Entailment.ENTAILED: "True",
    Entailment.CONTRADICTED: "False",
    Entailment.INDEPENDENT: "Uncertain",
}
ANSWERS: Final = {label: answer for answer, label in LABELS.items()}
KNOWN_ERRORS: Final = {5, 27, 29, 47, 112, 114, 138, 139}
"""Records of FOLIO's validation set whose label every solver contradicts in the same way."""

console = Console()


def records(folder: Path, name: str, limit: int) -> list[dict[str, Any]]:
    """The records of a data set; none where it is missing."""
    path = folder / f"{name}.jsonl.gz"
    if not path.exists():
        console.print(f"not run: {path.name} is missing", style="dim")
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file][: limit or None]


def sources_of(record: dict[str, Any]) -> list[Source]:
    premises = [
        Source(f"premises[{index}]", text) for index, text in enumerate(record["premises_fol"])
    ]
    return [*premises, Source("conclusion", record["conclusion_fol"], Role.GOAL)]


def inquiry_of(problem: Problem) -> Inquiry:
    asked = Asked(problem=problem, sources=(), findings=(), has_look_alikes=False, reference=None)
    return asked.inquiry


async def answered(portfolio: Portfolio, problem: Problem) -> Answers:
    settled = await portfolio.settle(inquiry_of(problem), limits=LIMITS)
    if settled.disputed:
        console.print(f"ALARM: engines disagree on {problem}", style="bold red")
    return Answers(**{str(name): settled.answers[name] for name in Question})


def is_checked(answers: Answers) -> bool:
    """Whether all that an answer rests on has evidence."""
    needed: dict[Entailment, Sequence[Answer]] = {
        Entailment.ENTAILED: (answers.premises, answers.denied),
        Entailment.CONTRADICTED: (answers.premises, answers.affirmed),
        Entailment.INDEPENDENT: (answers.affirmed, answers.denied),
        Entailment.INCONSISTENT_PREMISES: (answers.premises,),
    }
    return all(
        one.model or one.certificate for one in needed.get(answers.entailment, (answers.denied,))
    )


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none"


# Truth -------------------------------------------------------------------------------------------


async def folio(portfolio: Portfolio, found: Sequence[dict[str, Any]]) -> None:
    table = Table(title="FOLIO validation, gold formulas", show_header=False, box=None)
    readable = repaired = agreed = agreed_repaired = checked = answers_given = known = 0
    for record in found:
        sources = sources_of(record)
        reading = read(sources)
        problem, was_repaired = reading.problem, False
        if problem is None and len(reading.errors) == 1 and reading.errors[0].fixes:
            fix = reading.errors[0].fixes[0]
            problem, was_repaired = read([applied(fix, one) for one in sources]).problem, True
        if problem is None:
            continue
        readable += not was_repaired
        repaired += was_repaired
        answers = await answered(portfolio, problem)
        answers_given += answers.entailment is not Entailment.UNKNOWN
        checked += is_checked(answers)
        agrees = LABELS.get(answers.entailment) == record["label"]
        agreed += agrees and not was_repaired
        agreed_repaired += agrees and was_repaired
        known += not agrees and int(record["id"].rsplit("-", 1)[1]) in KNOWN_ERRORS
    table.add_row("read", share(readable, len(found)))
    table.add_row("read with the first offered repair", share(readable + repaired, len(found)))
    table.add_row("agree with the label, of those read", share(agreed, readable))
    table.add_row("agree, repaired ones as well", share(agreed + agreed_repaired, len(found)))
    table.add_row("disagree, known errors of the labels", str(known))
    table.add_row("decided", share(answers_given, readable + repaired))
    table.add_row("decided with evidence that was checked", share(checked, readable + repaired))
    console.print(table)


async def linc(portfolio: Portfolio, found: Sequence[dict[str, Any]]) -> None:
    table = Table(title="LINC's saved samples", show_header=False, box=None)
    differences: Counter[str] = Counter()
    errors = decided_errors = correct_errors = read_samples = 0
    evidence: Counter[str] = Counter()
    runs: dict[str, dict[int, list[Problem | None]]] = defaultdict(lambda: defaultdict(list))
    gold: dict[str, dict[int, Entailment]] = defaultdict(dict)
    for record in found:
        sources = sources_of(record)
        tolerant = read(sources).problem
        runs[record["run"]][record["problem"]].append(tolerant)
        gold[record["run"]][record["problem"]] = ANSWERS[record["gold"]]
        read_samples += tolerant is not None
        if tolerant is not None:
            answers = await answered(portfolio, tolerant)
            evidence["decided"] += answers.entailment is not Entailment.UNKNOWN
            evidence["checked"] += answers.entailment is not Entailment.UNKNOWN and is_checked(
                answers
            )
            if record["linc_verdict"] == "Error":
                decided_errors += answers.entailment is not Entailment.UNKNOWN
                correct_errors += LABELS.get(answers.entailment) == record["gold"]
        if record["linc_verdict"] == "Error":
            errors += 1
        else:
            differences[await difference(portfolio, record, sources)] += 1
    same = differences.pop("same", 0)
    table.add_row("read", share(read_samples, len(found)))
    table.add_row("decided, of those read", share(evidence["decided"], read_samples))
    table.add_row("with checked evidence", share(evidence["checked"], evidence["decided"]))
    table.add_row("strict reading: as LINC's verdict", share(same, len(found) - errors))
    table.add_row("strict reading: differences", str(dict(differences)))
    table.add_row("LINC's errors that get a verdict", share(decided_errors, errors))
    table.add_row("… of which as the label", share(correct_errors, decided_errors))
    console.print(table)
    await votes(portfolio, runs, gold)


async def difference(
    portfolio: Portfolio, record: dict[str, Any], sources: Sequence[Source]
) -> str:
    """How the strict reading stands to LINC's verdict on a sample that it did not fail on."""
    problem = read(sources, Dialect.STRICT).problem
    if problem is None or problem.goal is None:
        return "not read"
    premises = [closure(premise.formula) for premise in problem.premises]
    count = len(premises)
    inquiry = Inquiry(
        formulas=[*premises, problem.denial(), problem.affirmation()],
        questions={
            "premises": tuple(range(count)),
            "proved": (*range(count), count),
            "refuted": (*range(count), count + 1),
        },
    )
    answers = (await portfolio.settle(inquiry, limits=LIMITS)).answers
    said = "Uncertain"
    if answers["proved"].status is Status.UNSATISFIABLE:
        said = "True"
    elif answers["refuted"].status is Status.UNSATISFIABLE:
        said = "False"
    if said == record["linc_verdict"]:
        return "same"
    return f"{record['linc_verdict']} there, {said} here"


async def votes(
    portfolio: Portfolio,
    runs: dict[str, dict[int, list[Problem | None]]],
    gold: dict[str, dict[int, Entailment]],
) -> None:
    table = Table(title="Votes of all samples of a problem", box=None)
    for head in ("run", "problems", "majority", "calibrated, 2 folds", "solves per problem"):
        table.add_column(head)
    for run, problems in runs.items():
        said: dict[int, list[Entailment]] = {}
        solves = []
        for number, samples in problems.items():
            came_out = await poll(portfolio, samples, limits=LIMITS)
            solves.append(came_out.solved)
            said[number] = [
                (await poll(portfolio, [sample], limits=LIMITS)).votes[0] for sample in samples
            ]
        majority = [
            (await poll(portfolio, samples, limits=LIMITS)).answer is gold[run][number]
            for number, samples in problems.items()
        ]
        calibrated = list(folds(said, gold[run]))
        table.add_row(
            run.replace("-neurosymbolic", ""),
            str(len(problems)),
            f"{statistics.mean(majority):.3f}",
            f"{statistics.mean(calibrated):.3f}",
            f"{statistics.median(solves):.0f}",
        )
    console.print(table)


def folds(said: dict[int, list[Entailment]], gold: dict[int, Entailment]) -> Iterable[bool]:
    """Whether each calibrated vote is right, with the other half of the problems known."""
    numbers = sorted(said)
    random.Random(0).shuffle(numbers)
    half = len(numbers) // 2
    for known, asked in ((numbers[:half], numbers[half:]), (numbers[half:], numbers[:half])):
        calibration = Calibration.fitted([(gold[number], said[number]) for number in known])
        for number in asked:
            yield calibration.verdict(said[number]) is gold[number]


async def classics(portfolio: Portfolio, found: Sequence[dict[str, Any]]) -> None:
    table = Table(title="Classics, 5 CPU s each", show_header=False, box=None)
    decided = checked = wrong = ambiguous = 0
    for record in found:
        problem = read(sources_of(record)).problem
        assert problem is not None, record["id"]
        if any(free_variables(premise.formula) for premise in problem.premises):
            ambiguous += 1
            continue
        answers = await answered(portfolio, problem)
        status = answers.denied.status
        decided += status is not Status.UNDECIDED
        checked += bool(answers.denied.certificate or answers.denied.model)
        is_theorem = record["expected"] == "Theorem"
        wrong += status is (Status.SATISFIABLE if is_theorem else Status.UNSATISFIABLE)
    asked = len(found) - ambiguous
    table.add_row("left out: a constant reads as a free variable", str(ambiguous))
    table.add_row("decided", share(decided, asked))
    table.add_row("decided with evidence that was checked", share(checked, asked))
    table.add_row("decided wrongly", str(wrong))
    console.print(table)


# Speed -------------------------------------------------------------------------------------------


async def speed(executor: LogicExecutor, found: Sequence[dict[str, Any]], rounds: int) -> None:
    """All ways over the same problems, interleaved; the first round only warms up."""
    problems = [(record, read(sources_of(record)).problem) for record in found]
    usable = [(record, problem) for record, problem in problems if problem is not None]
    console.print(f"{len(usable)} problems of FOLIO, {rounds} rounds", style="dim")
    (environment,) = executor.environments

    async def whole(record: dict[str, Any], _: Problem) -> None:
        logic = LogicProblem(
            premises=tuple(record["premises_fol"]), conclusion=record["conclusion_fol"]
        )
        spec = VerificationSpec(problem=Judged(criterion=logic), candidate=Candidate(source=""))
        await executor.verify(spec, environment=environment, limits=LIMITS, progress=lambda _: None)

    async def reading(record: dict[str, Any], _: Problem) -> None:
        logic = LogicProblem(
            premises=tuple(record["premises_fol"]), conclusion=record["conclusion_fol"]
        )
        assert isinstance(ask(logic, ""), Asked)

    async def engine(_: dict[str, Any], problem: Problem) -> None:
        answers_by_grounding(inquiry_of(problem))

    async def z3_here(_: dict[str, Any], problem: Problem) -> None:
        ask_z3(inquiry_of(problem))

    async def e_processes(_: dict[str, Any], problem: Problem) -> None:
        ask_e(inquiry_of(problem))

    ways = {
        "Z3 in this process: three questions, nothing checked": z3_here,
        "E, a process per question, nothing checked": e_processes,
        "our engine: three questions, all checked": engine,
        "reading and lints": reading,
        "a whole verdict, warm": whole,
    }
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for record, problem in random.Random(turn).sample(usable, len(usable)):
            for name, way in random.Random(turn).sample(sorted(ways.items()), len(ways)):
                began = cpu_now()
                await way(record, problem)
                if turn:
                    cpu[name].append(cpu_now() - began)
    table = Table(title="CPU per problem, Z3 as 1", box=None)
    for head in ("way", "median", "mean", "milliseconds"):
        table.add_column(head, justify="left" if head == "way" else "right")
    base = cpu["Z3 in this process: three questions, nothing checked"]
    for name, seconds in cpu.items():
        table.add_row(
            name,
            f"{statistics.median(seconds) / statistics.median(base):.2f}",
            f"{statistics.mean(seconds) / statistics.mean(base):.2f}",
            f"{statistics.median(seconds) * 1e3:.2f}",
        )
    console.print(table)


def cpu_now() -> float:
    """CPU of this process and of its children that have ended; jails are not counted."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def ask_z3(inquiry: Inquiry) -> None:
    vocabulary = Vocabulary(inquiry.formulas)
    text = [declarations(vocabulary)]
    text += [f"(assert {smtlib(one, vocabulary)})" for one in inquiry.formulas]
    assertions = list(z3.parse_smt2_string("\n".join(text)))
    for selected in inquiry.questions.values():
        solver = z3.Solver()
        solver.add(*(assertions[index] for index in selected))
        solver.check()


def ask_e(inquiry: Inquiry) -> None:
    import eprover

    for question in inquiry.questions:
        formulas = inquiry.selected(question)
        subprocess.run(
            [eprover.eprover_path, "--auto", "-s", "--tstp-format", "-"],
            input=tptp(formulas, Vocabulary(formulas)),
            text=True,
            capture_output=True,
            check=False,
        )


# ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def solvers() -> AsyncIterator[tuple[Portfolio, LogicExecutor]]:
    sandboxes = await Sandboxes.create()
    try:
        interpreter, jails = await environment_of(sandboxes)
        processes = SolverProcesses(jails)
        yield portfolio_of(processes, interpreter), LogicExecutor(interpreter, jails)
    finally:
        await sandboxes.close()


async def run(arguments: argparse.Namespace) -> None:
    console.print(machine(), style="dim")
    data: Path = arguments.data
    parts: dict[str, Callable[[], Any]] = {}
    async with solvers() as (portfolio, executor):
        gold = records(data, "folio_v0.0_validation", arguments.limit)
        parts["folio"] = lambda: folio(portfolio, gold)
        parts["classics"] = lambda: classics(
            portfolio, records(data, "classic_fol", arguments.limit)
        )
        parts["linc"] = lambda: linc(
            portfolio, records(data, "linc_llm_formalisations", arguments.limit)
        )
        parts["speed"] = lambda: speed(executor, gold, arguments.rounds)
        for name in arguments.only or parts:
            began = time.perf_counter()
            await parts[name]()
            console.print(f"{name}: {time.perf_counter() - began:.0f} s\n", style="dim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument("--limit", type=int, default=0, help="records of each set; 0 for all")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the speed part")
    parser.add_argument("--only", nargs="*", choices=["folio", "classics", "linc", "speed"])
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
