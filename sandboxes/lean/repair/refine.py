"""Mends syntax by rules, each tried by itself and kept only where Lean then gets further."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sandboxes.lean.messages import Message
from sandboxes.lean.repair.checking import (
    BudgetSpent,
    Checked,
    Checker,
    Class,
    class_of,
    failures,
)
from sandboxes.lean.repair.code import blanked, depth_zero
from sandboxes.lean.repair.draft import Draft
from sandboxes.lean.repair.outline import Node, outline
from sandboxes.lean.repair.sorrify import Alternative, text_edit
from sandboxes.lean.repair.tactics import TACTICS
from verifier_service.model.lean_repair import RepairEdit, RepairStage

__all__ = ["RULES", "Refined", "refine", "score"]

_MAXIMUM_ROUNDS: Final = 8
"""Times that a rule which looks at one error at a time is applied."""

_Rule = Callable[[Draft, Message], Iterable[Draft]]


@dataclass(frozen=True, slots=True)
class Refined:
    """A draft with better syntax."""

    draft: Draft
    edits: tuple[RepairEdit, ...]
    checked: Checked
    """What Lean says of it."""


async def refine(draft: Draft, checker: Checker) -> Refined:
    """Applies every rule that gets Lean further; a draft without errors stays as it is."""
    edits: list[RepairEdit] = []
    checked = await checker(draft.source)
    for name, rule in RULES.items():
        for _ in range(_MAXIMUM_ROUNDS):
            errors = failures(checked.messages)
            if not checked.completed or not errors:
                return Refined(draft, tuple(edits), checked)
            made = {one.source: one for one in rule(draft, errors[0])}
            made.pop(draft.source, None)
            if not made:
                break
            try:
                results = await checker.all(list(made))
            except BudgetSpent:
                return Refined(draft, tuple(edits), checked)
            now = score(draft, checked)
            best = max(
                (
                    (score(one, result), -place, one, result)
                    for place, (one, result) in enumerate(zip(made.values(), results, strict=True))
                    if result is not None
                ),
                key=lambda found: found[:2],
                default=None,
            )
            if best is None or best[0] <= now:
                break
            step = Alternative(best[2], name, 0, RepairStage.REFINE)
            edits.append(text_edit(draft, step, len(edits) + 1, class_of(errors[0]).value))
            draft, checked = best[2], best[3]
    return Refined(draft, tuple(edits), checked)


def score(draft: Draft, checked: Checked) -> tuple[bool, bool, bool, int, int]:
    """How far Lean gets; more is better."""
    errors = failures(checked.messages)
    if not checked.completed or not errors:
        return checked.completed, True, True, 0, 0
    kind = class_of(errors[0])
    left = len(draft.lines) - errors[0].start.line
    is_read, is_open = kind is not Class.PARSE, kind is Class.UNSOLVED
    return True, is_read, is_open, -left, -len(errors)


def _each_line(change: Callable[[str, str], str | None]) -> _Rule:
    """A rule that changes every line by itself: its text and its code give what takes its place."""

    def rule(draft: Draft, _: Message) -> Iterator[Draft]:
        code = draft.code
        changed = draft
        for line in range(len(draft.lines) - 1, -1, -1):
            text = draft.lines[line].text
            if draft.is_fixed(line) or not code[line].strip():
                continue
            made = change(text, code[line])
            if made != text:
                changed = changed.replaced(line, line + 1, [] if made is None else [made])
        yield changed

    return rule


def _plain_spaces(text: str, code: str) -> str:
    del code
    return re.sub(
        "[\u200b\u200c\u200d\ufeff]", "", re.sub("[\u00a0\u2009\u202f\u3000]", " ", text)
    ).replace("\t", "  ")


_LONE: Final = frozenset(
    ("begin", "by", "do", "exact", "calc", "end", ":=", "end.", "qed", "done.")
)


def _lone_word(text: str, code: str) -> str | None:
    return None if code.strip() in _LONE else text


def _trailing_comma(text: str, code: str) -> str:
    free = set(depth_zero(code))
    end = len(code.rstrip())
    if end and code[end - 1] == "," and end - 1 in free and _balanced(code):
        return text[: end - 1] + text[end:]
    return text


def _balanced(code: str) -> bool:
    return sum(map(code.count, "([{⟨")) == sum(map(code.count, ")]}⟩"))


_BULLETS: Final = re.compile(r"^(\s*)(?:[•*‣▸∙●]|-(?=\s))\s*")


def _bullet(text: str, code: str) -> str:
    match = _BULLETS.match(code)
    return text if match is None else f"{match[1]}· {text[match.end() :]}"


_OLD_WORDS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(old), new)
    for old, new in (
        (r"(?<![\w.])refl(?![\w.'])", "rfl"),
        (r"(?<![\w.])admit(?![\w.'])", "sorry"),
        (r"^(\s*(?:· )?)split(?![\w.'])", r"\1constructor"),
        (r"^(\s*(?:· )?)assume(?![\w.'])", r"\1intro"),
        (r"^(\s*(?:· )?)existsi(?![\w.'])", r"\1exists"),
        (r"^(\s*(?:· )?)reflexivity(?![\w.'])", r"\1rfl"),
        (r"^(\s*(?:· )?)symmetry(?![\w.'])", r"\1symm"),
        (r"^(\s*(?:· )?)by_contradiction(?![\w.'])", r"\1by_contra"),
        (r"^(\s*(?:· )?)cases (\S+) with (\w+) (\w+)\s*$", r"\1rcases \2 with ⟨\3, \4⟩"),
        (r"^(\s*(?:· )?)induction (\w+) with (\w+) (\w+)\s*$", r"\1induction \2"),
        (r"λ\s*([^,=]+?),", r"fun \1 =>"),
        (r"(?<![\w.])begin\s*$", "by"),
        (r",\s*from\s", " := "),
    )
)


def _old_words(text: str, code: str) -> str:
    for pattern, new in _OLD_WORDS:
        match = pattern.search(code)
        while match is not None:
            made = match.expand(new)
            text = text[: match.start()] + made + text[match.end() :]
            code = blanked(text)
            match = pattern.search(code, match.start() + len(made))
    return text


_BARE_REWRITE: Final = re.compile(
    r"^(\s*(?:· )?)(rw|rewrite|simp only|simp_rw)\s+([^\[\s(][^\[]*?)(\s+at\s.*)?$"
)


def _bare_rewrite(text: str, code: str) -> str:
    match = _BARE_REWRITE.match(code.rstrip())
    if match is None:
        return text
    return f"{match[1]}{match[2]} [{match[3].strip().rstrip(',')}]{match[4] or ''}"


def _missing_define(text: str, code: str) -> str:
    """`have h : T by …` and `have h : T, by …` become `… := by …`."""
    if re.match(r"\s*(?:· )?(?:have|obtain|suffices|let)\b", code) is None or ":=" in code:
        return text
    free = set(depth_zero(code))
    for match in re.finditer(r",?\s*\bby\b", code):
        if match.end() - 1 in free:
            return f"{text[: match.start()]} := by{text[match.end() :]}"
    return text


_NO_DEFINE: Final = re.compile(
    r"^\s*(?:· )?(?:rw|intro|intros|simp|exact|apply|constructor|rfl|linarith|norm_num|ring)\b.*?"
    r"(\s*:=(?:\s*by)?\s*)$"
)


def _stray_define(text: str, code: str) -> str:
    match = _NO_DEFINE.match(code)
    return text if match is None else text[: match.start(1)]


def _no_doc_comment(draft: Draft, _: Message) -> Iterator[Draft]:
    """A doc comment inside a proof becomes a comment."""
    changed = draft
    for line in range(draft.fixed_end, draft.proof_end):
        text = draft.lines[line].text
        if "/--" in text and text.lstrip().startswith("/--"):
            changed = changed.replaced(line, line + 1, [text.replace("/--", "/-", 1)])
    yield changed


def _aligned(draft: Draft, message: Message) -> Iterator[Draft]:
    """A step that begins at a column of its own moves to that of a step before it."""
    tree = outline(draft)
    last = min(message.start.line, len(draft.lines) - 1)
    for line in (last, last - 1):
        starts = [place for place, node in enumerate(tree.nodes) if node.start == line]
        if not starts or draft.is_fixed(line):
            continue
        node = tree.nodes[starts[0]]
        before, _ = tree.siblings(starts[0])
        if before is not None and tree.nodes[before].column == node.column:
            continue
        if class_of(message) is not Class.PARSE and not _reads_as_argument(draft, node):
            continue
        columns = sorted(
            {other.column for other in tree.nodes if other.start < line} - {node.column},
            key=lambda column: abs(column - node.column),
        )
        for column in columns[:3]:
            for end in sorted({node.end, line + 1, _block_end(draft, line)}):
                moved = [
                    _moved(draft.lines[index].text, column - node.column)
                    for index in range(line, end)
                ]
                yield draft.replaced(line, end, moved)


def _reads_as_argument(draft: Draft, node: Node) -> bool:
    """Whether a step is read as the end of the one above it, which opens no block."""
    code = draft.code
    if code[node.start].split()[0] not in TACTICS or node.parent < 0:
        return False
    above = code[outline(draft).nodes[node.parent].start].rstrip()
    return _OPENS.search(above) is None


_OPENS: Final = re.compile(r"(?:\b(?:by|with|do|where|calc|then|else)|=>|:=|[·.,(⟨\[{]|<;>)$")


def _block_end(draft: Draft, line: int) -> int:
    """The index after the lines that begin no further left than one of them."""
    code = draft.code
    column = len(code[line]) - len(code[line].lstrip())
    end = line + 1
    while end < draft.proof_end:
        text = code[end]
        if text.strip() and len(text) - len(text.lstrip()) < column:
            break
        end += 1
    return end


def _moved(text: str, change: int) -> str:
    if change >= 0:
        return " " * change + text if text.strip() else text
    spaces = len(text) - len(text.lstrip(" "))
    return text[min(-change, spaces) :]


def _brackets(draft: Draft, message: Message) -> Iterator[Draft]:
    """One bracket more or less where Lean misses one, or finds one too many."""
    if class_of(message) is not Class.PARSE:
        return
    for line in (message.start.line - 1, message.start.line - 2, message.start.line):
        if not 0 <= line < len(draft.lines) or draft.is_fixed(line) or not draft.code[line].strip():
            continue
        text, code = draft.lines[line].text, draft.code[line]
        end = len(code.rstrip())
        for closing in _CLOSING:
            if code.count(closing) < code.count(_CLOSING[closing]):
                places = [index for index, one in enumerate(code) if one in _CLOSING]
                for place in [*places, end]:
                    yield draft.replaced(line, line + 1, [text[:place] + closing + text[place:]])
            elif code.count(closing) > code.count(_CLOSING[closing]):
                for place in [index for index, one in enumerate(code) if one == closing]:
                    yield draft.replaced(line, line + 1, [text[:place] + text[place + 1 :]])


_CLOSING: Final = {")": "(", "]": "[", "}": "{", "⟩": "⟨"}


def _cut_off(draft: Draft, message: Message) -> Iterator[Draft]:
    """What can't be read at the end, such as words about the proof, is left out."""
    line = message.start.line - 1
    if class_of(message) is not Class.PARSE or line <= draft.fixed_end:
        return
    for start in (line, line + 1):
        if draft.fixed_end < start < len(draft.lines):
            text = draft.lines[start].text
            if text[:1].strip() and start <= draft.proof_end:
                yield draft.replaced(start, draft.proof_end, [])
            elif start > draft.proof_end:
                yield draft.replaced(start, len(draft.lines), [])


RULES: Final[dict[str, _Rule]] = {
    "plain-spaces": _each_line(_plain_spaces),
    "doc-comment": _no_doc_comment,
    "old-words": _each_line(_old_words),
    "lone-word": _each_line(_lone_word),
    "trailing-comma": _each_line(_trailing_comma),
    "bullet": _each_line(_bullet),
    "bare-rewrite": _each_line(_bare_rewrite),
    "missing-define": _each_line(_missing_define),
    "stray-define": _each_line(_stray_define),
    "bracket": _brackets,
    "indentation": _aligned,
    "cut-off": _cut_off,
}
"""All rules by name, in the order in which they are tried."""
