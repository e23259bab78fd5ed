"""What a repair asks of Lean, and how its messages are told apart."""

from __future__ import annotations

import asyncio
import enum
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sandboxes.lean.messages import Message, Position

__all__ = [
    "Allowance",
    "BudgetSpent",
    "Check",
    "Checked",
    "Checker",
    "Class",
    "class_of",
    "failures",
]


@dataclass(frozen=True, slots=True)
class Checked:
    """What Lean said of one text."""

    messages: tuple[Message, ...]
    """Located in the text that was handed in; those about what is before it are at line 0."""
    completed: bool = True
    """False where a limit or a crash ended it: the messages then say nothing."""
    ending: str = "completed"
    """How it ended, as a kebab-case code."""


class Check(Protocol):
    """Elaborates one text in a process of its own; its answer is a hint and never a verdict."""

    async def __call__(self, source: str) -> Checked:
        """What Lean says of a candidate for the problem.

        Raises:
            ServiceError: It could not be asked.
        """
        ...


class BudgetSpent(Exception):
    """No more checks may be made."""


class Allowance:
    """Checks that may still be made, by all that share it, and until when."""

    def __init__(
        self,
        checks: int,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begins at once.

        Args:
            checks: How many.
            seconds: For how long; None is for ever.
            clock: Tells the time in seconds.
        """
        self._checks = checks
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds
        self.used = 0
        """Checks that were made."""

    @property
    def left(self) -> int:
        """Checks that may still be made."""
        if self._end is not None and self._clock() >= self._end:
            return 0
        return max(0, self._checks - self.used)

    def spend(self) -> None:
        """Takes one check.

        Raises:
            BudgetSpent: There is none left.
        """
        if self.left <= 0:
            raise BudgetSpent
        self.used += 1


class Checker:
    """Asks Lean within an allowance, remembers its answers, and asks several things at a time."""

    def __init__(self, check: Check, allowance: Allowance) -> None:
        """Asks nothing yet.

        Args:
            check: Asks Lean.
            allowance: Of checks; answers that are remembered cost nothing.
        """
        self._check = check
        self._allowance = allowance
        self._known: dict[str, Checked] = {}

    async def __call__(self, source: str) -> Checked:
        """What Lean says of one text.

        Raises:
            BudgetSpent: It would be one check too many.
        """
        if (known := self._known.get(source)) is not None:
            return known
        self._allowance.spend()
        checked = self._known[source] = await self._check(source)
        return checked

    async def all(self, sources: Sequence[str]) -> list[Checked | None]:
        """What Lean says of each, asked at the same time; None for those beyond the allowance."""
        new = [source for source in dict.fromkeys(sources) if source not in self._known]
        asked = [asyncio.ensure_future(self(source)) for source in new[: self._allowance.left]]
        try:
            await asyncio.gather(*asked)
        except BudgetSpent:
            pass
        finally:
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return [self._known.get(source) for source in sources]


class Class(enum.Enum):
    """Kinds of errors, by what can be done about them."""

    PARSE = "parse"
    """The text can't be read from there on."""
    UNSOLVED = "unsolved"
    """Goals are left at the end of a block."""
    NO_GOALS = "no-goals"
    """A step comes after the last goal was closed."""
    RESOURCE = "resource"
    """A limit of Lean's own: heartbeats or depth."""
    ELABORATION = "elaboration"
    """Any other."""


_PARSE: Final = re.compile(
    r"unexpected (?:token|identifier|end of input|syntax|character)|^unknown tactic|^expected |"
    r"; expected |unterminated|^invalid \w+ sequence|^missing end of"
)
_RESOURCE_KINDS: Final = ("runtime.maxHeartbeats", "runtime.maxRecDepth")
_RESOURCE: Final = re.compile(r"\(deterministic\) timeout|maximum recursion depth")


def class_of(message: Message) -> Class:
    """The class of an error: by its kind, and by its words where it has none."""
    text = message.text
    if message.kind == "Tactic.unsolvedGoals" or text.startswith("unsolved goals"):
        return Class.UNSOLVED
    if message.kind in _RESOURCE_KINDS or _RESOURCE.search(text):
        return Class.RESOURCE
    if text.lower().startswith("no goals"):
        return Class.NO_GOALS
    if message.kind in ("", "[anonymous]") and (message.end is None or _PARSE.search(text)):
        return Class.PARSE if _PARSE.search(text) else Class.ELABORATION
    return Class.ELABORATION


def failures(messages: Iterable[Message]) -> list[Message]:
    """The errors that count, in the order in which they are worth mending.

    What can't be read comes first: Lean then leaves out some of what it finds in the rest. Goals
    that are left open count only where nothing else does, since a block whose step fails has open
    goals for that reason alone.
    """
    errors = sorted((one for one in messages if one.severity == "error"), key=_place)
    unread = [one for one in errors if class_of(one) is Class.PARSE]
    others = [one for one in errors if class_of(one) not in (Class.UNSOLVED, Class.PARSE)]
    return unread or others or errors


def _place(message: Message) -> tuple[Position, str]:
    return message.start, message.text
