"""What the exit codes of `verifier` mean."""

from __future__ import annotations

import enum

from verifier_service.model import (
    InvalidSpec,
    Outcome,
    ServiceError,
    UnknownEnvironment,
    UnknownVerification,
    Verdict,
)

__all__ = ["ExitCode", "InvalidInput", "exit_code_of_error", "exit_code_of_verdict"]


class ExitCode(enum.IntEnum):
    """Frozen: scripts depend on it."""

    ACCEPTED = 0
    """The candidate was accepted; for commands that judge nothing: it worked."""
    REJECTED = 1
    USAGE = 2
    """The command, a file or the request is wrong: trying again changes nothing."""
    INCONCLUSIVE = 3
    SERVICE_ERROR = 4
    """No verdict, and not through anything that was asked for."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""
    TERMINATED = 143
    """Ended by SIGTERM."""


class InvalidInput(Exception):
    """A file or an argument that can't be used; the message says how to mend it."""


_OF_OUTCOME = {
    Outcome.ACCEPTED: ExitCode.ACCEPTED,
    Outcome.REJECTED: ExitCode.REJECTED,
    Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


def exit_code_of_verdict(verdict: Verdict) -> ExitCode:
    """0, 1 or 3."""
    return _OF_OUTCOME[verdict.outcome]


def exit_code_of_error(error: ServiceError) -> ExitCode:
    """2 where the request is to blame, else 4."""
    if isinstance(error, InvalidSpec | UnknownEnvironment | UnknownVerification):
        return ExitCode.USAGE
    return ExitCode.SERVICE_ERROR
