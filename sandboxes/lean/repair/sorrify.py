"""Holes where a proof fails, and everything else as it was: the sorrifier.

Three ways to go about it:

- MINIMAL tries every change that a message suggests at once and keeps the one that leaves most of
  the proof, so that one pass over the messages is one set of parallel checks.
- APOLLO takes the first change by rule: `utils/sorrify.py` of APOLLO (arXiv 2505.05758, section 3).
- DSP_MASK masks all failing steps of a pass at once: `dsp/sketch.py` of DSP+ (arXiv 2506.11487).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.messages import Message, Position
from sandboxes.lean.repair.checking import BudgetSpent, Checked, Checker, Class, class_of, failures
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.feedback import shortened
from sandboxes.lean.repair.outline import STEP, outline
from sandboxes.lean.repair.steps import (
    HOLE,
    append_hole,
    cut,
    delete,
    insert_before,
    replace_body,
    replace_step,
    whole_proof,
)
from verifier_service.model.lean_repair import (
    MAXIMUM_EDIT_BYTES,
    RepairEdit,
    RepairStage,
    SorrifyMode,
)

__all__ = ["Alternative", "Sorrified", "SorrifyMode", "alternatives_for", "sorrify", "text_edit"]

_MAXIMUM_ROUNDS: Final = 75
_AT_A_TIME: Final = 4
"""Alternatives that are tried before coarser ones are."""
_MISSING_CASE: Final = re.compile(r"Alternative `([^`]+)` has not been provided")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to go on after a message."""

    draft: Draft
    rule: str
    line: int
    """Index of the first line that it changes."""
    stage: RepairStage = RepairStage.SORRIFY


@dataclass(frozen=True, slots=True)
class Sorrified:
    """A draft in which nothing fails, if all went well."""

    draft: Draft
    edits: tuple[RepairEdit, ...]
    is_clean: bool
    """Whether Lean finds no error in it."""
    statement_errors: tuple[Message, ...] = ()
    """Errors in the problem's own text, which nobody here can mend."""


Suggest = Callable[[Draft, Sequence[Message]], Sequence[Sequence[Alternative]]]


async def sorrify(
    draft: Draft,
    checker: Checker,
    mode: SorrifyMode = SorrifyMode.MINIMAL,
    suggest: Suggest | None = None,
) -> Sorrified:
    """Makes holes until nothing fails any more; at worst the whole proof becomes one.

    Args:
        draft: What to begin with.
        checker: Asks Lean.
        mode: How.
        suggest: More alternatives for the errors that count, in groups of which one is tried after
            the other, and before any hole; for MINIMAL.
    """
    edits: list[RepairEdit] = []
    masks = _Masks()
    try:
        for round_ in range(1, min(_MAXIMUM_ROUNDS, 2 * len(draft.lines) + 8) + 1):
            checked = await checker(draft.source)
            errors = failures(checked.messages)
            if checked.completed and not errors:
                return Sorrified(draft, tuple(edits), is_clean=True)
            stated = _in_statement(draft, errors)
            if stated and (broken := await _broken_statement(draft, checker)):
                return Sorrified(draft, tuple(edits), is_clean=False, statement_errors=broken)
            errors = [one for one in errors if one not in stated]
            step: Alternative | None
            if not checked.completed or not errors:
                step = await _without_bad_step(draft, checker)
            elif mode is SorrifyMode.DSP_MASK:
                step = masks.next(draft, errors)
            elif mode is SorrifyMode.APOLLO:
                step = next(iter(alternatives_for(draft, errors[0])), None)
            else:
                meant = [] if suggest is None else suggest(draft, errors)
                found = alternatives_for(draft, errors[0])
                step = await _best(draft, meant, found, errors[0], checker) if found else None
            if step is None or step.draft.source == draft.source:
                break
            kind = class_of(errors[0]).value if checked.completed and errors else checked.ending
            edits.append(text_edit(draft, step, round_, kind))
            draft = step.draft
    except BudgetSpent:
        pass
    return await _given_up(draft, edits, checker)


