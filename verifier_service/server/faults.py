"""From what went wrong to what a caller is told."""

from __future__ import annotations

import traceback
import uuid
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

import grpc

from verifier_service import wire
from verifier_service.google_rpc import status_pb2
from verifier_service.model import ExecutorFault, ServiceError, Violation
from verifier_service.server.logs import get_logger

if TYPE_CHECKING:  # generic in the stubs only
    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["abort", "as_service_error", "fitted"]

_DETAILS_KEY: Final = "grpc-status-details-bin"
_METADATA_BYTES: Final = 7 * 1024
"""Clients refuse trailing metadata above 8 KiB, and then see nothing of the error."""
_STATUS_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

_log = get_logger(__name__)


def as_service_error(error: BaseException) -> ServiceError:
    """What a caller is told of an error.

    Anything but a `ServiceError` is a bug of ours. It is logged by its type and its place, without
    its message, which may quote a candidate.
    """
    if isinstance(error, ServiceError):
        return error
    fault = uuid.uuid4().hex[:12]
    _log.error("fault", fault=fault, type=type(error).__qualname__, trace=_places(error))
    return ExecutorFault(
        f"The service failed where it must not. Report it with the log's entry of fault {fault}.",
        fault=fault,
        type=type(error).__qualname__,
    )


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]


async def abort(context: Context, error: ServiceError) -> NoReturn:
    """Ends a call with an error.

    Raises:
        grpc.aio.AbortError: Always; it is how grpc.aio leaves a handler.
    """
    status = fitted(error)
    await context.abort(
        _STATUS_CODES[status.code],
        details=status.message,
        trailing_metadata=((_DETAILS_KEY, status.SerializeToString()),),
    )


def fitted(error: ServiceError) -> status_pb2.Status:
    """The status of an error, cut so far that a client's default limits let it through."""
    status = wire.status_to_proto(error)
    if _metadata_bytes(status) <= _METADATA_BYTES:
        return status
    shorter = type(error)(
        _cut(str(error), 400),
        retry_after_seconds=error.retry_after_seconds,
        violations=_first(error.violations, 2000),
    )
    shorter.facts = {_cut(k, 60): _cut(v, 120) for k, v in list(error.facts.items())[:8]}
    return wire.status_to_proto(shorter)


def _metadata_bytes(status: status_pb2.Status) -> int:
    return len(quote(status.message)) + status.ByteSize() * 4 // 3


def _cut(text: str, most_bytes: int) -> str:
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= most_bytes:
        return text
    return data[:most_bytes].decode("utf-8", "ignore") + "…"


def _first(violations: tuple[Violation, ...], most_bytes: int) -> tuple[Violation, ...]:
    kept: list[Violation] = []
    for violation in violations:
        short = Violation(_cut(violation.field, 200), _cut(violation.description, 400))
        most_bytes -= len(short.field.encode()) + len(short.description.encode())
        if most_bytes < 0:
            break
        kept.append(short)
    if left_out := len(violations) - len(kept):
        kept.append(Violation("", f"{left_out} more are left out. Correct these first."))
    return tuple(kept)
