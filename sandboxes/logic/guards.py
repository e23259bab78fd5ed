"""Ways to an expected answer that are not deserved, and how they are found.

A candidate that brings formulas of its own can bring the answer with them. What shows in the
formulas themselves is found here; see docs/logic.md for what does not show there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from sandboxes.logic.answers import Question, Status, hypotheses
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

MOST_TRIED: Final = 64
"""Formulas of the candidate's that are compared with the conclusion. Where there are more that the
answer rests on and that speak of the same, nobody can tell."""


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
    restated, is_open = await _restated(facts, found, portfolio, limits)
    if is_open:
        return "solver-unknown"
    if restated:
        rest = await portfolio.settle(_without(asked, restated), limits=limits)
        left = dataclasses.replace(facts, settlement=rest)
        return "" if entailment(left) is found else "conclusion-assumed"
    return ""


async def _restated(
    facts: Facts, found: Entailment, portfolio: Portfolio, limits: Limits
) -> tuple[frozenset[int], bool]:
    """Premises of the candidate's that say what follows, all by themselves.

    Where the conclusion is the problem's, one that implies it does. Where it is the candidate's
    own, one that has an equivalent of it as a part: that one sentence follows from another alone
    is common in what is formalised. Also whether that could not be told.
    """
    asked = facts.asked
    *_, aim, opposite = hypotheses(asked.problem)
    decisive = facts.answers[Question.DENIED]
    if found is Entailment.CONTRADICTED:
        aim, opposite = opposite, aim
        decisive = facts.answers[Question.AFFIRMED]
    spoken = set(symbols(aim))
    restated: set[int] = set()
    tried = 0
    for index in sorted(set(asked.own_premises) & set(decisive.core)):
        premise = closure(asked.problem.premises[index].formula)
        parts = _parts(premise) if asked.brings_goal else iter([premise])
        for part in parts:
            if not spoken.intersection(symbols(part)):
                continue
            tried += 1
            if tried > MOST_TRIED:
                return frozenset(), True
            implies = await _contradict(portfolio, limits, part, opposite)
            if implies is Status.UNDECIDED:
                return frozenset(), True
            if implies is Status.SATISFIABLE:
                if part is premise:
                    break  # then no part of it does either
                continue
            if asked.brings_goal:
                implied = await _contradict(portfolio, limits, aim, Negation(part))
                if implied is Status.UNDECIDED:
                    return frozenset(), True
                if implied is not Status.UNSATISFIABLE:
                    continue
            restated.add(index)
            break
    return frozenset(restated), False


async def _contradict(portfolio: Portfolio, limits: Limits, *formulas: Formula) -> Status:
    inquiry = Inquiry(formulas=formulas, questions={"both": tuple(range(len(formulas)))})
    return (await portfolio.settle(inquiry, limits=limits)).answers["both"].status


def _parts(formula: Formula) -> Iterator[Formula]:
    """The formula, and what it is a conjunction of."""
    yield formula
    if isinstance(formula, Conjunction):
        for operand in formula.operands:
            yield from _parts(operand)


def _without(asked: Asked, premises: frozenset[int]) -> Inquiry:
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
