"""From the texts of a problem to premises and a goal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sandboxes.logic.reader import formulas, pyke, smtlib, strict, tptp
from sandboxes.logic.reader.collected import Collected
from sandboxes.logic.reader.dialects import Dialect, detected, spellings_of
from sandboxes.logic.reader.findings import ErrorCode, Finding, Role, Source, finding
from sandboxes.logic.reader.formulas import Spelling
from sandboxes.logic.reader.layout import Layout, Part, Piece, lines, prover9_lists
from sandboxes.logic.reader.limits import MAX_CHARACTERS
from sandboxes.logic.syntax import Formula, Problem, Span, Symbol, predicate

__all__ = ["Reading", "read"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a problem.

    Attributes:
        dialect: Language that the texts were read in.
        problem: None if any of the findings is an error. Its goal is None when no text has one.
        findings: Errors, or what the spelling leaves open; lints of the whole problem are
            `sandboxes.logic.lints`'.
        glosses: What the text itself says that its symbols mean, in English.
    """

    dialect: Dialect
    problem: Problem | None
    findings: tuple[Finding, ...]
    glosses: dict[Symbol, str] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those findings for which there is no problem."""
        return tuple(found for found in self.findings if found.is_error)


def read(sources: Sequence[Source], dialect: Dialect | None = None) -> Reading:
    """Reads the texts of one problem, in order.

    Args:
        sources: Each with a name of its own.
        dialect: None for what the texts look like.
    """
    if dialect is None:
        dialect = detected(source.text for source in sources)
    if sum(len(source.text) for source in sources) > MAX_CHARACTERS:
        return Reading(dialect, None, (_too_long(sources),))
    collected = Collected()
    for source in sources:
        if not source.text.strip():
            collected.error(source, Span(0, 0), ErrorCode.EMPTY, "There is no text here.")
    match dialect:
        case Dialect.TPTP:
            tptp.read(sources, collected)
        case Dialect.SMTLIB:
            smtlib.read(sources, collected)
        case _:
            _read_spellings(sources, dialect, collected)
    problem = collected.problem(closed_negation=dialect is not Dialect.STRICT)
    findings = (*collected.errors, *collected.lints)
    return Reading(dialect, problem, findings, collected.glosses)


def _too_long(sources: Sequence[Source]) -> Finding:
    longest = max(sources, key=lambda source: len(source.text))
    return finding(
        longest,
        Span(0, 0),
        ErrorCode.TOO_LARGE,
        f"The texts of a problem have at most {MAX_CHARACTERS} characters together. Shorten them.",
    )


_LONE_VARIABLE: Final = re.compile(r"[u-z]\d*")
_INITIAL: Final = re.compile(r"[u-z]")
_NLTK: Final = Spelling(lambda name: bool(_LONE_VARIABLE.fullmatch(name)), left_implication=True)
_SPELLINGS: Final = {
    Dialect.NLTK: _NLTK,
    Dialect.UNICODE: Spelling(_NLTK.is_variable),
    Dialect.PROVER9: Spelling(lambda name: bool(_INITIAL.match(name))),
}


def _read_spellings(sources: Sequence[Source], dialect: Dialect, collected: Collected) -> None:
    spellings = [dialect] * len(sources)
    if dialect is Dialect.FOL:
        spellings = spellings_of([source.text for source in sources])
    for source, spelling in zip(sources, spellings, strict=True):
        lists = spelling is Dialect.PROVER9 and "formulas" in source.text
        layout = prover9_lists(source) if lists else lines(source)
        collected.note(*layout.errors)
        _read_pieces(source, spelling, layout, collected)
        if collected.is_over():
            return
    if dialect is Dialect.STRICT:
        collected.note(*strict.clashes(collected.stated))


def _read_pieces(source: Source, spelling: Dialect, layout: Layout, collected: Collected) -> None:
    stated = [piece for piece in layout.pieces if piece.part is not Part.PREDICATE]
    goals = [piece for piece in stated if piece.part is Part.GOAL]
    if source.role is Role.PREMISES and goals:
        collected.error(
            source,
            goals[0].span,
            ErrorCode.GOAL,
            "The goal is given elsewhere, and here premises are expected. Leave out the "
            "conclusion.",
        )
    if source.role is Role.GOAL and len(stated) > 1:
        collected.error(
            source,
            stated[1].span,
            ErrorCode.GOAL,
            f"One formula is expected here, the goal, and there are {len(stated)}.",
        )
    if not stated and not layout.errors and source.text.strip():
        collected.error(source, Span(0, 0), ErrorCode.EMPTY, "There is no formula in this text.")
    for piece in layout.pieces:
        if collected.is_over():
            return
        if piece.part is Part.PREDICATE:
            _note_gloss(source, spelling, piece, collected)
            continue
        formula, findings = _parse(source, spelling, piece.span)
        collected.note(*findings)
        if formula is not None:
            is_goal = _is_goal(source.role, piece, goals, stated[-1])
            collected.add(source, formula, piece.span, gloss=piece.gloss, is_goal=is_goal)


def _is_goal(role: Role, piece: Piece, goals: list[Piece], last: Piece) -> bool:
    match role:
        case Role.GOAL:
            return True
        case Role.FORMALISATION:
            return piece.part is Part.GOAL if goals else piece is last
        case _:
            return False


def _parse(source: Source, spelling: Dialect, span: Span) -> tuple[Formula | None, list[Finding]]:
    match spelling:
        case Dialect.STRICT:
            return strict.parse(source, span)
        case Dialect.PYKE:
            return pyke.parse(source, span)
        case _:
            return formulas.parse(source, span, _SPELLINGS[spelling])


_DECLARED: Final = re.compile(r"(?P<name>[^\s(]+)\s*(?:\((?P<arguments>[^()]*)\))?\s*\.?")


def _note_gloss(source: Source, spelling: Dialect, piece: Piece, collected: Collected) -> None:
    """Keeps what a line of the list of predicates, `Sees($x, $y, bool) ::: x sees y`, says."""
    declared = _DECLARED.fullmatch(source.text, piece.span.start, piece.span.end)
    if declared is None:
        collected.error(
            source,
            piece.span,
            ErrorCode.UNEXPECTED,
            "In a list of predicates a line is `Name(x, y) ::: what it means`.",
        )
        return
    arguments = [a.strip() for a in (declared["arguments"] or "").split(",") if a.strip()]
    if spelling is Dialect.PYKE and arguments and arguments[-1] == "bool":
        arguments.pop()
    symbol = predicate(declared["name"], len(arguments))
    collected.glosses.setdefault(symbol, piece.gloss)
