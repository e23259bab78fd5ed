"""A proof under repair: lines, of which some are the problem's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sandboxes.lean.repair.code import blanked

__all__ = ["Draft", "Line"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    text: str
    origin: int | None = None
    """Its index in the text that the repair began with; None where it was written since."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Helpers, the theorem's own lines, which are never touched, its proof, and what follows."""

    lines: tuple[Line, ...]
    fixed_start: int
    """Index of the first line of the theorem's own text."""
    fixed_end: int
    """Index after its last line, where the proof begins."""
    proof_end: int
    """Index after the proof's last line."""
    is_term: bool = False
    """Whether the proof is a term, and no tactics."""

    @property
    def source(self) -> str:
        """The text as it is handed to Lean."""
        return "\n".join(line.text for line in self.lines) + "\n"

    @property
    def code(self) -> list[str]:
        """The lines without comments and strings, place for place."""
        return blanked(self.source).split("\n")[: len(self.lines)]

    @property
    def kept(self) -> int:
        """Lines of code that are as they were, the theorem's own left out."""
        return sum(
            line.origin is not None and bool(code.strip()) and not self.is_fixed(index)
            for index, (line, code) in enumerate(zip(self.lines, self.code, strict=True))
        )

    def is_fixed(self, index: int) -> bool:
        """Whether a line is the problem's own."""
        return self.fixed_start <= index < self.fixed_end

    def in_proof(self, index: int) -> bool:
        """Whether a line is of the theorem's proof."""
        return self.fixed_end <= index < self.proof_end

    def replaced(self, start: int, end: int, texts: Iterable[str]) -> Draft:
        """With other lines in place of some; those whose text is the same keep their origin."""
        old = {line.text: line for line in self.lines[start:end]}
        new = tuple(old.get(text) or Line(text) for text in texts)
        change = len(new) - (end - start)
        is_helper = end <= self.fixed_start < self.fixed_end
        assert is_helper or start >= self.fixed_end, "the theorem's own lines are not touched"
        is_before_end = start < self.proof_end or start == end == self.proof_end
        return replace(
            self,
            lines=(*self.lines[:start], *new, *self.lines[end:]),
            fixed_start=self.fixed_start + (change if is_helper else 0),
            fixed_end=self.fixed_end + (change if is_helper else 0),
            proof_end=self.proof_end + (change if is_before_end else 0),
        )
