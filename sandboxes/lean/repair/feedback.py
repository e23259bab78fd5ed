"""What went wrong with a proof, in few words: what a prover is told for its next attempt.

Conjecture correction is Lyra's (arXiv 2309.15806, section 3.2): the last attempt and the error that
Lean gave for it go into the next prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sandboxes.lean.messages import Message
from sandboxes.lean.repair.draft import Draft

__all__ = ["MAXIMUM_BYTES", "error_digest", "feedback", "shortened"]

MAXIMUM_BYTES: Final = 2000
"""Of a whole feedback; no tokenizer makes more tokens of a text than it has bytes."""
_MESSAGE_BYTES: Final = 400
_ELLIPSIS: Final = " …"


def feedback(
    draft: Draft,
    errors: Sequence[Message],
    open_goals: Iterable[str] = (),
    maximum_bytes: int = MAXIMUM_BYTES,
) -> str:
    """What fails first, and what is left to prove.

    Args:
        draft: What was tried.
        errors: What Lean finds wrong with it, the first first.
        open_goals: Goals of the holes that are left after what fails was taken out.
        maximum_bytes: Of UTF-8, for all of it; lines that don't fit are left out.
    """
    lines = []
    if errors:
        lines.append(error_digest(draft, errors[0]))
    if len(errors) > 1:
        places = ", ".join(str(one.start.line) for one in errors[1:6])
        lines.append(f"More errors in line {places}.")
    goals = [goal for goal in open_goals if goal]
    if goals:
        lines.append(f"Left to prove ({len(goals)}):")
        lines += [f"{number}. {shortened(_indented(goal))}" for number, goal in enumerate(goals, 1)]
    return _fitting(lines, maximum_bytes)


def error_digest(draft: Draft, error: Message) -> str:
    """One error with the line that it is about."""
    line = error.start.line
    text = draft.lines[line - 1].text.strip() if 0 < line <= len(draft.lines) else ""
    said = shortened(error.text)
    return f"Line {line}, `{shortened(text, 160)}`: {said}" if text else said


def shortened(text: str, maximum_bytes: int = _MESSAGE_BYTES) -> str:
    """The beginning of a text that is too long."""
    whole = text.encode()
    if len(whole) <= maximum_bytes:
        return text
    kept = whole[: maximum_bytes - len(_ELLIPSIS.encode())].decode(errors="ignore")
    return kept + _ELLIPSIS


def _indented(goal: str) -> str:
    return goal.replace("\n", "\n   ")


def _fitting(lines: Sequence[str], maximum_bytes: int) -> str:
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > maximum_bytes:
            break
        kept.append(line)
    return "\n".join(kept)
