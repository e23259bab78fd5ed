"""Changes of single steps: each gives a new draft, or None where it makes no sense."""

from __future__ import annotations

import re
from typing import Final

from sandboxes.lean.repair.code import depth_zero
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.outline import Node, outline

__all__ = [
    "HOLE",
    "append_hole",
    "cut",
    "delete",
    "insert_before",
    "replace_body",
    "replace_step",
    "swap_with_next",
    "whole_proof",
]

HOLE: Final = "sorry"
_INDENT: Final = 2
_BY: Final = re.compile(r"\bby\b")


def replace_step(draft: Draft, index: int, text: str = HOLE) -> Draft:
    """With other words in place of a step and all that belongs to it; a head stays."""
    node = outline(draft).nodes[index]
    column = node.body or node.column
    kept = draft.lines[node.start].text[:column].rstrip()
    lead = f"{kept} " if kept.strip() else " " * column
    return draft.replaced(node.start, node.end, [lead + text])


def replace_body(draft: Draft, index: int) -> Draft | None:
    """With a hole in place of the steps below one; None where it has none on lines of their own."""
    tree = outline(draft)
    node = tree.nodes[index]
    below = [child for child in tree.children(index) if tree.nodes[child].start > node.start]
    if not below:
        return None
    first = tree.nodes[below[0]]
    return draft.replaced(first.start, node.end, [" " * first.column + HOLE])


def delete(draft: Draft, index: int) -> Draft | None:
    """Without a step and all that belongs to it; a head keeps at least a hole."""
    tree = outline(draft)
    node = tree.nodes[index]
    lead = draft.lines[node.start].text[: node.column]
    if not lead.strip():
        return draft.replaced(node.start, node.end, [])
    _, after = tree.siblings(index)
    if after is None:
        return replace_step(draft, index)
    following = tree.nodes[after]
    own = draft.lines[following.start].text
    return (
        draft.replaced(node.start, following.start + 1, [lead + own[following.column :]])
        if following.column == node.column
        else None
    )


def cut(draft: Draft, index: int) -> Draft | None:
    """What a step says it shows, with a hole for how: `have h : T := by …`, `_ = x := …`."""
    tree = outline(draft)
    node = tree.nodes[index]
    if node.body:
        return None
    code = draft.code[node.start : node.end]
    code[0] = " " * node.column + code[0][node.column :]
    whole = "\n".join(code)
    place = _proof_of(whole)
    if place is None:
        return None
    text = "\n".join(line.text for line in draft.lines[node.start : node.end])
    kept = text[:place].rstrip()
    if not kept.split("\n")[-1].strip():
        return None
    define = "" if whole.startswith("by", place) else ":= "
    return draft.replaced(node.start, node.end, f"{kept} {define}by {HOLE}".split("\n"))


def _proof_of(code: str) -> int | None:
    """Where a step's `:=` is, or its `by` where it has no `:=`."""
    free = list(depth_zero(code))
    for index in free:
        if code.startswith(":=", index):
            return index
    inside = set(free)
    return next((one.start() for one in _BY.finditer(code) if one.start() in inside), None)


def append_hole(draft: Draft, index: int) -> Draft | None:
    """With a hole at the end of the steps below one."""
    tree = outline(draft)
    node = tree.nodes[index]
    children = tree.children(index)
    below = [child for child in children if tree.nodes[child].start > node.start]
    if below or (node.body and children):
        column = tree.nodes[(below or children)[0]].column
        return draft.replaced(node.end, node.end, [" " * column + HOLE])
    if node.body:
        return replace_step(draft, index)
    return _split_and_append(draft, node)


def _split_and_append(draft: Draft, node: Node) -> Draft | None:
    """A one-line `… := by t`, with `t` on a line of its own and a hole below it."""
    code = " " * node.column + draft.code[node.start][node.column :]
    free = set(depth_zero(code))
    found = [one for one in _BY.finditer(code) if one.start() in free]
    text = draft.lines[node.start].text
    if not found:
        return None
    split = found[-1].end()
    steps = text[split:].strip()
    lead = " " * (node.column + _INDENT)
    lines = [text[:split], *([lead + steps] if steps else []), lead + HOLE]
    return draft.replaced(node.start, node.end, lines)


def insert_before(draft: Draft, index: int, text: str) -> Draft:
    """With one step more before a step."""
    node = outline(draft).nodes[index]
    line = draft.lines[node.start].text
    if not line[: node.column].strip():
        return draft.replaced(node.start, node.start, [" " * node.column + text])
    first = line[: node.column] + text
    return draft.replaced(
        node.start, node.start + 1, [first, " " * node.column + line[node.column :]]
    )


def swap_with_next(draft: Draft, index: int) -> Draft | None:
    """With a step after the one that follows it."""
    tree = outline(draft)
    node = tree.nodes[index]
    _, after = tree.siblings(index)
    if after is None:
        return None
    following = tree.nodes[after]
    leads = [draft.lines[one.start].text[: one.column] for one in (node, following)]
    if any(lead.strip() for lead in leads) or node.end > following.start:
        return None
    texts = [line.text for line in draft.lines]
    return draft.replaced(
        node.start,
        following.end,
        [
            *texts[following.start : following.end],
            *texts[node.end : following.start],
            *texts[node.start : node.end],
        ],
    )


def whole_proof(draft: Draft) -> Draft:
    """With a hole for the whole proof."""
    head = draft.code[draft.fixed_end - 1].rstrip()
    if head.endswith("by"):
        hole = f"  {HOLE}"
    else:
        hole = f"  by {HOLE}" if head.endswith(":=") else f"  := by {HOLE}"
    return draft.replaced(draft.fixed_end, draft.proof_end, [hole])
