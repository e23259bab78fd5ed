"""Kinds of problem, as models see them: what to ask, what to look for, what to feed back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from proposer import extraction
from proposer.models import Chat
from proposer.problems import Task
from proposer.prompts import Template, load_template
from verifier_service.model import (
    LeanTheorem,
    LogicProblem,
    Outcome,
    PythonEvidence,
    PythonTests,
    Verdict,
)

__all__ = ["Domain", "domain_of", "feedback"]

_MOST_FEEDBACK: Final = 2000
"""Characters of feedback. What is cut is its end: the beginning says what went wrong."""
_NO_CANDIDATE: Final = "The answer held no program. Write the whole program in one fenced block."


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One kind of problem."""

    name: str
    """Also the folder of its templates."""
    extract: Callable[[str, str], str | None]
    """From an answer, and the name that candidates must define, to the candidate in it."""

    def solve(self, task: Task) -> Chat:
        """Asks for a candidate."""
        return self._template("solve").filled(
            statement=task.statement, examples=self.examples(task)
        )

    def repair(self, chat: Chat, answer: str, found: str) -> Chat:
        """Shows the model what came of its answer, and asks for a better one."""
        return self._template("repair").continued(chat, self.closed(chat, answer), feedback=found)

    def example(self, task: Task, found: str) -> Chat:
        """Asks for a candidate, and shows a test that another one failed."""
        return self._template("example").filled(
            statement=task.statement, examples=self.examples(task), feedback=found
        )

    def refine(self, task: Task, best: tuple[str, str], latest: tuple[str, str]) -> Chat:
        """Shows the best and the latest candidate, and asks for a better one."""
        return self._template("refine").filled(
            statement=task.statement,
            examples=self.examples(task),
            best=best[0].rstrip(),
            best_feedback=best[1],
            latest=latest[0].rstrip(),
            latest_feedback=latest[1],
        )

    def closed(self, chat: Chat, answer: str) -> str:
        """An answer with what closes it, which servers leave out where they stop there."""
        is_open = bool(chat.closing) and answer.startswith(chat.opening)
        return answer + chat.closing if is_open and chat.closing not in answer else answer

    def examples(self, task: Task) -> str:
        """The examples of a problem, as they follow its statement."""
        return "".join(f"\n{line}" for line in ("", *task.examples)) if task.examples else ""

    def _template(self, what: str) -> Template:
        return load_template(f"{self.name}/{what}.1")


PYTHON: Final = Domain(name="python", extract=extraction.python_code)
LOGIC: Final = Domain(name="logic", extract=extraction.formulas)
LEAN: Final = Domain(name="lean", extract=extraction.lean_proof)


def domain_of(task: Task) -> Domain:
    """The kind of a problem."""
    match task.spec.problem.criterion:
        case PythonTests():
            return PYTHON
        case LogicProblem():
            return LOGIC
        case LeanTheorem():
            return LEAN


def feedback(verdict: Verdict | None) -> str:
    """What a verdict says to the model, the most telling first; bounded.

    It holds what the service tells any caller about the candidate: the summary, located
    diagnostics, and the failing cases. A problem's other tests stay with the service.
    """
    if verdict is None:
        return _NO_CANDIDATE
    text = "\n".join(_findings(verdict))
    return text if len(text) <= _MOST_FEEDBACK else text[:_MOST_FEEDBACK] + " …"


def _findings(verdict: Verdict) -> Iterable[str]:
    yield verdict.summary
    told = {verdict.summary}
    for finding in verdict.diagnostics:
        where = f"line {finding.range.start_line}: " if finding.range else ""
        goals = "".join(f"\n{goal}" for goal in finding.goals)
        line = f"{where}{finding.message}{goals}"
        if line not in told:
            told.add(line)
            yield line
    if isinstance(verdict.evidence, PythonEvidence):
        for case in verdict.evidence.cases:
            if case.outcome is Outcome.REJECTED and case.message not in told:
                told.add(case.message)
                yield case.message