async def _given_up(draft: Draft, edits: list[RepairEdit], checker: Checker) -> Sorrified:
    """With one hole for the whole proof."""
    step = Alternative(whole_proof(draft), "whole-proof", draft.fixed_end)
    edits.append(text_edit(draft, step, len(edits) + 1, ""))
    try:
        checked = await checker(step.draft.source)
    except BudgetSpent:
        return Sorrified(step.draft, tuple(edits), is_clean=False)
    errors = failures(checked.messages)
    return Sorrified(
        step.draft,
        tuple(edits),
        is_clean=checked.completed and not errors,
        statement_errors=_in_statement(step.draft, errors),
    )


def _in_statement(draft: Draft, errors: Sequence[Message]) -> tuple[Message, ...]:
    """Errors in text that is the problem's own, beside goals that a proof leaves open."""
    return tuple(
        one
        for one in errors
        if class_of(one) is not Class.UNSOLVED
        and (one.start.line == 0 or draft.is_fixed(one.start.line - 1))
        and not _is_at_end(draft, one)
    )


def _is_at_end(draft: Draft, message: Message) -> bool:
    """Whether a message is at the end of the statement because the proof can't be read."""
    last = draft.fixed_end - 1
    return message.start.line - 1 == last and message.start.column >= len(
        draft.lines[last].text.rstrip().removesuffix("by").rstrip().removesuffix(":=")
    )


def alternatives_for(draft: Draft, message: Message) -> list[Alternative]:
    """What can be done about an error, the gentlest first."""
    kind = class_of(message)
    tree = outline(draft)
    if draft.is_fixed(message.start.line - 1) and kind is Class.UNSOLVED:
        return _found([("append-hole", _at_end_of_proof(draft), draft.proof_end)])
    line = _line_of(draft, message)
    if line is None:
        return []
    place = tree.at(line, message.start.column)
    if place is None:
        return []
    node = tree.nodes[place]
    start = node.start
    found: list[tuple[str, Draft | None, int]] = []
    if (missing := _MISSING_CASE.search(message.text)) is not None:
        column = next((tree.nodes[one].column for one in tree.children(place)), node.column)
        more = draft.replaced(node.end, node.end, [f"{' ' * column}| {missing[1]} => {HOLE}"])
        found.append(("missing-case", more, node.end))
    if (bullet := _bullet_of(draft, place)) is not None and kind is Class.ELABORATION:
        first = tree.nodes[bullet].start
        found.append(("bullet-before", insert_before(draft, bullet, f"· {HOLE}"), first))
    if kind is Class.UNSOLVED:
        found.append(("append-hole", append_hole(draft, place), start))
        found.append(("cut", cut(draft, place), start))
        found.append(("hole-for-step", replace_step(draft, place), start))
    elif kind is Class.NO_GOALS:
        found.append(("delete-step", delete(draft, place), start))
        found.append(("hole-for-step", replace_step(draft, place), start))
    else:
        found.append(("cut", cut(draft, place), start))
        found.append(("hole-for-step", replace_step(draft, place), start))
        found.append(("delete-step", delete(draft, place), start))
        found.append(("hole-for-steps-below", replace_body(draft, place), start))
    if kind is Class.PARSE and (before := _previous_step(draft, place)) is not None:
        other = tree.nodes[before]
        found.append(("cut-before", cut(draft, before), other.start))
        found.append(("hole-for-step-before", replace_step(draft, before), other.start))
    parent = node.parent
    while parent >= 0:
        above = tree.nodes[parent]
        found.append(("hole-to-end-of-block", _hole_from(draft, place, above.end), start))
        found.append(("hole-for-block", replace_body(draft, parent), above.start))
        found.append(("cut-block", cut(draft, parent), above.start))
        found.append(("hole-for-parent", replace_step(draft, parent), above.start))
        parent = above.parent
    if draft.in_proof(start):
        found.append(("hole-to-end-of-proof", _hole_from(draft, place, draft.proof_end), start))
        found.append(("whole-proof", whole_proof(draft), draft.fixed_end))
    return _found(found)


def _bullet_of(draft: Draft, place: int) -> int | None:
    """The innermost bullet that a step is in."""
    nodes = outline(draft).nodes
    while place >= 0:
        if nodes[place].body and draft.code[nodes[place].start][nodes[place].column] == "·":
            return place
        place = nodes[place].parent
    return None


def _found(all_: Iterable[tuple[str, Draft | None, int]]) -> list[Alternative]:
    made: dict[str, Alternative] = {}
    for rule, draft, line in all_:
        if draft is not None:
            made.setdefault(draft.source, Alternative(draft, rule, line))
    return list(made.values())


