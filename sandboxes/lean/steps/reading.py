"""What became of a tactic, from what Lean's server said of the document that ends in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandboxes.lean.steps.document import Document, Place
from sandboxes.lean.steps.framing import ProtocolViolation
from sandboxes.lean.steps.goals import goal_of
from sandboxes.lean.steps.runner import Finished, Reached, RunnerOutcome
from verifier_service.model.lean_steps import ProofGivenUp, TacticFailed, TacticFailure

__all__ = ["Diagnosis", "diagnoses_of", "goals_of_answer", "outcome_of", "own_errors"]

_ERROR: Final = 1
_WARNING: Final = 2
_UNSOLVED: Final = 1
_ACCOMPLISHED: Final = 2
"""Lean's tags of diagnostics (`Lean.Lsp.LeanDiagnosticTag`)."""
_SORRY: Final = re.compile(r"declaration uses ['`]?sorry")
_UNSOLVED_GOALS: Final = "unsolved goals"
_KERNEL: Final = "(kernel)"
_MESSAGES: Final = 32
_MESSAGE_LENGTH: Final = 16 * 1024
_MALFORMED: Final = (AttributeError, KeyError, TypeError, ValueError, OverflowError)
_ESCAPED: Final = (
    "The tactic ends the proof that it is part of. Send one tactic, or several on lines of their "
    "own with the same indentation."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that Lean's server has to say about the document."""

    severity: int
    message: str
    start: Place
    end: Place
    tags: tuple[int, ...] = ()
    silent: bool = False
    """Meant for tools, not for people."""

    @property
    def is_error(self) -> bool:
        """Whether Lean refuses something."""
        return self.severity == _ERROR

    @property
    def is_of_parser(self) -> bool:
        """Whether it is about a place and not, as what elaborators say, about a piece of syntax."""
        return self.is_error and self.start == self.end

    def leaves_goals(self, document: Document) -> bool:
        """Whether it says that the proof as a whole leaves goals, and nothing else."""
        unsolved = _UNSOLVED in self.tags or self.message.startswith(_UNSOLVED_GOALS)
        return self.is_error and unsolved and self.start == document.by


def diagnoses_of(published: object) -> tuple[Diagnosis, ...]:
    """The diagnostics of a `textDocument/publishDiagnostics`.

    Raises:
        ProtocolViolation: They are not as the protocol says.
    """
    try:
        return tuple(_diagnosis(each) for each in _dict(published)["diagnostics"])
    except _MALFORMED as error:
        raise ProtocolViolation("A diagnostic is not as the protocol says.") from error


def _diagnosis(said: Any) -> Diagnosis:
    where = said.get("fullRange") or said["range"]
    return Diagnosis(
        severity=int(said.get("severity", _ERROR)),
        message=_cut(_text(said["message"])),
        start=_place(where["start"]),
        end=_place(where["end"]),
        tags=tuple(int(tag) for tag in said.get("leanTags", ())),
        silent=bool(said.get("isSilent")),
    )


def goals_of_answer(answer: object) -> tuple[str, ...]:
    """The goals of an answer to `$/lean/plainGoal`; none where there is no proof at the place.

    Raises:
        ProtocolViolation: It is not as the protocol says.
    """
    if answer is None:
        return ()
    try:
        return tuple(_text(goal) for goal in _dict(answer)["goals"])
    except _MALFORMED as error:
        raise ProtocolViolation("A goal is not as the protocol says.") from error


def own_errors(document: Document, said: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Errors but the one that the proof so far leaves goals, in their order."""
    found = [one for one in said if one.is_error and not one.leaves_goals(document)]
    return sorted(found, key=lambda one: one.start)


def outcome_of(
    document: Document, said: Sequence[Diagnosis], goals: Sequence[str]
) -> RunnerOutcome:
    """What became of the last tactic of a document.

    Args:
        document: As Lean has it.
        said: All that Lean said about it.
        goals: At its end, one text each.
    """
    if errors := own_errors(document, said):
        return _failed(document, errors)
    leaves_goals = any(one.leaves_goals(document) for one in said)
    if leaves_goals != bool(goals):
        return TacticFailed(kind=TacticFailure.SYNTAX, message=_ESCAPED)
    if goals:
        return Reached(goals=tuple(map(goal_of, goals)), messages=_beside(document, said))
    accomplished = any(_ACCOMPLISHED in one.tags and one.start < document.by for one in said)
    unsure = [one.message for one in said if _SORRY.search(one.message)]
    if unsure and not accomplished:
        return ProofGivenUp(message=unsure[0])
    return Finished()


def _failed(document: Document, errors: Sequence[Diagnosis]) -> TacticFailed:
    """What a parser complains about, since nothing counts behind it; else the first error.

    Errors of the last tactic count before others.
    """
    own = [one for one in errors if one.start[0] >= document.last_tactic] or errors
    first = next((one for one in own if one.is_of_parser), own[0])
    line, column = document.place_in_last_tactic(first.start)
    return TacticFailed(kind=_kind(first), message=first.message, line=line, column=column)


def _kind(error: Diagnosis) -> TacticFailure:
    if error.message.startswith(_KERNEL):
        return TacticFailure.KERNEL
    return TacticFailure.SYNTAX if error.is_of_parser else TacticFailure.TACTIC


def _beside(document: Document, said: Sequence[Diagnosis]) -> tuple[str, ...]:
    """What Lean said about the last tactic without refusing it."""
    return tuple(
        one.message
        for one in said
        if not one.is_error and not one.silent and one.start[0] >= document.last_tactic
    )[:_MESSAGES]


def _cut(text: str) -> str:
    return text if len(text) <= _MESSAGE_LENGTH else text[: _MESSAGE_LENGTH - 1] + "…"


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value.encode("utf-8", "replace").decode()


def _place(value: Any) -> Place:
    return int(value["line"]), int(value["character"])
