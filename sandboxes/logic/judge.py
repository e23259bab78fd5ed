"""From answers to a verdict. Pure: tables of cases test it.

ACCEPTED needs an answer to every question that the expected one rests on, no engine that
contradicts another, and no sign that the candidate brought the answer with it. Where something of
ours is missing the verdict is INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sandboxes.logic.answers import Answer, Answers, Question, Status
from sandboxes.logic.portfolio import Settlement
from sandboxes.logic.problems import DIFFERENCE, TRUSTED, Asked
from verifier_service.model import Assurance, Entailment, LogicProblem, Outcome

__all__ = [
    "ACCEPTING",
    "INCONCLUSIVE",
    "SUMMARIES",
    "Answered",
    "Facts",
    "assurance",
    "entailment",
    "outcome",
    "reason",
]

ACCEPTING: Final = {
    "answer-found": "The question has an answer: {entailment}.",
    "answer-as-expected": "The answer is the expected one: {entailment}.",
    "formula-equivalent": "The formula is equivalent to the reference.",
}
"""Reasons to accept, as sentences."""

SUMMARIES: Final = {
    "other-answer": "The answer is not the expected one.",
    "inconsistent-premises": "The premises contradict each other, so that everything follows.",
    "not-equivalent": "The formula and the reference disagree in some interpretation.",
    "syntax-error": "It can't be read.",
    "solver-unknown": "No engine could tell within the limits.",
    "solvers-disagree": "Engines contradict each other, so that none of them is believed.",
    "conclusion-assumed": "A premise of the candidate's says what is to follow.",
    "vacuous-conclusion": "The conclusion holds or fails whatever the premises are.",
    "unconnected-conclusion": "No premise speaks of anything that the conclusion speaks of.",
    "own-contradiction": "The contradiction rests on premises of the candidate's own.",
    "free-variables": "A variable that nothing binds leaves open what a formula says.",
    "look-alike-symbols": "Names that look the same leave open what a formula says.",
    "overloaded": "The machine was too busy to let the solvers run to an end.",
}
"""All other reasons, as sentences."""

REJECTING: Final = {"other-answer", "inconsistent-premises", "not-equivalent", "syntax-error"}
INCONCLUSIVE: Final = set(SUMMARIES) - REJECTING
"""Reasons that say nothing about the candidate's worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What engines found out."""

    settlement: Settlement
    guard: str = ""
    """Why an acceptance would not be deserved: one of the reasons; empty where nothing shows."""

    @property
    def answers(self) -> Mapping[str, Answer]:
        """Answers by question."""
        return self.settlement.answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Answered):
    """What was found out about formulas of a problem and a candidate."""

    asked: Asked


def entailment(facts: Answered) -> Entailment:
    """How the premises stand to the conclusion, or whether they are consistent."""
    answers = facts.answers
    if Question.DENIED in answers:
        return Answers(
            premises=answers[Question.PREMISES],
            affirmed=answers[Question.AFFIRMED],
            denied=answers[Question.DENIED],
        ).entailment
    match answers[Question.PREMISES].status:
        case Status.SATISFIABLE:
            return Entailment.CONSISTENT_PREMISES
        case Status.UNSATISFIABLE:
            return Entailment.INCONSISTENT_PREMISES
        case Status.UNDECIDED:
            return Entailment.UNKNOWN


def reason(facts: Answered, logic: LogicProblem) -> str:
    """The reason of the verdict: one of `ACCEPTING` or `SUMMARIES`."""
    if facts.settlement.disputed:
        return "solvers-disagree"
    unknown = "overloaded" if facts.settlement.overloaded else "solver-unknown"
    if DIFFERENCE in facts.answers:
        match facts.answers[DIFFERENCE].status:
            case Status.SATISFIABLE:
                return "not-equivalent"
            case Status.UNDECIDED:
                return unknown
            case _ if facts.answers[TRUSTED].status is not Status.SATISFIABLE:
                return unknown
            case Status.UNSATISFIABLE if logic.expected is None:
                return facts.guard or "formula-equivalent"
    found = entailment(facts)
    if found is Entailment.INCONSISTENT_PREMISES is not logic.expected:
        return "inconsistent-premises"
    if logic.expected is not None and _is_ruled_out(logic.expected, facts.answers):
        return "other-answer"
    if found is Entailment.UNKNOWN:
        return unknown
    if logic.expected is None:
        return facts.guard or "answer-found"
    return (facts.guard or "answer-as-expected") if found is logic.expected else "other-answer"


def _is_ruled_out(expected: Entailment, answers: Mapping[str, Answer]) -> bool:
    """Whether an answer is known not to hold, even where the right one is not known."""

    def status(question: Question) -> Status:
        return answers[question].status if question in answers else Status.UNDECIDED

    match expected:
        case Entailment.ENTAILED:
            return status(Question.DENIED) is Status.SATISFIABLE
        case Entailment.CONTRADICTED:
            return status(Question.AFFIRMED) is Status.SATISFIABLE
        case Entailment.INDEPENDENT:
            return Status.UNSATISFIABLE in (status(Question.DENIED), status(Question.AFFIRMED))
        case Entailment.INCONSISTENT_PREMISES:
            return status(Question.PREMISES) is Status.SATISFIABLE
        case Entailment.CONSISTENT_PREMISES:
            return status(Question.PREMISES) is Status.UNSATISFIABLE
        case Entailment.UNKNOWN:
            return True


def outcome(why: str) -> Outcome:
    """The outcome that a reason has."""
    if why in ACCEPTING:
        return Outcome.ACCEPTED
    return Outcome.REJECTED if why in REJECTING else Outcome.INCONCLUSIVE


def assurance(why: str, facts: Answered, logic: LogicProblem) -> Assurance:
    """How strong the evidence is: cross-checked only where our own checkers passed all of it."""
    if why not in ACCEPTING and why not in REJECTING:
        return Assurance.UNSPECIFIED
    needed = list(_evidence(why, facts, logic))
    if needed and all(answer.model or answer.certificate for answer in needed):
        return Assurance.CROSS_CHECKED
    return Assurance.SOLVED


def _evidence(why: str, facts: Answered, logic: LogicProblem) -> list[Answer]:
    """The answers that a verdict rests on."""
    answers = facts.answers
    found = entailment(facts)
    needed: list[str] = []
    if DIFFERENCE in answers and why != "inconsistent-premises":
        needed += [DIFFERENCE, TRUSTED]
    if why in ("not-equivalent", "formula-equivalent"):
        return [answers[question] for question in needed]
    match found:
        case Entailment.ENTAILED:
            needed += [Question.PREMISES, Question.DENIED]
        case Entailment.CONTRADICTED:
            needed += [Question.PREMISES, Question.AFFIRMED]
        case Entailment.INDEPENDENT:
            needed += [Question.DENIED, Question.AFFIRMED]
        case Entailment.INCONSISTENT_PREMISES | Entailment.CONSISTENT_PREMISES:
            needed += [Question.PREMISES]
        case Entailment.UNKNOWN:
            needed += [_RULING_OUT[logic.expected]] if logic.expected in _RULING_OUT else []
    return [answers[question] for question in needed]


_RULING_OUT: Final = {
    Entailment.ENTAILED: Question.DENIED,
    Entailment.CONTRADICTED: Question.AFFIRMED,
    Entailment.INCONSISTENT_PREMISES: Question.PREMISES,
    Entailment.CONSISTENT_PREMISES: Question.PREMISES,
}