def _line_of(draft: Draft, message: Message) -> int | None:
    """The line of code to blame: an error of reading is told at the end of what was read."""
    code = draft.code
    line = min(message.start.line - 1, len(code) - 1)
    while line > 0 and not code[line].strip() and not draft.is_fixed(line):
        line -= 1
    if draft.is_fixed(line):
        line = draft.fixed_end
        while line < len(code) and not code[line].strip():
            line += 1
    return line if 0 <= line < len(code) else None


def _previous_step(draft: Draft, place: int) -> int | None:
    """The innermost step that ends before another begins."""
    tree = outline(draft)
    start = tree.nodes[place].start
    before = [
        index
        for index, node in enumerate(tree.nodes)
        if node.start < start and draft.in_proof(node.start) == draft.in_proof(start)
    ]
    return before[-1] if before else None


def _hole_from(draft: Draft, place: int, end: int) -> Draft | None:
    """With a hole in place of a step and all that follows it in a block."""
    node = outline(draft).nodes[place]
    if end == node.end or draft.lines[node.start].text[: node.column].strip():
        return None
    return draft.replaced(node.start, end, [" " * (node.body or node.column) + HOLE])


def _at_end_of_proof(draft: Draft) -> Draft:
    """With a hole as the last step of the proof."""
    tree = outline(draft)
    columns = [node.column for node in tree.nodes if node.parent < 0 and draft.in_proof(node.start)]
    end = draft.proof_end
    while end > draft.fixed_end and not draft.code[end - 1].strip():
        end -= 1
    return draft.replaced(end, end, [" " * (columns[0] if columns else 2) + HOLE])


async def _best(
    old: Draft,
    meant: Sequence[Sequence[Alternative]],
    found: Sequence[Alternative],
    message: Message,
    checker: Checker,
) -> Alternative:
    """The alternative that goes on best: corrections, a few gentle holes, and coarser ones next."""
    groups = [(some, True) for some in meant if some]
    groups += [
        (found[start : start + _AT_A_TIME], False) for start in range(0, len(found), _AT_A_TIME)
    ]
    for some, is_meant in groups:
        results = await checker.all([one.draft.source for one in some])
        ranks = [
            _rank(old, one, message, checked, prefers_readable=is_meant)
            for one, checked in zip(some, results, strict=True)
        ]
        best = max(range(len(some)), key=lambda place: (ranks[place], -place))
        if ranks[best][0]:
            return some[best]
    return found[-1]  # the coarsest goes on where nothing helps


def _rank(
    old: Draft,
    one: Alternative,
    message: Message,
    checked: Checked | None,
    *,
    prefers_readable: bool,
) -> tuple[bool, bool, int, int]:
    """Whether a change gets past the message, what it keeps, and how little fails after it."""
    if checked is None or not checked.completed:
        return False, False, 0, 0
    errors = failures(checked.messages)
    reach = _reach(old, one.draft, message)
    is_past = not any(_still(other, message, reach) for other in errors)
    doomed = len({line for other in errors for line in _doomed(one.draft, other)})
    is_read = not any(class_of(other) is Class.PARSE for other in errors)
    return is_past, is_read and prefers_readable, one.draft.kept - doomed, -len(errors)


def _doomed(draft: Draft, message: Message) -> range:
    """The lines that an error is likely to cost: after the last goal, the rest of a block."""
    line = message.start.line - 1
    if class_of(message) is not Class.NO_GOALS:
        return range(line, line + 1)
    tree = outline(draft)
    place = tree.at(line, message.start.column)
    if place is None:
        return range(line, line + 1)
    parent = tree.nodes[place].parent
    return range(line, tree.nodes[parent].end if parent >= 0 else draft.proof_end)


def _reach(old: Draft, new: Draft, message: Message) -> int:
    """The number, from 1, of the last line that has to be free of errors after a change."""
    _, end = _difference(old, new)
    return max(end, message.start.line + len(new.lines) - len(old.lines))


def _still(other: Message, message: Message, reach: int) -> bool:
    """Whether an error shows that a change did not get past a message."""
    kind, former = class_of(other), class_of(message)
    if kind is Class.UNSOLVED:
        return former is Class.UNSOLVED and other.start == message.start
    if (former is Class.PARSE) != (kind is Class.PARSE):
        return kind is Class.PARSE
    return other.start.line <= reach


