"""A verification as it is kept."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from verifier_service.model.errors import ServiceError
from verifier_service.model.problem import VerificationSpec
from verifier_service.model.verdict import Diagnostic, Outcome, TestCaseResult, Verdict

__all__ = ["Progress", "State", "Verification", "VerificationFilter", "VerificationPage"]


class State(enum.Enum):
    """The life of a verification."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    """Over, with a verdict, whatever its outcome."""
    FAILED = "failed"
    """Over, with an error and no verdict."""
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One verification: what was asked, where it stands, what came of it."""

    verification_id: str
    """The last part of its resource name `verifications/{id}`; sorts by creation time."""
    spec: VerificationSpec
    state: State
    create_time: float
    """Seconds since the epoch."""
    end_time: float | None = None
    session_id: str = ""
    verdict: Verdict | None = None
    error: ServiceError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationFilter:
    """Which verifications to list; empty fields match everything."""

    problem_id: str = ""
    session_id: str = ""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationPage:
    """One page of a listing, newest first."""

    verifications: tuple[Verification, ...]
    next_page_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Something that happened before the end."""

    state: State
    queue_position: int = 0
    """Place in the queue while queued, from 1."""
    finished_case: TestCaseResult | None = None
    diagnostic: Diagnostic | None = None
