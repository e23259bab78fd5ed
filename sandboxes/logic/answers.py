"""The three questions that tell how premises stand to a goal, and what their answers come to."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sandboxes.logic.certificates import Certificate
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.syntax import Formula, Problem, closure
from verifier_service.model.verdict import Entailment

__all__ = ["Answer", "Answers", "Engine", "Question", "Status", "Theory", "hypotheses"]


class Question(enum.StrEnum):
    """Which formulas are asked whether they can hold together."""

    PREMISES = "premises"
    """The premises alone."""
    AFFIRMED = "affirmed"
    """The premises and the goal."""
    DENIED = "denied"
    """The premises and the denial of the goal."""


class Status(enum.StrEnum):
    """Whether formulas can hold together."""

    SATISFIABLE = "satisfiable"
    UNSATISFIABLE = "unsatisfiable"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether some formulas can hold together, with evidence.

    Attributes:
        status: The answer.
        model: For satisfiable formulas, a finite interpretation in which `evaluator.holds` found
            each of them to hold; None where a solver said so and gave no such model.
        certificate: For unsatisfiable formulas, what `certificates.check` has passed; None where
            a solver said so and gave nothing that could be checked.
        core: For unsatisfiable formulas, indices of formulas that contradict each other already.
        reason: For undecided ones, a stable kebab-case code that says what stood in the way.
        steps: What it took, in units that do not depend on the machine.
    """

    status: Status
    model: Interpretation | None = None
    certificate: Certificate | None = None
    core: tuple[int, ...] = ()
    reason: str = ""
    steps: int = 0


class Theory(Protocol):
    """A list of closed formulas, any selection of which can be asked about."""

    def ask(self, selection: frozenset[int]) -> Answer:
        """Whether the formulas with these indices can hold together.

        The certificate and the core speak of formulas by the same indices.
        """

    def status(self, selection: frozenset[int]) -> Status:
        """The same without evidence and with less effort; it may leave open what `ask` settles."""


Engine: TypeAlias = Callable[[Sequence[Formula]], Theory]
"""What makes a theory of closed formulas: `theory.GroundTheory`, or something that asks solvers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers to the three questions about a problem with a goal.

    The certificates and cores speak of `hypotheses`.
    """

    premises: Answer
    affirmed: Answer
    denied: Answer

    @property
    def entailment(self) -> Entailment:
        """How the premises stand to the goal, as far as the answers tell.

        A goal counts as settled only where the premises are known to have a model: of premises
        that contradict each other everything follows.
        """
        if self.premises.status is Status.UNSATISFIABLE:
            return Entailment.INCONSISTENT_PREMISES
        if self.premises.status is Status.UNDECIDED:
            return Entailment.UNKNOWN
        if self.denied.status is Status.UNSATISFIABLE:
            return Entailment.ENTAILED
        if self.affirmed.status is Status.UNSATISFIABLE:
            return Entailment.CONTRADICTED
        if self.denied.status is self.affirmed.status is Status.SATISFIABLE:
            return Entailment.INDEPENDENT
        return Entailment.UNKNOWN

    @property
    def open(self) -> tuple[Question, ...]:
        """The questions that have no answer."""
        asked = {
            Question.PREMISES: self.premises,
            Question.AFFIRMED: self.affirmed,
            Question.DENIED: self.denied,
        }
        return tuple(key for key, answer in asked.items() if answer.status is Status.UNDECIDED)


def hypotheses(problem: Problem) -> tuple[Formula, ...]:
    """What certificates about a problem speak of: its premises, its goal, and the denial of that.

    All closed. Without a goal there are the premises alone.
    """
    premises = tuple(closure(premise.formula) for premise in problem.premises)
    if problem.goal is None:
        return premises
    return (*premises, problem.affirmation(), problem.denial())