async def _broken_statement(draft: Draft, checker: Checker) -> tuple[Message, ...]:
    """What is wrong with the problem's own text, whatever the proof."""
    step = whole_proof(draft)
    return _in_statement(step, failures((await checker(step.source)).messages))


async def _without_bad_step(draft: Draft, checker: Checker) -> Alternative:
    """A hole for the step that takes Lean to its limits, or that it blames the whole theorem for.

    It is found from the outermost inwards.
    """
    best = Alternative(whole_proof(draft), "whole-proof", draft.fixed_end)
    parent = STEP
    tree = outline(draft)
    while True:
        family = tree.children(parent)
        tried = [
            Alternative(replace_step(draft, place), "hole-for-bad-step", tree.nodes[place].start)
            for place in family
        ]
        results = await checker.all([one.draft.source for one in tried])
        good = [
            place
            for place, checked in enumerate(results)
            if checked is not None
            and checked.completed
            and not _in_statement(tried[place].draft, failures(checked.messages))
        ]
        if not good:
            return best
        best, parent = tried[good[0]], family[good[0]]


class _Masks:
    """Masks all failing steps of a pass; an error that is there again takes the step above it."""

    def __init__(self) -> None:
        self._seen: set[Position] = set()

    def next(self, draft: Draft, errors: Sequence[Message]) -> Alternative | None:
        """The draft with the steps of these errors masked, from the last to the first."""
        strict = any(one.start in self._seen for one in errors)
        self._seen.update(one.start for one in errors)
        if all(draft.is_fixed(one.start.line - 1) for one in errors):
            return Alternative(_at_end_of_proof(draft), "append-hole", draft.proof_end)
        changed, taken = draft, len(draft.lines)
        for place, error in sorted(self._places(draft, errors, strict), key=lambda one: -one[0]):
            node = outline(draft).nodes[place]
            if node.end <= taken:
                changed = _masked(changed, place, error)
                taken = node.start
        if changed.source == draft.source:
            return None
        return Alternative(changed, "mask-strictly" if strict else "mask", taken)

    def _places(
        self, draft: Draft, errors: Sequence[Message], strict: bool
    ) -> list[tuple[int, Message]]:
        tree = outline(draft)
        found = []
        for error in errors:
            line = _line_of(draft, error)
            place = None if line is None else tree.at(line, error.start.column)
            if place is not None and not draft.is_fixed(error.start.line - 1):
                parent = tree.nodes[place].parent
                found.append((parent if strict and parent >= 0 else place, error))
        return found


def _masked(draft: Draft, place: int, error: Message) -> Draft:
    kind = class_of(error)
    if kind is Class.UNSOLVED:
        made = append_hole(draft, place)
    elif kind is Class.NO_GOALS:
        made = delete(draft, place)
    else:
        made = _mask(draft, place, is_top=outline(draft).nodes[place].parent < 0)
    return made or replace_step(draft, place)


def _mask(draft: Draft, place: int, *, is_top: bool) -> Draft | None:
    """A top step is left out or keeps what it states; a deeper one is its block's last."""
    if is_top:
        return cut(draft, place) or delete(draft, place)
    tree = outline(draft)
    node = tree.nodes[place]
    return _hole_from(draft, place, tree.nodes[node.parent].end) or replace_step(draft, place)


def text_edit(draft: Draft, step: Alternative, iteration: int, message_class: str) -> RepairEdit:
    """The record of a change: the lines that differ."""
    start, new_end = _difference(draft, step.draft)
    old_end = new_end + len(draft.lines) - len(step.draft.lines)
    return RepairEdit(
        stage=step.stage,
        iteration=iteration,
        line=start + 1,
        rule=step.rule,
        message_class=message_class,
        before=_shown(draft, start, old_end),
        after=_shown(step.draft, start, new_end),
    )


def _shown(draft: Draft, start: int, end: int) -> str:
    text = "\n".join(line.text for line in draft.lines[start:end])
    return shortened(text, MAXIMUM_EDIT_BYTES)


def _difference(old: Draft, new: Draft) -> tuple[int, int]:
    """The lines of `new` that differ: the first one's index, and that after the last one."""
    before = [line.text for line in old.lines]
    after = [line.text for line in new.lines]
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return start, len(after) - end
