"""What repair loops ask of texts: read, compared, put together, asked about, at most so much.

The engine in this process answers first. What it leaves open can go to solvers in jails, which are
started when the first question needs them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import TracebackType
from typing import Final, Self

from sandboxes.isolation.packages import UnusablePackages
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.logic.answers import Answer, Answers, Engine, Question, Status, hypotheses
from sandboxes.logic.clusters import Cluster, clusters
from sandboxes.logic.consistency import Consistency, consistency
from sandboxes.logic.cores import smallest_core
from sandboxes.logic.equivalence import Aligned, Comparison, Relation, align, alignments, compare
from sandboxes.logic.executor import environment_of, portfolio_of
from sandboxes.logic.portfolio import Portfolio
from sandboxes.logic.reader import Dialect, ErrorCode, Reading, Role, Source, read
from sandboxes.logic.solvers.claims import Inquiry
from sandboxes.logic.solvers.process import SolverProcesses
from sandboxes.logic.syntax import (
    Atom,
    Equivalence,
    Formula,
    Problem,
    Statement,
    Symbol,
    closure,
    predicate,
    symbols,
)
from sandboxes.logic.theory import GroundTheory, decide_all
from verifier_service.model import IsolationUnavailable, Limits, SandboxLost

__all__ = [
    "MOST_FORMALISATIONS",
    "MOST_GOALS",
    "Compared",
    "Group",
    "Solvers",
    "ask_each",
    "compare_problems",
    "conflicts_of",
    "group_problems",
    "read_formalisation",
]

MOST_FORMALISATIONS: Final = 200
"""That are put together at a time: each may have to be compared with each."""
MOST_GOALS: Final = 1_000
"""Of one set of premises at a time."""
MOST_INQUIRIES: Final = 20
"""That go to solvers."""
MOST_OPEN: Final = 100
"""Questions that the engine in this process may leave open; after them, none is gone into."""

_GOALS_AT_ONCE: Final = 16
"""Goals that share one theory, and so its effort."""
_LIMITS: Final = Limits(
    wall_seconds=60,
    cpu_seconds=10,
    memory_bytes=1 << 30,
    max_processes=16,
    max_output_bytes=4096,
    deterministic_steps=0,
)
"""Of one inquiry to solvers."""
_TOGETHER: Final = "together"
_NOT_ASKED: Final = Answer(status=Status.UNDECIDED, reason="too-many-open-questions")


class Solvers:
    """Solvers in jails, for what the engine in this process leaves open.

    They end with the block.
    """

    def __init__(self, most: int = MOST_INQUIRIES) -> None:
        """Starts nothing yet.

        Args:
            most: Inquiries that are answered; further ones are left open.
        """
        self._left = most
        self._open_left = MOST_OPEN
        self._runner = asyncio.Runner()
        self._sandboxes: Sandboxes | None = None
        self._portfolio: Portfolio | None = None
        self.obstacle = ""
        """Why solvers could not be asked; empty where they could, or where nobody tried."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._sandboxes is not None:
                self._runner.run(self._sandboxes.close())
        finally:
            self._runner.close()

    def settle(self, inquiry: Inquiry) -> Mapping[str, Answer]:
        """The answers to all questions of an inquiry, or none where solvers can't be asked."""
        if self.obstacle:
            return {}
        if self._left <= 0:
            self.obstacle = "More was open than is handed to solvers at a time."
            return {}
        self._left -= 1
        try:
            return self._runner.run(self._settled(inquiry))
        except (IsolationUnavailable, SandboxLost, UnusablePackages) as error:
            self.obstacle = str(error)
            return {}

    def ask(self, theory: GroundTheory, selection: frozenset[int]) -> Answer:
        """What the engine in this process says, unless it has left too much open already."""
        if not self._open_left:
            return _NOT_ASKED
        answer = theory.ask(selection)
        self._open_left -= answer.status is Status.UNDECIDED
        return answer

    def engine(self, formulas: Sequence[Formula]) -> _Consulting:
        """A theory that asks solvers about what `GroundTheory` leaves open."""
        return _Consulting(self, tuple(formulas), GroundTheory(formulas))

    async def _settled(self, inquiry: Inquiry) -> Mapping[str, Answer]:
        if self._portfolio is None:
            self._sandboxes = await Sandboxes.create()
            interpreter, jails = await environment_of(self._sandboxes)
            self._portfolio = portfolio_of(SolverProcesses(jails), interpreter)
        return (await self._portfolio.settle(inquiry, limits=_LIMITS)).answers


@dataclass(frozen=True, slots=True)
class _Consulting:
    """A `Theory`: cheap questions stay in this process."""

    solvers: Solvers
    formulas: tuple[Formula, ...]
    ground: GroundTheory

    def ask(self, selection: frozenset[int]) -> Answer:
        answer = self.solvers.ask(self.ground, selection)
        if answer.status is not Status.UNDECIDED or answer is _NOT_ASKED:
            return answer
        inquiry = Inquiry(formulas=self.formulas, questions={_TOGETHER: tuple(sorted(selection))})
        return self.solvers.settle(inquiry).get(_TOGETHER, answer)

    def status(self, selection: frozenset[int]) -> Status:
        return self.ground.status(selection)


