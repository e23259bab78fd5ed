"""What runs tactics: the interface of Lean's own server and of other tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from verifier_service.model.lean_steps import (
    Goal,
    ProofGivenUp,
    TacticFailed,
    TacticStopped,
)

__all__ = ["Finished", "Path", "Ran", "Reached", "RunnerOutcome", "TacticLimits", "TacticRunner"]

Path = tuple[str, ...]
"""The tactics from the first state to another, which they name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticLimits:
    """Limits on one tactic."""

    wall_seconds: float
    """Without the time in which the machine kept it waiting, where that can be told."""
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A state with goals."""

    goals: tuple[Goal, ...]
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """No goal is left, says who ran the tactic. It is a reason to look, and no more."""


RunnerOutcome = Reached | Finished | ProofGivenUp | TacticFailed | TacticStopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a tactic, and what it took."""

    outcome: RunnerOutcome
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


class TacticRunner(Protocol):
    """Runs tactics on the states of one theorem, one at a time."""

    @property
    def name(self) -> str:
        """What it is: "lean-server"."""
        ...

    async def open(self) -> Reached:
        """The first state.

        Raises:
            InvalidSpec: The theorem or what is before it can't be elaborated.
            SandboxLost: Nothing could be started, and not through the theorem's doing.
            CriterionUnavailable: The tool, or the Lean that it needs, is not there.
        """
        ...

    async def run(self, path: Path, tactic: str, limits: TacticLimits) -> Ran:
        """Runs a tactic on the state that a path leads to.

        Whatever becomes of it, all paths that were reached stay good. Cancelling leaves nothing
        running that the next call would have to wait for.

        Raises:
            SandboxLost: What ran it was lost, and not provably through the tactic's doing.
        """
        ...

    async def close(self) -> None:
        """Ends everything that it runs; when it returns, all of it is gone. May be repeated."""
        ...
