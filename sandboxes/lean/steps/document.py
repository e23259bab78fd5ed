"""The text that a session keeps with Lean: a theorem, and the tactics so far. Pure.

Places in it count lines from 0 and columns in UTF-16 units, as the protocol does.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, Final

from sandboxes.lean.source import specification
from verifier_service.model import LeanTheorem

__all__ = ["Document", "Place", "opening_of", "proof_of"]

Place = tuple[int, int]
_INDENT: Final = "  "


def opening_of(theorem: LeanTheorem) -> str:
    """Everything before the first tactic, for a theorem that has no violations."""
    read = specification(theorem)
    context = f"{read.header}{read.preamble}".rstrip()
    return f"{context}\n\n{read.head}\n:= by\n".lstrip("\n")


def proof_of(tactics: tuple[str, ...]) -> str:
    """The proof that these tactics make, as a candidate for the theorem."""
    return "by\n" + "".join(map(_block, tactics))


def _block(tactic: str) -> str:
    return textwrap.indent(normalised(tactic), _INDENT) + "\n"


def normalised(tactic: str) -> str:
    """A tactic without the margin that its lines share."""
    return textwrap.dedent("\n".join(tactic.splitlines())).strip("\n").rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A theorem and tactics. Its last line is where the next tactic would begin."""

    opening: str
    tactics: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole of it."""
        return self.opening + self._after(0)

    @property
    def by(self) -> Place:
        """Where the `by` of the proof is: goals that are left over are reported there."""
        lines = self.opening.splitlines()
        return len(lines) - 1, _units(lines[-1].removesuffix("by"))

    @property
    def end(self) -> Place:
        """Where the next tactic would begin."""
        return self._line_of(len(self.tactics)), _units(_INDENT)

    @property
    def last_tactic(self) -> int:
        """The line where the last tactic begins."""
        return self._line_of(len(self.tactics) - 1)

    def place_in_last_tactic(self, place: Place) -> tuple[int, int]:
        """A place as line from 1 and column from 0, in code points, of the last tactic's own text.

        What is behind it counts as its end: there, a parser sees what is missing. Zeros for what is
        before it.
        """
        line, units = place
        lines = normalised(self.tactics[-1]).splitlines() if self.tactics else []
        index = line - self.last_tactic
        if index < 0 or not lines:
            return 0, 0
        if index >= len(lines):
            return len(lines), len(lines[-1])
        return index + 1, _code_points(lines[index], units - _units(_INDENT))

    def change_to(self, other: Document) -> dict[str, Any]:
        """The change of text, as the protocol puts it, that makes this the other document."""
        common = 0
        for mine, theirs in zip(self.tactics, other.tactics, strict=False):
            if mine != theirs:
                break
            common += 1
        end_line, end_column = self.end
        return {
            "range": {
                "start": {"line": self._line_of(common), "character": 0},
                "end": {"line": end_line, "character": end_column},
            },
            "text": other._after(common),
        }

    def _after(self, count: int) -> str:
        """The text after so many tactics."""
        return "".join(map(_block, self.tactics[count:])) + _INDENT

    def _line_of(self, index: int) -> int:
        """The line where a tactic begins, or the next one would."""
        before = sum(_block(tactic).count("\n") for tactic in self.tactics[:index])
        return self.opening.count("\n") + before


def _units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _code_points(text: str, units: int) -> int:
    """How many code points the first so many UTF-16 units are."""
    seen = 0
    for count, character in enumerate(text):
        if seen >= units:
            return count
        seen += _units(character)
    return len(text)
