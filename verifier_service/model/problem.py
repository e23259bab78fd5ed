"""What is asked: problems, candidates, limits.

Everything here is plain data. `verifier_service.validation` says what is allowed in it, and
`verifier_service.wire` translates it from and to the messages of `verifier_service.v1`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeVar

from verifier_service.model.verdict import Assurance, Entailment

__all__ = [
    "CachePolicy",
    "CallCase",
    "CallCases",
    "CallOptions",
    "Candidate",
    "Comparison",
    "Criterion",
    "LeanTheorem",
    "Limits",
    "LogicProblem",
    "Problem",
    "PytestSuite",
    "PythonTests",
    "RequestedLimits",
    "StdioCase",
    "StdioCases",
    "TestCode",
    "TestForm",
    "VerificationSpec",
]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCode:
    """Test code that calls the candidate: HumanEval's `check(candidate)`, MBPP's asserts."""

    __test__ = False  # not a test class for pytest

    source: str
    entry_point: str = ""
    """Function handed to `check`; needed only where the source defines `check`."""


class Comparison(enum.Enum):
    """When a result agrees with the expected one."""

    EXACT = "exact"
    """Same types all the way down, same values: 1, 1.0 and True differ."""
    EQUAL = "equal"
    """As Python's `==` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCase:
    """One call, in JSON with the escapes that `problem.proto` lists."""

    arguments_json: str
    """Positional arguments as an array, or keyword arguments as an object."""
    expected_json: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCases:
    """Calls of one function, each with its expected result."""

    entry_point: str
    cases: tuple[CallCase, ...]
    tolerance: float = 0.0
    """Largest absolute or relative difference at which floats still agree."""
    comparison: Comparison = Comparison.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioCase:
    """One run of a program: what it reads, and what it must write."""

    stdin: str
    stdout: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioCases:
    """Runs of a program."""

    cases: tuple[StdioCase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestSuite:
    """A pytest suite over the candidate's module."""

    files: tuple[tuple[str, str], ...]
    """Pairs of path and text, sorted by path."""
    module: str


TestForm = TestCode | CallCases | StdioCases | PytestSuite


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTests:
    """Tests that a Python candidate has to pass."""

    form: TestForm
    preamble: str = ""
    """Trusted text put right before the candidate's own, e.g. HumanEval's prompt."""
    keep_going: bool = False
    """Run the remaining cases after one has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanTheorem:
    """A theorem, kept apart from any proof so that a candidate can't restate it."""

    name: str = ""
    """In full, such as `Nat.add_comm`."""
    statement: str = ""
    """Its signature: `(a b : Nat) : a + b = b + a`."""
    preamble: str = ""
    """Imports and context."""
    allowed_axioms: tuple[str, ...] = ()
    """Empty means propext, Classical.choice and Quot.sound."""
    require_clean_file: bool = False
    """Whether `sorry` and axioms of its own count also in what the theorem does not need."""
    whole_file: bool = False
    """Whether the theorems that the candidate itself states are what it has to prove."""
    probe_statement: bool = False
    """Whether to look if the statement is vacuous or false; changes no outcome."""
    by_computation: bool = False
    """Whether a statement may be another term that the kernel computes to be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicProblem:
    """A question to solvers."""

    syntax: str = ""
    premises: tuple[str, ...] = ()
    conclusion: str = ""
    expected: Entailment | None = None
    reference: str = ""


Criterion = PythonTests | LeanTheorem | LogicProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a candidate has to achieve. Trusted."""

    criterion: Criterion
    problem_id: str = ""
    """The caller's name for it; no part of the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One attempt. Untrusted."""

    source: str
    candidate_id: str = ""
    """The caller's name for it; no part of the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedLimits:
    """Limits as a caller asks for them; None means the server's default."""

    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    max_processes: int | None = None
    max_output_bytes: int | None = None
    deterministic_steps: int | None = None

    def resolved(self, defaults: Limits) -> Limits:
        """Fills in the defaults."""
        return Limits(
            wall_seconds=_either(self.wall_seconds, defaults.wall_seconds),
            cpu_seconds=_either(self.cpu_seconds, defaults.cpu_seconds),
            memory_bytes=_either(self.memory_bytes, defaults.memory_bytes),
            max_processes=_either(self.max_processes, defaults.max_processes),
            max_output_bytes=_either(self.max_output_bytes, defaults.max_output_bytes),
            deterministic_steps=_either(self.deterministic_steps, defaults.deterministic_steps),
        )


def _either(value: _T | None, default: _T) -> _T:
    return default if value is None else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits in force. All part of the digest."""

    wall_seconds: float
    """Wall clock of the run, net of queueing and of the time that the machine kept it waiting."""
    cpu_seconds: float
    memory_bytes: int
    max_processes: int
    """Processes and threads of the candidate together."""
    max_output_bytes: int
    """Kept per stream; more is counted, not kept."""
    deterministic_steps: int
    """Solver rlimit or Lean heartbeats; 0 leaves it to the executor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSpec:
    """What to judge, and how."""

    problem: Problem
    candidate: Candidate
    environment: str = ""
    """A name, or a name pinned by digest: `python3.11@sha256:…`. Empty: the default."""
    limits: RequestedLimits = field(default_factory=RequestedLimits)
    minimum_assurance: Assurance = Assurance.UNSPECIFIED


class CachePolicy(enum.Enum):
    """What to do with known results."""

    USE = "use"
    REFRESH = "refresh"
    """Run anew, and replace what is kept."""
    ONLY = "only"
    """Answer `NotCached` rather than run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """How a call is served. Never part of the digest."""

    cache_policy: CachePolicy = CachePolicy.USE
    priority: int = 0
    """Lower runs sooner."""
    session_id: str = ""
    max_cases_reported: int = 0
    """0 means 100."""
