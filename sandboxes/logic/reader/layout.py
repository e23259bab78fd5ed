"""Which parts of a text are formulas, and which of them is the goal.

Nothing is passed over but what its language calls a comment, and every other line is a formula or
an error: a premise that is dropped would change what follows.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sandboxes.logic.reader.findings import ErrorCode, Finding, Source, finding, shown
from sandboxes.logic.reader.limits import MAX_STATEMENTS
from sandboxes.logic.reader.tokens import TokenKind, tokens
from sandboxes.logic.syntax import Span

__all__ = ["Layout", "Part", "Piece", "lines", "prover9_lists"]


class Part(enum.Enum):
    """Where a formula stands in a text that has parts."""

    UNMARKED = enum.auto()
    """Before any heading."""
    PREMISE = enum.auto()
    """Under a heading of premises."""
    GOAL = enum.auto()
    """Under a heading of the goal, or behind a sign of it."""
    PREDICATE = enum.auto()
    """In the list of predicates: a declaration, and no formula."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A formula's place, its sentence in English, and the part of the text that it stands in."""

    span: Span
    gloss: str
    part: Part


@dataclass(slots=True)
class Layout:
    """The formulas of a text in order, and what is no formula and no comment."""

    pieces: list[Piece] = field(default_factory=list)
    errors: list[Finding] = field(default_factory=list)


_HEADING: Final = re.compile(
    r"[#*\s]*(?P<name>premises?|facts?|rules?|axioms?|assumptions?|formulas?|conclusions?|goals?|"
    r"query|queries|hypothes[ie]s|predicates?|declarations?)[*\s]*:[*\s]*",
    re.IGNORECASE,
)
_PARTS: Final = {
    "conclusion": Part.GOAL,
    "goal": Part.GOAL,
    "quer": Part.GOAL,
    "hypothes": Part.GOAL,
    "predicate": Part.PREDICATE,
    "declaration": Part.PREDICATE,
}
_GOAL_SIGN: Final = re.compile(r"(?:∴|⊢|⊨|\|-(?!>)|\|=)\s*")
_COMMENT: Final = re.compile(r"\s*(?:#|//|%|```\w*\s*$|$)")
_TAG: Final = re.compile(r"\s*</?(?:PREMISES|CONCLUSION|EVALUATE)>\s*$")
_LABELLED: Final = re.compile(r"\s*(?P<label>TEXT|FOL):[ \t]*")
_GLOSS: Final = ":::"


def lines(source: Source) -> Layout:
    """The layout of a text with a formula to a line, such as Logic-LM's and LINC's.

    Headings ("Premises:", "Conclusion:") begin parts, `:::` begins the English of a line, and a
    line that leaves brackets open or ends with a connective goes on in the next one.
    """
    layout = Layout()
    labelled = re.search(r"^[ \t]*FOL:", source.text, re.MULTILINE) is not None
    part = Part.UNMARKED
    gloss = ""
    for span in _joined(source.text):
        text = source.text[span.start : span.end]
        start = span.start
        if _TAG.match(text):
            continue
        heading = _HEADING.match(text)
        if heading:
            name = heading["name"].lower()
            part = next((p for stem, p in _PARTS.items() if name.startswith(stem)), Part.PREMISE)
            start += heading.end()
        elif _COMMENT.match(text):
            continue
        label = _LABELLED.match(source.text, start, span.end)
        if label and label["label"] == "TEXT":
            gloss = source.text[label.end() : span.end].strip()
            continue
        if label:
            start = label.end()
        elif labelled and not heading:
            layout.errors.append(
                finding(
                    source,
                    span,
                    ErrorCode.UNEXPECTED,
                    f"In a text with lines `FOL:`, the line {shown(text.strip())} is neither such "
                    "a line nor `TEXT:`. Remove it or label it.",
                    expected=["FOL:", "TEXT:"],
                )
            )
            continue
        end = span.end
        if (sign := source.text.find(_GLOSS, start, end)) >= 0:
            gloss = source.text[sign + len(_GLOSS) : end].strip()
            end = sign
        goal = _GOAL_SIGN.match(source.text, _skipped(source.text, start), end)
        place = _trimmed(source.text, goal.end() if goal else start, end)
        if place.start < place.end or label:
            layout.pieces.append(Piece(place, gloss, Part.GOAL if goal else part))
            gloss = ""
        if len(layout.pieces) > MAX_STATEMENTS:
            layout.errors.append(_too_many(source, span))
            return layout
    return layout


def _joined(text: str) -> Iterator[Span]:
    """The lines of a text. One that cannot be a formula, as it leaves brackets open or ends with a
    connective, comes with the next ones, up to a blank line, if these complete it.
    """
    spans = [Span(m.start(), m.end()) for m in re.finditer(r"[^\n]+", text)]
    at = 0
    while at < len(spans):
        last = at
        level = _level(text, spans[at])
        while (
            (level > 0 or _is_open(text, spans[last]))
            and last + 1 < len(spans)
            and last - at < _MAX_JOINED
            and spans[last + 1].start == spans[last].end + 1
            and not _starts_afresh(text, spans[last + 1])
        ):
            last += 1
            level += _level(text, spans[last])
        if level != 0 or _is_open(text, spans[last]):
            last = at
        yield Span(spans[at].start, spans[last].end)
        at = last + 1


