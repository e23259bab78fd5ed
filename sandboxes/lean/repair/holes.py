"""The holes of a draft: where `sorry` stands for a proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.lexer import Kind, Token, lex
from sandboxes.lean.messages import Position
from sandboxes.lean.repair.code import words
from sandboxes.lean.repair.draft import Draft

__all__ = ["Hole", "filled", "holes"]

_TACTIC_CONTEXTS: Final = frozenset(
    ("by", "·", ".", ";", "<;>", "|", "then", "else", "first", "try", "repeat", "all_goals")
)
_CASE_HEADS: Final = frozenset(("|", "case", "case'", "next"))


@dataclass(frozen=True, slots=True)
class Hole:
    """One `sorry`."""

    line: int
    """Index of its line."""
    column: int
    width: int
    is_term: bool
    """Whether it stands for a term, and not for tactics."""


def holes(draft: Draft) -> list[Hole]:
    """All of them, in order; the problem's own lines have none that count."""
    lexed = lex(draft.source)
    tokens = words(draft.source)
    lines = {token.start: lexed.position(token.start) for token in tokens}
    found = []
    for place, token in enumerate(tokens):
        position = lines[token.start]
        line = position.line - 1
        if not _is_hole(token) or draft.is_fixed(line):
            continue
        before = tokens[place - 1] if place else None
        on_line = _on_line(tokens[:place], lines, line)
        if not on_line and before is not None and before.text == "=>":
            on_line = _on_line(tokens[:place], lines, lines[before.start].line - 1)
        found.append(
            Hole(
                line,
                position.column,
                token.end - token.start,
                not _is_tactic(draft, line, before, on_line),
            )
        )
    return found


def _on_line(tokens: Sequence[Token], lines: Mapping[int, Position], line: int) -> Sequence[Token]:
    return [one for one in tokens if lines[one.start].line - 1 == line]


def _is_hole(token: Token) -> bool:
    return token.kind is Kind.WORD and token.text in ("sorry", "admit")


def _is_tactic(draft: Draft, line: int, before: Token | None, on_line: Sequence[Token]) -> bool:
    """Whether tactics stand at a place, by the token before it."""
    if before is None:
        return False
    if draft.is_term and draft.in_proof(line) and not _has_by(draft, line):
        return before.text == "by"
    while on_line and on_line[-1].text == "(":
        on_line = on_line[:-1]
        before = on_line[-1] if on_line else None
    if before is None:
        return True
    if not on_line:
        return before.text not in (":=", "=>", ",", "fun", "exact", "from", "(", "⟨")
    if before.text == "=>":
        return on_line[0].text in _CASE_HEADS
    return before.text in _TACTIC_CONTEXTS


def _has_by(draft: Draft, line: int) -> bool:
    """Whether a term's proof goes into tactics before a line's end."""
    text = "\n".join(draft.code[draft.fixed_end : line + 1])
    return any(token.text == "by" for token in words(text))


def filled(draft: Draft, found: Sequence[Hole], texts: Mapping[int, str]) -> Draft:
    """With other words in place of some holes.

    Args:
        draft: With these holes.
        found: All its holes.
        texts: What to put in place of the hole of an index; more lines than one are indented to
            the hole's own column.
    """
    by_line: dict[int, list[tuple[Hole, str]]] = {}
    for index, text in texts.items():
        by_line.setdefault(found[index].line, []).append((found[index], text))
    for line in sorted(by_line, reverse=True):
        text = draft.lines[line].text
        for hole, words_ in sorted(by_line[line], key=lambda one: -one[0].column):
            lead = "\n" + " " * hole.column
            text = (
                text[: hole.column]
                + lead.join(words_.split("\n"))
                + text[hole.column + hole.width :]
            )
        draft = draft.replaced(line, line + 1, text.split("\n"))
    return draft
