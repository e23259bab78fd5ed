"""What the tests send and read."""

from __future__ import annotations

from typing import Any, cast

import grpc
import pytest

from tests.server.scripted import spec
from verifier_service import wire
from verifier_service.google_rpc import status_pb2
from verifier_service.model import CallOptions, ServiceError
from verifier_service.v1 import verifier_pb2

__all__ = ["failure", "reported", "verify_request"]


def verify_request(source: str, *, session_id: str = "") -> verifier_pb2.VerifyRequest:
    return verifier_pb2.VerifyRequest(
        spec=wire.spec_to_proto(spec(source)),
        options=wire.options_to_proto(CallOptions(session_id=session_id)),
    )


def reported(error: grpc.aio.AioRpcError) -> ServiceError:
    """The error that a call ended with, as a client reads it."""
    trailers = cast("grpc.aio.Metadata", error.trailing_metadata())
    status = status_pb2.Status.FromString(cast("bytes", trailers["grpc-status-details-bin"]))
    assert status.code == error.code().value[0]
    return wire.error_from_status(status)


async def failure(call: Any) -> ServiceError:
    """The error that a call ends with; reads its responses if there are many."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _ended(call)
    return reported(raised.value)


async def _ended(call: Any) -> None:
    if not hasattr(call, "__aiter__"):
        await call
        return
    async for _ in call:
        pass
