"""gRPC failures as the errors of the service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

import grpc
from google.protobuf.message import DecodeError

from verifier_service import wire
from verifier_service.google_rpc import status_pb2
from verifier_service.model import (
    Cancelled,
    DeadlineExceeded,
    ExecutorFault,
    InvalidSpec,
    QueueFull,
    ServerUnreachable,
    ServiceError,
    Unauthenticated,
)

__all__ = ["Failure", "ended", "error_of"]

Failure = grpc.RpcError
"""What a call raises: `grpc.RpcError` and `grpc.aio.AioRpcError`, which is one."""

_DETAILS: Final = "grpc-status-details-bin"

_BY_CODE: Final[dict[grpc.StatusCode, type[ServiceError]]] = {
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidSpec,
    grpc.StatusCode.PERMISSION_DENIED: Unauthenticated,
    grpc.StatusCode.RESOURCE_EXHAUSTED: QueueFull,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


def error_of(failure: Failure, target: str) -> ServiceError:
    """Says what a failed call means.

    A status with details comes from the service itself, and is taken at its word. One without
    comes from gRPC or from something in between, and only its code can be read; UNAVAILABLE then
    means that nobody answered, and so does INTERNAL, with which gRPC tells of some connections that
    broke.
    """
    call = cast("grpc.Call", failure)
    code, text = call.code(), call.details() or ""
    status = _status_of(call)
    if status is not None:
        return wire.error_from_status(status)
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL):
        return _unreachable(target, text)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(
            "No answer came before the deadline of the call. Allow more with timeout_seconds."
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return ServiceError(
            f"The server at {target} does not know this call: it is another service, or an older "
            "version of this one.",
            grpc_code=code.name,
        )
    kind = _BY_CODE.get(code, ExecutorFault)
    return kind(text or f"The server at {target} answered {code.name}.", grpc_code=code.name)


def ended(target: str) -> ServerUnreachable:
    """The error of a session that the server ended while it had work left."""
    return ServerUnreachable(f"The server at {target} ended the session early.", target=target)


def _unreachable(target: str, text: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"No verification service answers at {target} ({text or 'no answer'}). Start one with "
        "`verifier serve`, or give the address of one that runs.",
        target=target,
    )


def _status_of(call: grpc.Call) -> status_pb2.Status | None:
    trailers = cast("Iterable[tuple[str, str | bytes]] | None", call.trailing_metadata())
    for key, value in trailers or ():
        if key == _DETAILS and isinstance(value, bytes):
            return _parsed(value)
    return None


def _parsed(value: bytes) -> status_pb2.Status | None:
    try:
        return status_pb2.Status.FromString(value)
    except DecodeError:
        return None
