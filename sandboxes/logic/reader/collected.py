"""What the readers of all dialects gather: statements, findings, and how much there is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sandboxes.logic.reader.findings import MAX_ERRORS, ErrorCode, Finding, Source, finding
from sandboxes.logic.reader.limits import MAX_NODES, MAX_STATEMENTS
from sandboxes.logic.syntax import Formula, Problem, Span, Statement, Symbol, size

__all__ = ["Collected", "Stated"]

_MAX_LINTS = 100


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement with the text that it stands in, and whether it is the goal."""

    source: Source
    statement: Statement
    is_goal: bool


@dataclass(slots=True)
class Collected:
    """A problem in the making.

    Attributes:
        stated: Statements in the order of the texts.
        errors: The first `MAX_ERRORS` of them.
        lints: The first hundred of them.
        glosses: What the text says that its symbols mean.
    """

    stated: list[Stated] = field(default_factory=list)
    errors: list[Finding] = field(default_factory=list)
    lints: list[Finding] = field(default_factory=list)
    glosses: dict[Symbol, str] = field(default_factory=dict)
    _nodes: int = 0

    def note(self, *findings: Finding) -> None:
        """Keeps findings, as long as there are not too many."""
        for found in findings:
            into, most = (self.errors, MAX_ERRORS) if found.is_error else (self.lints, _MAX_LINTS)
            if len(into) < most:
                into.append(found)

    def error(self, source: Source, span: Span, code: ErrorCode, message: str) -> None:
        """Notes an error."""
        self.note(finding(source, span, code, message))

    def add(
        self,
        source: Source,
        formula: Formula,
        span: Span,
        *,
        name: str = "",
        gloss: str = "",
        is_goal: bool = False,
    ) -> None:
        """Adds the statement that stands at a place of a text."""
        text = source.text[span.start : span.end]
        statement = Statement(name, formula, text, gloss, source.name, span)
        self.stated.append(Stated(source, statement, is_goal))
        self._nodes += size(formula)
        if self._nodes > MAX_NODES:
            self.error(
                source,
                span,
                ErrorCode.TOO_LARGE,
                f"The formulas of a problem have at most {MAX_NODES} symbols and connectives "
                "together. Leave out what is not needed.",
            )
        if len(self.stated) > MAX_STATEMENTS:
            self.error(
                source,
                span,
                ErrorCode.TOO_LARGE,
                f"A problem has at most {MAX_STATEMENTS} formulas. Leave out what is not needed.",
            )

    def is_over(self) -> bool:
        """Whether there are errors enough, or too much of everything, to read on."""
        return (
            len(self.errors) >= MAX_ERRORS
            or self._nodes > MAX_NODES
            or len(self.stated) > MAX_STATEMENTS
        )

    def problem(self, *, closed_negation: bool = True) -> Problem | None:
        """The problem, each statement with a name of its own, or None where there are errors."""
        goals = [stated for stated in self.stated if stated.is_goal]
        if len(goals) > 1 and goals[1].statement.span and not self.errors:
            self.error(
                goals[1].source,
                goals[1].statement.span,
                ErrorCode.GOAL,
                f"There are {len(goals)} goals, and a problem has one. Ask about each by itself, "
                "or connect them.",
            )
        if self.errors:
            return None
        goal = goals[0].statement if goals else None
        taken = {"goal"}
        return Problem(
            tuple(
                _named(stated.statement, f"p{number}", taken)
                for number, stated in enumerate(
                    (stated for stated in self.stated if not stated.is_goal), 1
                )
            ),
            replace(goal, identifier=goal.identifier or "goal") if goal else None,
            closed_negation,
        )


def _named(statement: Statement, default: str, taken: set[str]) -> Statement:
    """The statement with its own name if it has one that is not taken, else with another."""
    name = statement.identifier
    if not name or name in taken:
        name = default
        while name in taken:
            name += "'"
    taken.add(name)
    return replace(statement, identifier=name)
