"""What claims are worth: nothing counts as evidence that our own checkers have not passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sandboxes.logic.answers import Answer, Status
from sandboxes.logic.cores import smallest_core
from sandboxes.logic.evaluator import Interpretation, Silent, TooManySteps, holds
from sandboxes.logic.solvers.claims import Claim, Inquiry
from sandboxes.logic.theory import Effort, GroundTheory

__all__ = ["MODEL_REFUSED", "answers_by_grounding", "assess", "inferred"]

MODEL_REFUSED: Final = "model-refused"
"""Reason of an answer whose model was found to be none."""

CORE_QUESTIONS: Final = 50
"""How often to ask whether a formula is needed for a contradiction."""
_INSTANCES_ALONE: Final = Effort(search=0)


def answers_by_grounding(inquiry: Inquiry) -> dict[str, Answer]:
    """What the engine in this process says to all questions of an inquiry, with evidence.

    Raises:
        Unsound: It made evidence that did not pass its check.
    """
    theory = GroundTheory(inquiry.formulas)
    answers: dict[str, Answer] = {}
    # Larger questions first: a model of more formulas is one of fewer.
    for name in sorted(inquiry.questions, key=lambda name: -len(inquiry.questions[name])):
        known = inferred(name, answers, inquiry)
        answers[name] = known or _asked(theory, frozenset(inquiry.questions[name]))
    return {name: answers[name] for name in inquiry.questions}


def _asked(theory: GroundTheory, selection: frozenset[int]) -> Answer:
    """The answer about a selection, and if it is a contradiction, of few formulas."""
    answer = theory.ask(selection)
    if answer.status is not Status.UNSATISFIABLE:
        return answer
    members = smallest_core(theory, answer.core, questions=CORE_QUESTIONS).members
    smaller = theory.ask(members) if members != frozenset(answer.core) else answer
    return smaller if smaller.certificate is not None else answer


def inferred(name: str, answers: Mapping[str, Answer], inquiry: Inquiry) -> Answer | None:
    """An answer that evidence for other questions gives to this one."""
    own = frozenset(inquiry.questions[name])
    for other, answer in answers.items():
        if other == name:
            continue
        if answer.model is not None and own <= frozenset(inquiry.questions[other]):
            return Answer(status=Status.SATISFIABLE, model=answer.model)
        if answer.certificate is not None and own >= frozenset(answer.certificate.formulas):
            return Answer(
                status=Status.UNSATISFIABLE, certificate=answer.certificate, core=answer.core
            )
    return None


def assess(claim: Claim, inquiry: Inquiry) -> Answer:
    """What a claim of a solver comes to.

    A claim that formulas can hold together needs a model in which they do, unless a prover says
    that it has derived all there is: then there may be infinite models only, and the claim stands
    without evidence. A claim that they can't stands with or without a certificate.

    Raises:
        Unsound: A certificate made from the claim did not pass its check.
    """
    match claim.status:
        case Status.UNDECIDED:
            return Answer(status=claim.status, reason=claim.reason, steps=claim.steps)
        case Status.SATISFIABLE if claim.model is not None:
            return _with_model(claim, claim.model, inquiry)
        case Status.SATISFIABLE if claim.saturated:
            return Answer(status=claim.status, steps=claim.steps)
        case Status.SATISFIABLE:
            return Answer(status=Status.UNDECIDED, reason="model-missing", steps=claim.steps)
        case Status.UNSATISFIABLE:
            return _with_certificate(claim, inquiry)


def _with_model(claim: Claim, model: Interpretation, inquiry: Inquiry) -> Answer:
    reason = "model-too-large"
    try:
        if all(holds(formula, model) for formula in inquiry.selected(claim.question)):
            return Answer(status=claim.status, model=model, steps=claim.steps)
        reason = MODEL_REFUSED
    except Silent:
        reason = MODEL_REFUSED
    except TooManySteps:
        pass
    return Answer(status=Status.UNDECIDED, reason=reason, steps=claim.steps)


def _with_certificate(claim: Claim, inquiry: Inquiry) -> Answer:
    selection = inquiry.questions[claim.question]
    if claim.instances:
        theory = GroundTheory(inquiry.formulas, _INSTANCES_ALONE, claim.instances)
        answer = theory.ask(frozenset(selection))
        if answer.status is Status.UNSATISFIABLE:
            return answer
    return Answer(status=claim.status, core=selection, steps=claim.steps)
