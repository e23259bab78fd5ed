"""Ways to an expected answer that are not deserved, and how they are found.

A candidate that brings formulas of its own can bring the answer with them. What shows in the
formulas themselves is found here; see docs/logic.md for what does not show there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandboxes.logic.answers import Answer, Question, Status, hypotheses
from sandboxes.logic.judge import Facts, entailment
from sandboxes.logic.portfolio import Portfolio
from sandboxes.logic.problems import Asked
from sandboxes.logic.solvers.claims import Inquiry
from sandboxes.logic.syntax import (
    Conjunction,
    Formula,
    Kind,
    Negation,
    Statement,
    Symbol,
    closure,
    free_variables,
    symbols,
)
from verifier_service.model import Entailment, Limits

__all__ = ["undeserved"]


async def undeserved(why: str, facts: Facts, portfolio: Portfolio, *, limits: Limits) -> str:
    """Why an acceptance for a reason would not be deserved; empty where nothing shows.

    Raises:
        SandboxLost: As `Portfolio.settle` does.
    """
    asked = facts.asked
    if odd := _odd_spelling(asked):
        return odd
    if why == "formula-equivalent":
        return ""
    found = entailment(facts)
    if found is Entailment.INCONSISTENT_PREMISES:
        own = set(asked.own_premises) & set(facts.answers[Question.PREMISES].core)
        return "own-contradiction" if own else ""
    if asked.problem.goal is None:
        return ""
    if asked.brings_goal:
        answers = (await portfolio.settle(_vacuity(asked), limits=limits)).answers.values()
        if any(answer.status is Status.UNSATISFIABLE for answer in answers):
            return "vacuous-conclusion"
        if any(answer.status is Status.UNDECIDED for answer in answers):
            return "solver-unknown"
    if found is Entailment.INDEPENDENT:
        is_own = asked.brings_goal or bool(asked.own_premises)
        return "unconnected-conclusion" if is_own and _unconnected(asked) else ""
    restated = await _restated(asked, found, portfolio)
    if restated:
        rest = await portfolio.settle(_without(asked, restated), limits=limits)
        left = dataclasses.replace(facts, settlement=rest)
        return "" if entailment(left) is found else "conclusion-assumed"
    return ""


async def _restated(asked: Asked, found: Entailment, portfolio: Portfolio) -> tuple[int, ...]:
    """Premises of the candidate's that say what follows, all by themselves."""
    if not asked.own_premises or found not in (Entailment.ENTAILED, Entailment.CONTRADICTED):
        return ()
    restatement = _restatement(asked, found)
    return restatement.found(await portfolio.ground(restatement.inquiry))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Restatement:
    """An inquiry that tells which of the candidate's premises say what is asked already."""

    inquiry: Inquiry
    claims: Mapping[int, tuple[tuple[str, ...], ...]]
    """For each of those premises, sets of questions. It restates the conclusion if all of one
    set come out unsatisfiable."""

    def found(self, answers: Mapping[str, Answer]) -> tuple[int, ...]:
        """Indices of the premises that do."""

        def is_unsatisfiable(question: str) -> bool:
            return answers[question].status is Status.UNSATISFIABLE

        return tuple(
            index
            for index, alternatives in self.claims.items()
            if any(all(map(is_unsatisfiable, one)) for one in alternatives)
        )


def _restatement(asked: Asked, entailment: Entailment) -> _Restatement:
    """Asks whether a part of a premise of the candidate's says what follows, all by itself.

    Where the conclusion is the problem's, a part that implies it does. Where it is the candidate's
    own, a part that is equivalent to it does: that one sentence follows from another alone is
    common in what is formalised.
    """
    *_, goal, denial = hypotheses(asked.problem)
    aim, opposite = goal, denial
    if entailment is Entailment.CONTRADICTED:
        aim, opposite = denial, goal
    formulas: list[Formula] = [aim, opposite]
    questions: dict[str, tuple[int, ...]] = {}
    claims: dict[int, tuple[tuple[str, ...], ...]] = {}
    for index in asked.own_premises:
        alternatives = []
        for part in _parts(closure(asked.problem.premises[index].formula)):
            number = len(formulas)
            formulas += [part, Negation(part)]
            implies, implied = f"{number}-implies", f"{number}-implied"
            questions[implies] = (1, number)
            needed = [implies]
            if asked.brings_goal:
                questions[implied] = (0, number + 1)
                needed.append(implied)
            alternatives.append(tuple(needed))
        claims[index] = tuple(alternatives)
    return _Restatement(inquiry=Inquiry(formulas=formulas, questions=questions), claims=claims)


def _parts(formula: Formula) -> Iterator[Formula]:
    """The formula, and what it is a conjunction of."""
    yield formula
    if isinstance(formula, Conjunction):
        for operand in formula.operands:
            yield from _parts(operand)


def _without(asked: Asked, premises: tuple[int, ...]) -> Inquiry:
    """The questions about a problem without some of its premises."""
    inquiry = asked.inquiry
    return Inquiry(
        formulas=inquiry.formulas,
        questions={
            question: tuple(index for index in selection if index not in premises)
            for question, selection in inquiry.questions.items()
            if question in tuple(Question)
        },
    )


def _vacuity(asked: Asked) -> Inquiry:
    """The questions whether the conclusion can fail and hold, whatever the premises are."""
    *_, goal, denial = hypotheses(asked.problem)
    return Inquiry(
        formulas=[goal, denial], questions={Question.AFFIRMED: (0,), Question.DENIED: (1,)}
    )


def _unconnected(asked: Asked) -> bool:
    """Whether no premise speaks of anything that the conclusion speaks of."""
    goal = asked.problem.goal
    if goal is None:
        return False
    spoken = {symbol for premise in asked.problem.premises for symbol in _topics(premise)}
    return not spoken.intersection(_topics(goal))


def _topics(statement: Statement) -> list[Symbol]:
    """Its predicates; where it has none but equality, its functions."""
    found = symbols(statement.formula)
    return [one for one in found if one.kind is Kind.PREDICATE] or list(found)


def _odd_spelling(asked: Asked) -> str:
    """The reason for which the candidate's text leaves open what it says; empty if none does."""
    if any(free_variables(statement.formula) for statement in _own(asked)):
        return "free-variables"
    return "look-alike-symbols" if asked.has_look_alikes else ""


def _own(asked: Asked) -> Iterator[Statement]:
    """The candidate's statements."""
    yield from (asked.problem.premises[index] for index in asked.own_premises)
    if asked.problem.goal is not None and asked.brings_goal:
        yield asked.problem.goal
