"""What Lean says of a text, with places in that text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, Self

__all__ = ["Message", "Position", "Severity"]

Severity = Literal["error", "warning", "information"]
_SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "information")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text, as `lean --json` counts."""

    line: int
    """From 1."""
    column: int
    """From 0, in code points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message."""

    severity: Severity
    kind: str
    """Lean's name for what it is about: "hasSorry", "Tactic.unsolvedGoals",
    "lean.unknownIdentifier._namedError", "runtime.maxHeartbeats" …; "[anonymous]" for most."""
    text: str
    start: Position
    end: Position | None = None
    """Just behind it; None where Lean knows only a point, as for parse errors."""

    @classmethod
    def read(cls, line: dict[str, Any]) -> Self:
        """From one line of `lean --json`.

        Raises:
            ValueError: It is none.
        """
        try:
            severity, end = line["severity"], line.get("endPos")
            if severity not in _SEVERITIES:
                raise ValueError(f"{severity!r} is no severity.")
            return cls(
                severity=severity,
                kind=str(line.get("kind", "[anonymous]")),
                text=str(line["data"]),
                start=_position(line["pos"]),
                end=_position(end) if end is not None else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"That is no message of Lean's: {error!r}.") from None


def _position(where: dict[str, Any]) -> Position:
    line, column = where["line"], where["column"]
    if type(line) is not int or type(column) is not int or line < 0 or column < 0:
        raise ValueError(f"{where!r} is no place in a text.")
    return Position(line, column)
