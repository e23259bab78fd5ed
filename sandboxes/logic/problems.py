"""From a `LogicProblem` and a candidate to formulas, with who brought which of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.logic.answers import Question, hypotheses
from sandboxes.logic.lints import MAX_LINTS, lint
from sandboxes.logic.reader import (
    Dialect,
    ErrorCode,
    Finding,
    LintCode,
    Reading,
    Role,
    Source,
    read,
)
from sandboxes.logic.reader.dialects import detected
from sandboxes.logic.reader.findings import finding
from sandboxes.logic.reader.script import Script, read_script
from sandboxes.logic.solvers.claims import Inquiry
from sandboxes.logic.syntax import (
    ExclusiveOr,
    Formula,
    Problem,
    Span,
    Statement,
    closure,
    conjunction,
)
from verifier_service.model import Entailment, InvalidSpec, LogicProblem, Violation

__all__ = [
    "CANDIDATE",
    "DIFFERENCE",
    "TRUSTED",
    "Asked",
    "Query",
    "ask",
    "is_query",
    "read_query",
    "violations",
]

CANDIDATE: Final = "source"
"""Name of the candidate's text."""
DIFFERENCE: Final = "difference"
"""The question whether the candidate's formula and the reference can disagree."""

TRUSTED: Final = "trusted"
"""The question whether the problem's own premises can hold together: else all is equivalent."""

