"""Goals as Lean prints them, read back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Goal", "Hypothesis", "first_goal", "goals_of", "read_goal"]

_TAG: Final = re.compile(r"case (\S+)$")
_NAMES: Final = re.compile(r"((?:[^\s:()\[\]{}⟨⟩,]+ )+): ")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One local constant."""

    name: str
    """As printed: with `✝` where it can't be named."""
    type: str
    value: str = ""
    """What it stands for, for `let`; else empty."""

    @property
    def is_nameless(self) -> bool:
        """Whether no tactic can name it."""
        return "✝" in self.name


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be shown, and from what."""

    hypotheses: tuple[Hypothesis, ...]
    target: str
    tag: str = ""


def goals_of(text: str) -> list[str]:
    """The goals of a state, each as it was printed."""
    return [one.strip("\n") for one in re.split(r"\n\s*\n", text) if one.strip()]


def first_goal(text: str) -> str:
    """The goal that a tactic would work on."""
    found = goals_of(text)
    return found[0] if found else ""


def read_goal(text: str) -> Goal | None:
    """One printed goal; None where it can't be read."""
    lines = text.split("\n")
    tag = ""
    if (match := _TAG.match(lines[0])) is not None:
        tag, lines = match[1], lines[1:]
    entries: list[str] = []
    for line in lines:
        if line.startswith(" ") and entries:
            entries[-1] += "\n" + line
        else:
            entries.append(line)
    if not entries or not entries[-1].startswith("⊢ "):
        return None
    hypotheses: list[Hypothesis] = []
    for entry in entries[:-1]:
        match = _NAMES.match(entry) or re.match(r"((?:[^\s:]+ )+):(?=\n)", entry)
        if match is None:
            return None
        rest = entry[match.end() :].strip()
        kind, value = _split_value(rest)
        hypotheses += [Hypothesis(name, kind, value) for name in match[1].split()]
    return Goal(tuple(hypotheses), entries[-1].removeprefix("⊢ "), tag)


def _split_value(text: str) -> tuple[str, str]:
    """The type and the value of `T := v`."""
    depth = 0
    for index, one in enumerate(text):
        depth += (one in "([{⟨") - (one in ")]}⟩")
        if depth == 0 and text.startswith(" := ", index):
            return text[:index], text[index + 4 :]
    return text, ""
