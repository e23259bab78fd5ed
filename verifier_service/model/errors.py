"""Everything that can go wrong on our side.

* ServiceError
  x InvalidSpec           INVALID_ARGUMENT     the request can never work
  x UnknownEnvironment    NOT_FOUND            no such environment here
  x UnknownVerification   NOT_FOUND            no such verification is kept
  x UnknownSession        NOT_FOUND            no such step session is open
  x NotCached             NOT_FOUND            asked for a kept verdict only, and there is none
  x DuplicateTicket       ALREADY_EXISTS       the stream has this ticket
  x RequestIdReused       ALREADY_EXISTS       the request id belongs to another spec
  x CriterionUnavailable  FAILED_PRECONDITION  no executor for this kind of problem
  x AssuranceUnavailable  FAILED_PRECONDITION  can't reach `minimum_assurance`
  x IsolationUnavailable  FAILED_PRECONDITION  this machine offers no sandbox that may be used
  x Unauthenticated       UNAUTHENTICATED      no bearer token, or a wrong one
  x QueueFull             RESOURCE_EXHAUSTED   retry after `retry_after_seconds`
  x CreditExceeded        RESOURCE_EXHAUSTED   more submitted than the stream's credit
  x SessionFull           RESOURCE_EXHAUSTED   the step session keeps no more states
  x SandboxLost           UNAVAILABLE          retry at once, elsewhere
  x ShuttingDown          UNAVAILABLE          the server drains; retry elsewhere
  x ServerUnreachable     UNAVAILABLE          raised by clients alone: no answer came
  x ServerRestarted       ABORTED              the run ended with the server, too often
  x Cancelled             CANCELLED            ended on request, or by a batch's stop rule
  x DeadlineExceeded      DEADLINE_EXCEEDED    the call's own deadline passed
  x ExecutorFault         INTERNAL             a bug of ours; never retried

A candidate that crashes, hangs, cheats or fills the disk is none of these: it gets a verdict.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, Final

__all__ = [
    "DOMAIN",
    "ERRORS_BY_REASON",
    "AssuranceUnavailable",
    "Cancelled",
    "Code",
    "CreditExceeded",
    "CriterionUnavailable",
    "DeadlineExceeded",
    "DuplicateTicket",
    "ExecutorFault",
    "InvalidSpec",
    "IsolationUnavailable",
    "NotCached",
    "QueueFull",
    "RequestIdReused",
    "SandboxLost",
    "ServerRestarted",
    "ServerUnreachable",
    "ServiceError",
    "SessionFull",
    "ShuttingDown",
    "Unauthenticated",
    "UnknownEnvironment",
    "UnknownSession",
    "UnknownVerification",
    "Violation",
]

DOMAIN: Final = "verifier_service"
"""The `domain` of every `google.rpc.ErrorInfo` that we send."""


class Code(enum.IntEnum):
    """Canonical gRPC status codes, so that only the faces of the service need grpcio."""

    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: the field's path as in the proto, and what to do about it."""

    field: str
    description: str


class ServiceError(Exception):
    """Base of all errors that a call, or one item of it, can end with.

    `facts` are what the message was made from, for machines to read.
    """

    code: ClassVar[Code] = Code.INTERNAL
    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        violations: tuple[Violation, ...] = (),
        **facts: str,
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.violations = violations
        self.facts = facts


class InvalidSpec(ServiceError):
    """The request breaks documented rules; `violations` names every one."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_SPEC"

    @classmethod
    def of(cls, violations: list[Violation]) -> InvalidSpec:
        """Says all that is wrong in one message."""
        text = " ".join(f"{v.field}: {v.description}" for v in violations)
        return cls(text, violations=tuple(violations))


class UnknownEnvironment(ServiceError):
    """The environment asked for is not offered here."""

    code = Code.NOT_FOUND
    reason = "UNKNOWN_ENVIRONMENT"

    @classmethod
    def of(cls, name: str, *, offered: list[str]) -> UnknownEnvironment:
        """Names what is offered."""
        listed = ", ".join(offered) or "none"
        return cls(
            f"spec.environment: no environment {name!r} here. Offered: {listed}.",
            environment=name,
            offered=",".join(offered),
        )


class UnknownVerification(ServiceError):
    """No verification of this name is kept."""

    code = Code.NOT_FOUND
    reason = "UNKNOWN_VERIFICATION"


class UnknownSession(ServiceError):
    """No step session of this name is open."""

    code = Code.NOT_FOUND
    reason = "UNKNOWN_SESSION"


class NotCached(ServiceError):
    """Only a kept verdict was asked for, and none is kept."""

    code = Code.NOT_FOUND
    reason = "NOT_CACHED"


class DuplicateTicket(ServiceError):
    """The stream has a submission with this ticket already."""

    code = Code.ALREADY_EXISTS
    reason = "DUPLICATE_TICKET"


class RequestIdReused(ServiceError):
    """The request id was used for another spec."""

    code = Code.ALREADY_EXISTS
    reason = "REQUEST_ID_REUSED"


class CriterionUnavailable(ServiceError):
    """No executor here judges this kind of problem."""

    code = Code.FAILED_PRECONDITION
    reason = "CRITERION_UNAVAILABLE"


class AssuranceUnavailable(ServiceError):
    """The evidence asked for is stronger than the environment can give."""

    code = Code.FAILED_PRECONDITION
    reason = "ASSURANCE_UNAVAILABLE"


class IsolationUnavailable(ServiceError):
    """This machine offers no sandbox that may be used."""

    code = Code.FAILED_PRECONDITION
    reason = "ISOLATION_UNAVAILABLE"


class Unauthenticated(ServiceError):
    """The call carries no bearer token, or a wrong one."""

    code = Code.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class QueueFull(ServiceError):
    """Admitting the request would only make it miss its deadline, or there is no room."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "QUEUE_FULL"


class CreditExceeded(ServiceError):
    """More was submitted on a stream than its credit allows."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "CREDIT_EXCEEDED"


class SessionFull(ServiceError):
    """The step session keeps as many states as it may."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "SESSION_FULL"


class SandboxLost(ServiceError):
    """The sandbox died, and not provably through anything that the candidate did."""

    code = Code.UNAVAILABLE
    reason = "SANDBOX_LOST"


class ShuttingDown(ServiceError):
    """The server is draining and takes nothing new."""

    code = Code.UNAVAILABLE
    reason = "SHUTTING_DOWN"


class ServerUnreachable(ServiceError):
    """No answer came from the server. Raised by clients alone."""

    code = Code.UNAVAILABLE
    reason = "SERVER_UNREACHABLE"


class ServerRestarted(ServiceError):
    """The server ended while this verification ran, and once too often to try again."""

    code = Code.ABORTED
    reason = "SERVER_RESTARTED"


class Cancelled(ServiceError):
    """Ended on request, or by a batch's stop rule."""

    code = Code.CANCELLED
    reason = "CANCELLED"


class DeadlineExceeded(ServiceError):
    """The call's own deadline passed before there was a verdict."""

    code = Code.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class ExecutorFault(ServiceError):
    """A part of the service broke its own contract."""

    code = Code.INTERNAL
    reason = "EXECUTOR_FAULT"


ERRORS_BY_REASON: Final[dict[str, type[ServiceError]]] = {
    error.reason: error for error in ServiceError.__subclasses__()
}
