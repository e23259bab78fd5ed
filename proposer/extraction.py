"""From what a model wrote to the candidate in it.

Models put candidates into fences, several of them, or none, with prose around; fences stay open
where the model was cut off, or where its turn was begun for it. Nothing here runs or parses a
candidate's language beyond what tells code from prose.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass
from typing import Final

__all__ = ["Block", "blocks", "formulas", "lean_proof", "python_code"]

_FENCE: Final = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*$", re.MULTILINE)
_PYTHON: Final = {"python", "python3", "py", "py3", "python-3", "ipython"}
_BEGINS_CODE: Final = re.compile(r"^(?:async\s+def|def|class|import|from|@|\w+\s*=[^=])\s*\S")
_FORMULA: Final = re.compile(r"^[ \t]*FOL:(.*)$", re.MULTILINE)
_MOST_CHARACTERS: Final = 1 << 20
"""Of an answer; a longer one holds nothing that could be meant."""
_MOST_UNFENCED_LINES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block."""

    language: str
    """In lower case; empty where the fence names none."""
    text: str
    closed: bool
    """False where the text ended before the fence did."""


def blocks(text: str) -> list[Block]:
    """All fenced blocks, in order."""
    text = _bounded(text)
    found, position = [], 0
    while (opening := _FENCE.search(text, position)) is not None:
        again = _FENCE.match(text, opening.end() + 1)
        if again is not None and again[3]:  # models repeat a fence that was begun for them
            opening = again
        indent, mark, language = opening[1], opening[2], opening[3].lower()
        start = min(opening.end() + 1, len(text))
        closing = re.compile(
            rf"^[ \t]{{0,{len(indent) + 3}}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$",
            re.MULTILINE,
        ).search(text, start)
        end = closing.start() if closing else len(text)
        found.append(
            Block(
                language=language,
                text=_dedented(text[start:end], indent),
                closed=closing is not None,
            )
        )
        position = closing.end() if closing else len(text)
    return found


def _dedented(text: str, indent: str) -> str:
    """A block without the indentation of its fence, as in a list."""
    return re.sub(rf"^{re.escape(indent)}", "", text, flags=re.MULTILINE) if indent else text


def python_code(text: str, entry_point: str = "") -> str | None:
    """The Python program in an answer; None where there is none.

    Of several blocks, those that define the entry point win over others, those that parse over
    those that don't, and later ones over earlier ones: models explain, then correct themselves.
    Without fences, the longest run of lines that begins like code and parses is taken.

    Args:
        text: What the model wrote.
        entry_point: Name that the candidate must define, if one is known.
    """
    candidates = [
        block.text
        for block in blocks(text)
        if block.text.strip() and (block.language in _PYTHON or not block.language)
    ]
    if not any(_parses(code) and _defines(code, entry_point) for code in candidates):
        # Models forget a fence's beginning, and write its end all the same.
        bare = _unfenced(_FENCE.split(_bounded(text), maxsplit=1)[0])
        candidates += [code for code in bare if not candidates or _parses(code)]
    if not candidates:
        return None
    ranked = [
        (_defines(code, entry_point), _parses(code), place) for place, code in enumerate(candidates)
    ]
    _, _, best = max(ranked)
    return candidates[best].rstrip() + "\n"


def formulas(text: str, name: str = "") -> str | None:
    """The formulas in an answer, one a line, the conclusion last.

    They stand behind `FOL:`, as LINC's models write them, or in the last fenced block, or are all
    of the answer where it has neither.
    """
    del name  # formulas have none
    marked = [line[1].strip() for line in _FORMULA.finditer(_bounded(text)) if line[1].strip()]
    return "\n".join(marked) + "\n" if marked else _last_block(text)


def lean_proof(text: str, name: str = "") -> str | None:
    """The Lean text in an answer: its last fenced block, or all of it where it has none.

    Args:
        text: What the model wrote.
        name: Of the theorem; a block that holds it wins over later ones that don't.
    """
    holding = [block.text for block in blocks(text) if name and name in block.text]
    return holding[-1].strip("\n") + "\n" if holding else _last_block(text)


def lean_tactics(text: str) -> list[str]:
    """The tactics in an answer, alternatives, one a line; indented lines belong to the one above.

    Numbers and dashes before them, a `by`, and comments are left out.
    """
    tactics: list[str] = []
    for line in textwrap.dedent(_last_block(text) or "").split("\n"):
        if not line.strip() or line.lstrip().startswith("--"):
            continue
        if (line[0].isspace() or line[0] in "|·") and tactics:
            tactics[-1] += "\n" + line.rstrip()
        elif (tactic := _LISTED.sub("", line).strip()) and tactic != "by":
            tactics.append(tactic)
    return [one for one in dict.fromkeys(tactics) if len(one) <= _MOST_TACTIC][:_MOST_TACTICS]


_LISTED: Final = re.compile(r"^(?:\d+[.)]|[-*])\s+|^by\s+")
_MOST_TACTICS: Final = 20
_MOST_TACTIC: Final = 4000
"""Characters of a tactic."""


def _last_block(text: str) -> str | None:
    fenced = [block.text for block in blocks(text) if block.text.strip()]
    chosen = fenced[-1] if fenced else _bounded(text)
    return chosen.strip("\n") + "\n" if chosen.strip() else None


def _bounded(text: str) -> str:
    return text.replace("\r\n", "\n") if len(text) <= _MOST_CHARACTERS else ""


def _unfenced(text: str) -> list[str]:
    lines = text.split("\n")[:_MOST_UNFENCED_LINES]
    starts = [number for number, line in enumerate(lines) if _BEGINS_CODE.match(line)]
    for start in starts[:20]:
        for end in range(len(lines), start, -1):
            # Prose that parses is rare and short: a line that ends the code is not indented.
            if end < len(lines) and (lines[end][:1].isspace() or not lines[end - 1].strip()):
                continue
            code = "\n".join(lines[start:end])
            if _parses(code):
                return [code]
    return ["\n".join(lines[starts[0] :])] if starts else []


def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _defines(code: str, entry_point: str) -> bool:
    """Whether a program defines a name, by its looks; any does where none is asked for."""
    name = re.escape(entry_point.split("(")[0].split(".")[0])
    return not name or bool(
        re.search(rf"^(?:async\s+)?(?:def|class)\s+{name}\b|^{name}\s*=", code, re.M)
    )