def read_formalisation(source: Source, dialect: Dialect | None = None) -> Reading:
    """Reads a text in which only what is marked as the goal is one; else it has none."""
    reading = read([Source(source.name, source.text)], dialect)
    if reading.errors and all(error.code is ErrorCode.GOAL for error in reading.errors):
        return read([Source(source.name, source.text, Role.FORMALISATION)], dialect)
    return reading


# Equivalence


@dataclass(frozen=True, slots=True)
class Compared:
    """How two formalisations stand to each other.

    Attributes:
        comparison: By the names as they are.
        aligned: Under other names for symbols of the second; None where there is nothing to
            rename, or where the names as they are do.
        possible: Whether the first can hold at all. Formulas that can't are equivalent to all
            others that can't, which says nothing of what they mean.
    """

    comparison: Comparison
    aligned: Aligned | None
    possible: Status


def compare_problems(
    first: Problem, second: Problem, under: Sequence[Formula] = (), engine: Engine = GroundTheory
) -> Compared:
    """Compares two formalisations.

    They are equivalent where their premises are and, under these, their conclusions.

    Args:
        first: With a conclusion if the second has one.
        second: Whose symbols an alignment renames.
        under: Closed formulas that hold anyway.
        engine: Who is asked.
    """
    one, other = _formulas([first, second])
    one, other = [*under, *one], [*under, *other]
    comparison = compare(one, other, engine)
    aligned = None
    has_names = any(alignment.symbols for alignment in alignments(one, other)[:1])
    if comparison.relation is not Relation.EQUIVALENT and has_names:
        aligned = align(one, other, engine)
    possible = engine(one).ask(frozenset(range(len(one)))).status
    return Compared(comparison, aligned, possible)


@dataclass(frozen=True, slots=True)
class Group:
    """Formalisations that are equivalent to each other.

    Attributes:
        cluster: Which.
        possible: Whether they can hold at all.
    """

    cluster: Cluster
    possible: Status


def group_problems(problems: Sequence[Problem], engine: Engine = GroundTheory) -> list[Group]:
    """Puts equivalent formalisations together, the largest group first.

    Those that can't hold are equivalent to each other for want of meaning, and come last.
    """
    candidates = _formulas(problems)
    found = [
        Group(cluster, engine(shown).ask(frozenset(range(len(shown)))).status)
        for cluster in clusters(candidates, engine)
        for shown in [candidates[cluster.members[0]]]
    ]
    return sorted(
        found,
        key=lambda group: (group.possible is Status.UNSATISFIABLE, -len(group.cluster.members)),
    )


def _formulas(problems: Sequence[Problem]) -> list[list[Formula]]:
    """Each problem as closed formulas that all hold.

    A proposition that no problem uses holds where the conclusion does. So two lists are equivalent
    where the premises are, and under them the conclusions.
    """
    premises = [[closure(premise.formula) for premise in one.premises] for one in problems]
    goals = [closure(one.goal.formula) if one.goal else None for one in problems]
    everything = [*chain.from_iterable(premises), *(goal for goal in goals if goal is not None)]
    used = {symbol.name for formula in everything for symbol in symbols(formula)}
    conclusion = Atom(_fresh("the conclusion", used))
    return [
        row if goal is None else [*row, Equivalence(conclusion, goal)]
        for row, goal in zip(premises, goals, strict=True)
    ]


def _fresh(name: str, used: set[str]) -> Symbol:
    while name in used:
        name += "'"
    return predicate(name)


# Consistency, and many goals


def conflicts_of(premises: Sequence[Statement], engine: Engine = GroundTheory) -> Consistency:
    """Whether statements can hold together, and if not, why not; see `consistency`."""
    formulas = [closure(premise.formula) for premise in premises]
    theory = engine(formulas)
    found = consistency(theory, len(formulas))
    if found.answer.core and not found.conflicts:
        return replace(found, conflicts=(smallest_core(theory, found.answer.core),))
    return found


def ask_each(
    problem: Problem, goals: Sequence[Statement], solvers: Solvers | None = None
) -> list[Answers]:
    """How the premises of a problem stand to each of several goals.

    Args:
        problem: Whose premises are meant.
        goals: Read together with them.
        solvers: Who is asked about what is open.
    """
    problems = [Problem(problem.premises, goal, problem.closed_negation) for goal in goals]
    pairs = [(one.affirmation(), one.denial()) for one in problems]
    premises = [closure(premise.formula) for premise in problem.premises]
    answers: list[Answers] = []
    for start in range(0, len(pairs), _GOALS_AT_ONCE):
        answers += decide_all(premises, pairs[start : start + _GOALS_AT_ONCE])
    if solvers is None:
        return answers
    return [
        _settled(one, solvers, answer) if answer.open else answer
        for one, answer in zip(problems, answers, strict=True)
    ]


def _settled(problem: Problem, solvers: Solvers, known: Answers) -> Answers:
    count = len(problem.premises)
    premises = tuple(range(count))
    questions: dict[str, tuple[int, ...]] = {
        Question.PREMISES: premises,
        Question.AFFIRMED: (*premises, count),
        Question.DENIED: (*premises, count + 1),
    }
    found = solvers.settle(Inquiry(formulas=hypotheses(problem), questions=questions))
    return Answers(**{str(name): found[name] for name in Question}) if found else known
