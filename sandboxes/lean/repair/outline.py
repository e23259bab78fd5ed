"""The steps of a proof as a tree, told by columns alone."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.repair.code import depth_zero
from sandboxes.lean.repair.draft import Draft

__all__ = ["AFTER", "HELPER", "STEP", "Node", "Outline", "outline"]

HELPER, STEP, AFTER = -1, -2, -3
"""What stands for the parent of nodes that belong to none."""

_BULLET: Final = re.compile(r"[·.](?=\s|$)\s*")
_CASE: Final = re.compile(r"(?:\||(?:case'?|next)\b)")
_CONTINUES: Final = re.compile(
    r"(?:\||[)\]}⟩]|<;>|:=|(?:else|at|with|from|by|using|generalizing)\b)"
)
"""What a line begins with that belongs to a step of the same column."""


@dataclass(frozen=True, slots=True)
class Node:
    """A step with all that belongs to it; a bullet or a case, whose first step follows its head."""

    start: int
    """Index of its first line."""
    column: int
    """Of its first character."""
    end: int
    """Index after its last line."""
    parent: int
    """Index of the node that it belongs to; negative for those that belong to none: `HELPER`,
    `STEP` of the theorem's proof, or `AFTER` it."""
    body: int = 0
    """Column after `·` or `… =>` on its first line; 0 for a plain step."""


@dataclass(frozen=True, slots=True)
class Outline:
    """All nodes of a draft, in order."""

    nodes: tuple[Node, ...]

    def at(self, line: int, column: int) -> int | None:
        """The innermost node at a place.

        Args:
            line: Index, from 0.
            column: In code points.
        """
        found = None
        for index, node in enumerate(self.nodes):
            if node.start > line:
                break
            if line < node.end and (node.start < line or node.column <= column or found is None):
                found = index
        return found

    def children(self, index: int) -> list[int]:
        """The nodes right below one, or those that belong to none in one part of a text."""
        return [place for place, node in enumerate(self.nodes) if node.parent == index]

    def siblings(self, index: int) -> tuple[int | None, int | None]:
        """The nodes before and after one under the same parent."""
        family = self.children(self.nodes[index].parent)
        place = family.index(index)
        before = family[place - 1] if place else None
        after = family[place + 1] if place + 1 < len(family) else None
        return before, after


@functools.lru_cache(maxsize=64)
def outline(draft: Draft) -> Outline:
    """The tree of a draft's lines, without the theorem's own."""
    found: list[list[int]] = []  # start, column, end, parent, body
    open_nodes: list[int] = []

    def close(column: int, line: int) -> None:
        while open_nodes and found[open_nodes[-1]][1] >= column:
            found[open_nodes.pop()][2] = line

    def add(line: int, column: int, body: int) -> None:
        parent = open_nodes[-1] if open_nodes else _part(draft, line)
        open_nodes.append(len(found))
        found.append([line, column, 0, parent, body])

    last_code = 0
    for index, code in enumerate(draft.code):
        if draft.is_fixed(index) or index in (draft.fixed_end, draft.proof_end):
            close(-1, last_code)
        if draft.is_fixed(index) or not code.strip():
            continue
        column = len(code) - len(code.lstrip())
        continues = _CONTINUES.match(code, column) is not None
        close(column + (1 if continues else 0), last_code)
        while column < len(code):
            body = _head_end(code, column)
            add(index, column, body)
            if not body:
                break
            close_column = body
            column = close_column
        last_code = index + 1
    close(-1, last_code)
    return Outline(tuple(Node(*one) for one in found))


def _part(draft: Draft, line: int) -> int:
    if line < draft.fixed_end:
        return HELPER
    return STEP if line < draft.proof_end else AFTER


def _head_end(code: str, column: int) -> int:
    """Where the first step after a bullet or a case's head begins; 0 for a plain step."""
    if (bullet := _BULLET.match(code, column)) is not None:
        return bullet.end()
    if _CASE.match(code, column) is not None:
        for index in depth_zero(code[column:]):
            if code.startswith("=>", column + index):
                rest = code[column + index + 2 :]
                return column + index + 2 + len(rest) - len(rest.lstrip())
    return 0