_MAX_JOINED: Final = 20
_CONNECTIVES: Final = ("&", "|", "∧", "∨", "⊕", "→", "↔", ",", "->", "=>")


def _is_open(text: str, span: Span) -> bool:
    """Whether a line ends with a connective."""
    return text[max(span.start, span.end - 20) : span.end].rstrip().endswith(_CONNECTIVES)


def _level(text: str, span: Span) -> int:
    """Brackets that a line opens and does not close."""
    end = text.find(_GLOSS, span.start, span.end)
    end = span.end if end < 0 else end
    return text.count("(", span.start, end) - text.count(")", span.start, end)


def _starts_afresh(text: str, span: Span) -> bool:
    line = text[span.start : span.end]
    return bool(_HEADING.match(line) or _LABELLED.match(line) or _COMMENT.match(line))


def _skipped(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def _too_many(source: Source, span: Span) -> Finding:
    return finding(
        source,
        span,
        ErrorCode.TOO_LARGE,
        f"A problem has at most {MAX_STATEMENTS} formulas. Leave out what is not needed.",
    )


_LIST: Final = re.compile(r"\s*formulas\s*\(\s*(\w+)\s*\)\s*\.")
_COMMAND: Final = re.compile(r"\s*(\w+)\s*(?:\([^()\n]*\))?\s*\.")
_HARMLESS: Final = frozenset({"assign", "set", "clear"})
_LADR_COMMENT: Final = re.compile(
    r"%BEGIN.*?(?:%END|\Z)|%[^\n]*|#\s*(?:label|answer|action)\s*\([^()\n]*\)", re.DOTALL
)


def prover9_lists(source: Source) -> Layout:
    """The layout of an input file of Prover9: lists of formulas, each ended by a dot.

    Source: Prover9 manual, "Input Files". Options are read past where they change how Prover9
    searches, and are an error where they change what a formula means.
    """
    layout = Layout()
    text = _LADR_COMMENT.sub(lambda match: " " * len(match.group()), source.text)
    at = 0
    while _skipped(text, at) < len(text):
        opened = _LIST.match(text, at)
        if opened:
            at = _read_list(source, text, opened, layout)
            continue
        command = _COMMAND.match(text, at)
        where = _trimmed(text, at, min(len(text), at + 200))
        if command is None or command[1] not in _HARMLESS or "prolog_style" in command[0]:
            layout.errors.append(
                finding(
                    source,
                    where if command is None else _trimmed(text, *command.span()),
                    ErrorCode.UNSUPPORTED,
                    "Outside of lists only `formulas(assumptions)`, `formulas(goals)` and options "
                    "of the search are read. Remove this, or move formulas into a list.",
                    expected=["formulas(assumptions).", "formulas(goals)."],
                )
            )
            return layout
        at = command.end()
    return layout


def _read_list(source: Source, text: str, opened: re.Match[str], layout: Layout) -> int:
    """Reads a list up to its end, and returns where that is."""
    closed = re.compile(r"^[ \t]*end_of_list\s*\.", re.MULTILINE).search(text, opened.end())
    name = Span(opened.start(1), opened.end(1))
    if closed is None or opened[1] not in ("assumptions", "sos", "usable", "goals"):
        known = closed is not None
        layout.errors.append(
            finding(
                source,
                name,
                ErrorCode.UNSUPPORTED if known else ErrorCode.UNEXPECTED,
                f"There is no list {shown(opened[1])} of formulas. Use assumptions or goals."
                if known
                else "The list is not ended. Put `end_of_list.` on a line of its own.",
                expected=["assumptions", "goals"] if known else ["end_of_list."],
            )
        )
        return len(text)
    part = Part.GOAL if opened[1] == "goals" else Part.PREMISE
    start = opened.end()
    for end in _dots(text, opened.end(), closed.start()):
        place = _trimmed(text, start, end)
        layout.pieces.append(Piece(place, "", part))
        start = end + 1
        if len(layout.pieces) > MAX_STATEMENTS:
            layout.errors.append(_too_many(source, place))
            return len(text)
    rest = _trimmed(text, start, closed.start())
    if rest.start < rest.end:
        layout.errors.append(
            finding(
                source,
                rest,
                ErrorCode.UNEXPECTED,
                "The last formula of the list has no dot at its end.",
                expected=["."],
            )
        )
    return closed.end()


def _dots(text: str, start: int, end: int) -> Iterator[int]:
    """Where formulas end: at all dots but that of NLTK's `all x. P(x)`, where there is but a name
    after a quantifier. `all x p.` is a formula.
    """
    names: int | None = None  # since the quantifier that is being read
    for word in tokens(text, start, end):
        if word.kind in (TokenKind.FORALL, TokenKind.EXISTS):
            names = 0
        elif word.kind is TokenKind.NAME and names is not None:
            names += 1
        else:
            if word.kind is TokenKind.DOT and names != 1:
                yield word.start
            names = None
