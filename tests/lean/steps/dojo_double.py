"""Stands in for the package lean-dojo 4.20.0, which can't trace a repository without the network.

Classes, their fields and what raises what are those of its wheel. A theorem is the script of what
Lean says: by state and tactic, an answer in the words of its protocol.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TacticState:
    pp: str
    id: int = field(compare=False)
    message: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        assert len([part for part in self.pp.split("\n\n") if "⊢" in part]) == self.pp.count("⊢")


@dataclass(frozen=True)
class ProofFinished:
    tactic_state_id: int
    message: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ProofGivenUp:
    pass


@dataclass(frozen=True)
class LeanError:
    error: str


class DojoCrashError(Exception):
    @property
    def is_out_of_memory(self) -> bool:
        return str(self) == "OOM"


class DojoTacticTimeoutError(Exception):
    pass


class DojoInitError(Exception):
    pass


@dataclass
class Theorem:
    """A theorem, and what Lean says to tactics."""

    root: str | Exception
    answers: dict[tuple[int, str], dict[str, Any] | Exception | float]
    starts: int = 0
    ends: int = 0


class Dojo:
    def __init__(self, entry: Theorem, *_: Any) -> None:
        self.entry = entry

    def __enter__(self) -> tuple[Dojo, TacticState]:
        self.entry.starts += 1
        if isinstance(self.entry.root, Exception):
            raise self.entry.root
        return self, TacticState(self.entry.root, 0)

    def __exit__(self, *_: object) -> None:
        self.entry.ends += 1

    def run_tac(self, state: TacticState, tactic: str) -> object:
        if not isinstance(state, TacticState):
            raise RuntimeError(f"Attempting to run a tactic on an invalid state {state}.")
        answer = self.entry.answers[state.id, tactic]
        if isinstance(answer, float):
            time.sleep(answer)
            raise DojoCrashError("Unexpected EOF")
        if isinstance(answer, Exception):
            raise answer
        if answer["error"] is not None:
            if "proof contains `sorry`" in answer["error"]:
                return ProofGivenUp()
            return LeanError(answer["error"].strip())
        if answer["tacticState"] == "no goals":
            return ProofFinished(answer["sid"], answer.get("message"))
        return TacticState(answer["tacticState"], answer["sid"], answer.get("message"))
