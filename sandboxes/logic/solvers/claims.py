"""What is asked of solvers, and what they claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandboxes.logic.answers import Status
from sandboxes.logic.evaluator import Interpretation
from sandboxes.logic.solvers.instances import ClauseInstance
from sandboxes.logic.syntax import Formula

__all__ = ["Claim", "Inquiry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Closed formulas, and which of them each question asks whether they can hold together."""

    formulas: Sequence[Formula]
    questions: Mapping[str, tuple[int, ...]]
    """Indices of formulas, by the name of the question."""

    def selected(self, question: str) -> list[Formula]:
        """The formulas that a question is about."""
        return [self.formulas[index] for index in self.questions[question]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one solver says about one question. Nobody has checked it."""

    solver: str
    """"z3", "cvc5", "eprover", "spass", or "grounding" for the engine in this process."""
    question: str
    status: Status
    model: Interpretation | None = None
    instances: Sequence[ClauseInstance] | None = None
    """Instances of clauses of the inquiry's formulas that it says contradict each other."""
    saturated: bool = False
    """Whether it says "satisfiable" because nothing more can be derived, of which no finite model
    need exist."""
    reason: str = ""
    """What stood in the way, as a code."""
    steps: int = 0
    """In the solver's own units, which do not depend on the machine."""
    words: str = ""
    """The tail of what its program wrote."""
