"""What was changed, and why."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Edit", "Stage"]


class Stage(enum.Enum):
    """The part of a repair that made a change."""

    EXTRACT = "extract"
    """The proof was taken out of what surrounds it."""
    REFINE = "refine"
    """Syntax was mended."""
    CORRECT = "correct"
    """A name, a tactic or the order of steps was mended."""
    SORRIFY = "sorrify"
    """A step that fails became a hole."""
    SOLVE = "solve"
    """A hole was closed by a tactic."""
    ASSEMBLE = "assemble"
    """A proof of a lemma was put in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change."""

    stage: Stage
    iteration: int
    """Round within its stage, from 1."""
    line: int
    """Of the text as it was before this change, from 1."""
    rule: str
    """Stable kebab-case code of the change."""
    message_class: str = ""
    """Class of the message that led to it; empty where none did."""
    before: str = ""
    """The line as it was."""
    after: str = ""
    """The lines that took its place, or nothing."""