MOST_CHARACTERS: Final = 200_000
"""Of a problem's own texts, which are read before anything waits for its turn."""
_BEYOND: Final = {ErrorCode.UNSUPPORTED, ErrorCode.ARITHMETIC}
"""Why a text is no problem of uninterpreted symbols."""
_PATH: Final = "problem.logic"
_DIALECTS: Final = tuple(Dialect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A problem and a candidate, read together."""

    problem: Problem
    sources: tuple[Source, ...]
    """The texts that it was read from."""
    findings: tuple[Finding, ...]
    """What is odd about any of them."""
    has_look_alikes: bool
    """Whether the candidate uses names that can't be told apart by eye, from each other or from
    the problem's."""
    reference: Formula | None
    """What the candidate's formula has to be equivalent to; closed."""

    @property
    def own_premises(self) -> tuple[int, ...]:
        """Indices of the premises that the candidate brought."""
        return tuple(
            index
            for index, premise in enumerate(self.problem.premises)
            if premise.source == CANDIDATE
        )

    @property
    def brings_goal(self) -> bool:
        """Whether the conclusion is the candidate's."""
        return self.problem.goal is not None and self.problem.goal.source == CANDIDATE

    @property
    def inquiry(self) -> Inquiry:
        """The questions about it; without a conclusion there is only that about the premises."""
        formulas = list(hypotheses(self.problem))
        count = len(self.problem.premises)
        premises = tuple(range(count))
        questions: dict[str, tuple[int, ...]] = {Question.PREMISES: premises}
        if self.problem.goal is not None:
            questions[Question.AFFIRMED] = (*premises, count)
            questions[Question.DENIED] = (*premises, count + 1)
        if self.reference is not None:
            trusted = tuple(sorted(set(premises) - set(self.own_premises)))
            questions[TRUSTED] = trusted
            questions[DIFFERENCE] = (*trusted, len(formulas))
            formulas.append(ExclusiveOr(self.own_formula, self.reference))
        return Inquiry(formulas=formulas, questions=questions)

    @property
    def own_formula(self) -> Formula:
        """All that the candidate says, in one closed formula."""
        own = [self.problem.premises[index] for index in self.own_premises]
        if self.brings_goal and self.problem.goal is not None:
            own.append(self.problem.goal)
        return conjunction(closure(statement.formula) for statement in own)

    def statement(self, index: int) -> Statement:
        """The statement behind a formula of the inquiry; the goal for it and for its denial."""
        premises = self.problem.premises
        if index < len(premises):
            return premises[index]
        assert self.problem.goal is not None
        return self.problem.goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Assertions of a problem and a candidate."""

    script: Script
    has_own: bool
    """Whether some are the candidate's."""


def violations(logic: LogicProblem) -> list[Violation]:
    """Says what is wrong with a problem, whatever the candidate may be."""
    found = []
    length = sum(map(len, (*logic.premises, logic.conclusion, logic.reference)))
    if length > MOST_CHARACTERS:
        return [
            Violation(
                f"{_PATH}.premises",
                f"have {length} characters, with conclusion and reference. Shorten them to at most "
                f"{MOST_CHARACTERS} together.",
            )
        ]
    if logic.syntax not in ("", *_DIALECTS):
        offered = ", ".join(f"`{dialect}`" for dialect in _DIALECTS)
        return [
            Violation(
                f"{_PATH}.syntax",
                f"{logic.syntax!r} is no syntax. Write one of {offered}, or leave it out for what "
                "the texts look like.",
            )
        ]
    if logic.expected is Entailment.UNKNOWN:
        found.append(
            Violation(
                f"{_PATH}.expected",
                "that a solver gives up is no answer to expect. Leave it out for any definite one.",
            )
        )
    if logic.expected is Entailment.CONSISTENT_PREMISES and logic.conclusion:
        found.append(
            Violation(
                f"{_PATH}.expected",
                "premises alone are consistent or not, and here is a conclusion. Expect how they "
                "stand to it, or leave out the conclusion.",
            )
        )
    dialect = _dialect(logic, "")
    for sources in (list(_trusted(logic)), list(_reference(logic))):
        reading = read(sources, dialect) if sources else None
        if reading is None or (
            is_query(logic, reading) and isinstance(read_query(logic, ""), Query)
        ):
            continue
        found += [_violation(error) for error in reading.errors]
    return found


def ask(logic: LogicProblem, source: str) -> Asked | Reading:
    """Reads a problem, whose `violations` are none, with a candidate.

    Returns:
        What is asked; or, where the candidate can't be read, a reading that says why.

    Raises:
        InvalidSpec: The candidate is empty, and nothing is asked without it.
    """
    dialect = _dialect(logic, source)
    sources = list(_trusted(logic))
    if source.strip():
        role = Role.PREMISES if logic.conclusion else Role.FORMALISATION
        sources.append(Source(CANDIDATE, source, role))
    elif not sources or logic.reference:
        raise InvalidSpec.of(
            [
                Violation(
                    "candidate.source",
                    "is empty, and the problem asks for a formula of it. Put one there.",
                )
            ]
        )
    reading = read(sources, dialect)
    if reading.problem is None:
        return reading
    alone = _alone(sources, dialect) if source.strip() else None
    if alone is not None and _meanings(alone) != _meanings(reading.problem):
        error = finding(
            sources[-1],
            Span(0, 0),
            ErrorCode.CLASH,
            "This text gives symbols of the problem another meaning. Leave out its declarations.",
        )
        return Reading(dialect, None, (error,))
    reference = None
    for text in _reference(logic):
        goal = read([text], dialect).problem
        assert goal is not None
        assert goal.goal is not None
        reference = closure(goal.goal.formula)
    lints = lint(reading.problem, sources, dialect, reading.glosses)
    known = lint(alone, sources, dialect) if alone is not None else ()
    return Asked(
        # To deny a conclusion is to deny its closure, whatever a prover would make of the text.
        problem=dataclasses.replace(reading.problem, closed_negation=True),
        sources=tuple(sources),
        findings=(*reading.findings, *lints),
        has_look_alikes=len(lints) >= MAX_LINTS or bool(_look_alikes(lints) - _look_alikes(known)),
        reference=reference,
    )


def is_query(logic: LogicProblem, reading: Reading) -> bool:
    """Whether texts that are no problem of uninterpreted symbols may be a query with theories."""
    if reading.dialect is not Dialect.SMTLIB or logic.conclusion or logic.reference:
        return False
    return any(error.code in _BEYOND for error in reading.errors)


def read_query(logic: LogicProblem, source: str) -> Query | tuple[Finding, ...]:
    """Reads all texts as one query; or says what is wrong with it."""
    text = "\n".join([*logic.premises, source])
    script, errors = read_script(Source(CANDIDATE, text))
    if script is None:
        return errors
    return Query(script=script, has_own=bool(source.strip()))


def _look_alikes(lints: Sequence[Finding]) -> set[str]:
    return {found.message for found in lints if found.code is LintCode.CONFUSABLE}


def _alone(sources: Sequence[Source], dialect: Dialect) -> Problem | None:
    """The problem's own texts read by themselves; None where it has none."""
    trusted = [source for source in sources if source.name != CANDIDATE]
    return read(trusted, dialect).problem if trusted else None


def _meanings(problem: Problem) -> list[Formula]:
    """The problem's own formulas."""
    statements = [*problem.premises, *([problem.goal] if problem.goal else [])]
    return [one.formula for one in statements if one.source != CANDIDATE]


def _trusted(logic: LogicProblem) -> Iterator[Source]:
    for index, premise in enumerate(logic.premises):
        yield Source(f"premises[{index}]", premise)
    if logic.conclusion:
        yield Source("conclusion", logic.conclusion, Role.GOAL)


def _reference(logic: LogicProblem) -> Iterator[Source]:
    if logic.reference:
        yield Source("reference", logic.reference, Role.GOAL)


def _dialect(logic: LogicProblem, candidate: str) -> Dialect:
    """The language of all texts. What is trusted says which; the candidate only if nothing is."""
    if logic.syntax:
        return Dialect(logic.syntax)
    trusted = [source.text for source in (*_trusted(logic), *_reference(logic))]
    return detected(trusted or [candidate])


def _violation(error: Finding) -> Violation:
    place = f"line {error.line}, column {error.column}: "
    return Violation(f"{_PATH}.{error.source}", place + error.message)
