"""Questions made of axioms, with answers that were checked: what E derives from them.

E saturates the axioms for some rounds. Each clause that it derived is asked about like any other
conclusion, and kept only where the answer has evidence that passed its check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.logic.answers import Answers, Question
from sandboxes.logic.arguments import argument
from sandboxes.logic.equivalence import renamed
from sandboxes.logic.portfolio import Portfolio
from sandboxes.logic.printing import Unprintable, printed
from sandboxes.logic.reader import Dialect, Role, Source, read
from sandboxes.logic.solvers.claims import Inquiry
from sandboxes.logic.solvers.engines import PROVER
from sandboxes.logic.solvers.process import SolverProcesses
from sandboxes.logic.solvers.tptp import tptp
from sandboxes.logic.solvers.vocabulary import Vocabulary
from sandboxes.logic.syntax import INDIVIDUAL, Formula, Negation, closure, size, symbols
from verifier_service.model import Entailment, Limits, LogicProblem

__all__ = ["Task", "tasks"]

MOST_NODES: Final = 24
"""Of a conclusion that is asked about."""
_CLAUSE: Final = re.compile(r"^(cnf\(.*\)\.) % info\(-?\d+, (\d+), (\d+),", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A question with its answer.

    Attributes:
        problem: With all axioms as premises, and `expected` as the answer; for this service.
        needed: Indices of axioms that suffice for it: the answer to a selection of premises.
        argument: What is used of each axiom, line by line, in words: to be put in order again.
        depth: Inferences on E's longest way to the conclusion.
    """

    problem: LogicProblem
    needed: tuple[int, ...]
    argument: str
    depth: int


async def tasks(
    axioms: Sequence[Formula],
    processes: SolverProcesses,
    portfolio: Portfolio,
    *,
    rounds: int,
    most: int,
    limits: Limits,
) -> list[Task]:
    """Makes questions of axioms, the deepest first; every other one denies what follows.

    Args:
        axioms: Closed formulas of one sort.
        processes: Where E runs.
        portfolio: Who answers.
        rounds: Clauses that E processes.
        most: Questions wanted.
        limits: Of each run.

    Raises:
        ValueError: The axioms have several sorts.
        SandboxLost: A sandbox died, not by a solver's doing. May be retried.
    """
    vocabulary = Vocabulary(axioms)
    if set(vocabulary.sorts) - {INDIVIDUAL}:
        raise ValueError("Questions are made of axioms of one sort.")
    arguments = [
        "--auto",
        "--tstp-format",
        f"--processed-clauses-limit={rounds}",
        "--literal-selection-strategy=SelectNegativeLiterals",  # so that facts are derived
        "--print-saturated=eigEIG",
        "--print-sat-info",
        "-s",
        "-",
    ]
    job = {"prover": "E", "arguments": arguments, "input": tptp(axioms, vocabulary)}
    ran = await processes.run(PROVER, job, limits=limits)
    made: list[Task] = []
    derived = sorted(set(_derived(ran.output, vocabulary)), key=lambda one: (-one[1], str(one[0])))
    for conclusion, depth in derived:
        if len(made) == most:
            break
        asked = Negation(conclusion) if len(made) % 2 else conclusion
        task = await _task(axioms, asked, depth, portfolio, limits)
        if task is not None:
            made.append(task)
    return made


def _derived(output: str, vocabulary: Vocabulary) -> Iterator[tuple[Formula, int]]:
    """Clauses that are no axioms, in the symbols of the axioms, and how deep they lie."""
    for text, depth, _ in _CLAUSE.findall(output):
        stated = text.replace(", plain, ", ", axiom, ", 1)
        problem = read([Source("clause", stated)], Dialect.TPTP).problem
        if problem is None or depth == "0":
            continue
        formula = closure(problem.premises[0].formula)
        names = {one: vocabulary.symbols.get(one.name) for one in symbols(formula)}
        known = {made: own for made, own in names.items() if own is not None}
        fits = all(
            own.argument_sorts == made.argument_sorts and own.kind is made.kind
            for made, own in known.items()
        )
        if fits and len(known) == len(names) and size(formula) <= MOST_NODES:
            yield renamed(formula, known), int(depth)


async def _task(
    axioms: Sequence[Formula],
    conclusion: Formula,
    depth: int,
    portfolio: Portfolio,
    limits: Limits,
) -> Task | None:
    """The question whether a conclusion follows; None where the answer could not be checked."""
    try:
        texts = [printed(formula) for formula in (*axioms, conclusion)]
    except Unprintable:
        return None
    roles = [*(Role.PREMISES for _ in axioms), Role.GOAL]
    sources = [
        Source(str(number), text, role)
        for number, (text, role) in enumerate(zip(texts, roles, strict=True))
    ]
    again = read(sources, Dialect.UNICODE).problem
    if again is None or again.goal is None:
        return None
    formulas = [*(premise.formula for premise in again.premises), again.goal.formula]
    if formulas != [*axioms, conclusion]:
        return None
    count = len(axioms)
    premises = tuple(range(count))
    inquiry = Inquiry(
        formulas=[*formulas, Negation(conclusion)],
        questions={
            Question.PREMISES: premises,
            Question.AFFIRMED: (*premises, count),
            Question.DENIED: (*premises, count + 1),
        },
    )
    settled = (await portfolio.settle(inquiry, limits=limits)).answers
    answers = Answers(**{str(name): settled[name] for name in Question})
    decisive = {
        Entailment.ENTAILED: answers.denied,
        Entailment.CONTRADICTED: answers.affirmed,
    }.get(answers.entailment)
    if decisive is None or decisive.certificate is None or answers.premises.model is None:
        return None
    names = [*(f"p{number + 1}" for number in premises), "goal", "denial"]
    return Task(
        problem=LogicProblem(
            syntax="unicode",
            premises=tuple(texts[:-1]),
            conclusion=texts[-1],
            expected=answers.entailment,
        ),
        needed=tuple(sorted(set(decisive.core) & set(premises))),
        argument=argument(decisive.certificate, inquiry.formulas, names),
        depth=depth,
    )
