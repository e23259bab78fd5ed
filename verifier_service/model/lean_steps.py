"""A proof made tactic by tactic: sessions, states, and what became of a tactic.

All of it comes from a process that runs the caller's tactics, so it guides a search and proves
nothing. Only the verdict of a finished proof, which is judged like any other, does.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from verifier_service.model.problem import LeanTheorem
from verifier_service.model.verdict import Verdict

__all__ = [
    "MAXIMUM_TACTICS",
    "MAXIMUM_TACTIC_BYTES",
    "Goal",
    "OpenedSession",
    "ProofFinished",
    "ProofGivenUp",
    "StateFeatures",
    "StepResult",
    "StopReason",
    "TacticFailed",
    "TacticFailure",
    "TacticState",
    "TacticStopped",
    "TheoremToProve",
]

MAXIMUM_TACTICS = 256
"""Tactics in one call of `Step`."""
MAXIMUM_TACTIC_BYTES = 16 * 1024
"""Bytes of one tactic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TheoremToProve:
    """What a session is opened for."""

    theorem: LeanTheorem
    environment: str = ""
    """A name, or a name pinned by digest; empty: the server's default for Lean."""
    problem_id: str = ""
    """The caller's name for the problem, for verdicts of finished proofs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal as Lean prints it."""

    text: str
    """Case tag, hypotheses and target."""
    case: str = ""
    """Its tag; empty where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFeatures:
    """What a search ranks and recognises states by."""

    goal_count: int
    case_tags: tuple[str, ...]
    """Of the goals that have one, in their order."""
    size: int
    """Code points of all goals as printed."""
    depth: int
    """Tactics on the way from the first state."""
    changed: bool
    """Whether the goals differ from those of the state before."""
    digest: str
    """SHA-256 over the goals, with metavariables numbered by their order: equal for equal states,
    whatever led to them."""
    same_as: int | None = None
    """The first state of the session with this digest, if it is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticState:
    """A state of the proof. Valid for as long as its session, whatever happens in other states."""

    state_id: int
    """0 is the first one's."""
    goals: tuple[Goal, ...]
    features: StateFeatures
    messages: tuple[str, ...] = ()
    """What Lean said beside: suggestions of `exact?`, traces, warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofFinished:
    """No goal is left, and the proof was judged."""

    proof: str
    """The whole proof, as a candidate for the theorem."""
    verdict: Verdict
    """What the proof is worth. Nothing else of a session says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofGivenUp:
    """No goal is left, but Lean does not take the proof as a whole: it may use `sorry`."""

    message: str


class TacticFailure(enum.Enum):
    """What kind of failure."""

    TACTIC = "tactic"
    """Lean ran it, and it does not do."""
    SYNTAX = "syntax"
    """Lean can't read it."""
    KERNEL = "kernel"
    """Lean's kernel refuses what it made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticFailed:
    """The tactic does not apply. The state before it is as good as it was."""

    kind: TacticFailure
    message: str
    """In Lean's own words."""
    line: int = 0
    """Line of the tactic's text where it went wrong, from 1; 0 where Lean names no place in it."""
    column: int = 0
    """Column there, from 0, in code points."""


class StopReason(enum.Enum):
    """What ended a tactic that did not end by itself."""

    WALL_TIME = "wall-time"
    CPU_TIME = "cpu-time"
    MEMORY = "memory"
    OUTPUT = "output"
    """More than is read was written."""
    CRASHED = "crashed"
    """Lean's process ended, through a stack overflow for example."""
    OVERLOADED = "overloaded"
    """The machine gave it too little of its time: says nothing of the tactic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticStopped:
    """The tactic was ended. It may be right or wrong, and the session goes on."""

    reason: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one tactic, and what it took."""

    outcome: TacticState | ProofFinished | ProofGivenUp | TacticFailed | TacticStopped
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of Lean's process meanwhile, with what a stopped tactic before it had left to tidy up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A session that is ready for tactics."""

    session_id: str
    """Known to who opened it alone."""
    root: TacticState
    backend: str
    """What runs the tactics: "lean-server", "lean-dojo", "pantograph", "repl"."""
    environment: str
    """`name@sha256:…` of what Lean it is."""
    idle_seconds: float
    """It is closed after this long without a call."""
