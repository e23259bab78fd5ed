"""Bugs of ours, told apart from everything that a candidate can do."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from verifier_service.model import ExecutorFault, ServiceError, ShuttingDown
from verifier_service.store import StoreError

__all__ = ["fault_of", "faults", "shutting_down"]

_log = logging.getLogger(__name__)


@contextmanager
def faults(what: str) -> Iterator[None]:
    """Makes an `ExecutorFault` of whatever is raised inside and is no `ServiceError`."""
    try:
        yield
    except ServiceError:
        raise
    except Exception as error:
        raise fault_of(error, what) from error


def fault_of(error: Exception, what: str) -> ExecutorFault:
    """Logs a bug of ours and makes an error of it.

    Neither says the exception's own message, which may hold a candidate's text, except where the
    store itself speaks.
    """
    incident = secrets.token_hex(6)
    kind = type(error).__name__
    words = f" {error}" if isinstance(error, StoreError) else ""
    _log.error("%s failed with %s, incident %s.%s\n%s", what, kind, incident, words, _trace(error))
    return ExecutorFault(
        f"{what} failed with {kind}, which says nothing about the candidate. The server's log "
        f"names the cause under incident {incident}.",
        exception=kind,
        incident=incident,
    )


def _trace(error: BaseException) -> str:
    """The traceback of an exception and of those that led to it, without their messages."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        parts.append(type(current).__name__ + " at\n")
        parts += traceback.format_tb(current.__traceback__)
        current = current.__cause__ or current.__context__
    return "".join(parts)


def shutting_down() -> ShuttingDown:
    """The answer to all that a stopping server can't finish or begin."""
    return ShuttingDown(
        "The server is shutting down. Retry elsewhere, or here in a moment.",
        retry_after_seconds=1.0,
    )
