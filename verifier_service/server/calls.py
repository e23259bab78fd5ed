"""How every call begins and ends: who may call, how many at a time, with which status it ends."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import grpc
from google.protobuf import message

from verifier_service.model import (
    InvalidSpec,
    QueueFull,
    ServiceError,
    ShuttingDown,
    Unauthenticated,
    Violation,
)
from verifier_service.server.faults import abort, as_service_error
from verifier_service.server.logs import get_logger

if TYPE_CHECKING:  # generic in the stubs only
    Context = grpc.aio.ServicerContext[Any, Any]
    RpcMethodHandler = grpc.RpcMethodHandler[Any, Any]

__all__ = ["MAXIMUM_MESSAGE_BYTES", "CallInterceptor"]

MAXIMUM_MESSAGE_BYTES: Final = 16 * 1024**2
"""Of one request or response."""

_OURS: Final = "/verifier_service."
_HEALTH: Final = "/grpc.health.v1.Health/"
_RETRY_SECONDS: Final = 1.0

_Response = TypeVar("_Response")
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Undecodable:
    """Stands for a request that can't be read, so that the call can end with a reason."""

    error: InvalidSpec


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Admits calls, and ends each with the status of the error that left its handler.

    So no handler catches anything, and no error reaches a client as UNKNOWN. Health checks need no
    token and are never refused.
    """

    def __init__(self, *, token: str | None, max_concurrent_calls: int) -> None:
        self._token = None if token is None else token.encode()
        self._max_concurrent_calls = max_concurrent_calls
        self._open_count = 0
        self._draining = False
        self._handlers: dict[str, RpcMethodHandler] = {}

    def refuse_new_calls(self) -> None:
        """From here on, every new call ends with `ShuttingDown`."""
        self._draining = True

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[RpcMethodHandler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> RpcMethodHandler:
        """Wraps the handler of one call."""
        method = handler_call_details.method
        if method.startswith(_HEALTH):
            return cast("RpcMethodHandler", await continuation(handler_call_details))
        if refusal := self._refusal(handler_call_details):
            return self._refusing(method, refusal)
        if (known := self._handlers.get(method)) is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith(_OURS):
            return cast("RpcMethodHandler", handler)
        return self._handlers.setdefault(method, self._wrapped(method, handler))

    def _refusal(self, details: grpc.HandlerCallDetails) -> ServiceError | None:
        """Why the call may not even send its request."""
        if self._token is None:
            return None
        given = dict(details.invocation_metadata or ()).get("authorization")
        if given is None:
            return Unauthenticated(
                "The call carries no token. Send `authorization: Bearer TOKEN` with it."
            )
        scheme, _, token = str(given).partition(" ")
        right = hmac.compare_digest(token.encode("utf-8", "replace"), self._token)
        if scheme.lower() == "bearer" and right:
            return None
        return Unauthenticated(
            "The call's token is wrong. Send the server's own as `authorization: Bearer TOKEN`."
        )

    def _refusing(self, method: str, refusal: ServiceError) -> RpcMethodHandler:
        """Ends the call before its first message is read, whatever its kind."""

        async def refuse(_requests: object, context: Context) -> None:
            async def body() -> None:
                raise refusal

            await self._end(method, "", context, body)

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _wrapped(self, method: str, handler: RpcMethodHandler) -> RpcMethodHandler:
        decode = _tolerant(cast("Callable[[bytes], Any]", handler.request_deserializer))
        encode = handler.response_serializer
        if (unary_unary := handler.unary_unary) is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, unary_unary), decode, encode
            )
        if (unary_stream := handler.unary_stream) is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._server_stream(method, unary_stream), decode, encode
            )
        return grpc.stream_stream_rpc_method_handler(
            self._both_streams(method, handler.stream_stream), decode, encode
        )

    def _unary(self, method: str, inner: Any) -> Any:
        async def unary_unary(request: Any, context: Context) -> Any:
            return await self._end(
                method, _session(request), context, lambda: inner(_decoded(request), context)
            )

        return unary_unary

    def _server_stream(self, method: str, inner: Any) -> Any:
        async def unary_stream(request: Any, context: Context) -> None:
            await self._end(
                method,
                _session(request),
                context,
                lambda: _write_all(inner(_decoded(request), context), context),
            )

        return unary_stream

    def _both_streams(self, method: str, inner: Any) -> Any:
        async def stream_stream(requests: AsyncIterable[Any], context: Context) -> None:
            await self._end(
                method,
                "",
                context,
                lambda: _write_all(inner(_all_decoded(requests), context), context),
            )

        return stream_stream

    async def _end(
        self,
        method: str,
        session: str,
        context: Context,
        body: Callable[[], Awaitable[_Response]],
    ) -> _Response:
        """Runs one call to its end, and logs it."""
        began, code = time.monotonic(), "OK"
        self._open_count += 1
        try:
            self._admit()
            return await body()
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except Exception as error:
            if context.done():  # the peer has left, so writing to it failed
                code = "CANCELLED"
                raise asyncio.CancelledError from error
            reported = as_service_error(error)
            code = reported.code.name
            await abort(context, reported)
        finally:
            self._open_count -= 1
            if logging.getLogger(__name__).isEnabledFor(logging.INFO):
                _log.info(
                    "call",
                    method=method.rpartition("/")[2],
                    code=code,
                    seconds=round(time.monotonic() - began, 6),
                    peer=context.peer(),
                    session=session[:128],
                )

    def _admit(self) -> None:
        """Lets a call in.

        Raises:
            ShuttingDown: The server drains.
            QueueFull: Too many calls are open.
        """
        if self._draining:
            raise ShuttingDown("The server is shutting down. Call another one, or retry later.")
        if self._open_count > self._max_concurrent_calls:
            raise QueueFull(
                f"{self._max_concurrent_calls} calls are open, which is the most here. Retry "
                "later, or send candidates through BatchVerify or StreamVerify.",
                retry_after_seconds=_RETRY_SECONDS,
                max_concurrent_calls=str(self._max_concurrent_calls),
            )


async def _write_all(responses: AsyncGenerator[Any, None], context: Context) -> None:
    """Writes a stream of responses, and closes their source whenever the call ends.

    grpc.aio would leave the source to the garbage collector when a call ends during a write.
    """
    async with aclosing(responses):
        async for response in responses:
            await context.write(response)


def _session(request: Any) -> str:
    options = getattr(request, "options", None)
    return cast("str", getattr(options, "session_id", ""))


def _decoded(request: Any) -> Any:
    if isinstance(request, _Undecodable):
        raise request.error
    return request


async def _all_decoded(requests: AsyncIterable[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _decoded(request)


def _tolerant(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Turns what can't be read into a value, as grpc.aio reports an exception as a bare UNKNOWN."""

    def decode(data: bytes) -> Any:
        if len(data) > MAXIMUM_MESSAGE_BYTES:
            return _Undecodable(_bad_request(f"has {len(data)} bytes. {_SMALLER}"))
        try:
            return deserialize(data)
        except (message.DecodeError, ValueError):
            return _Undecodable(_bad_request(f"can't be read. {_WELL_FORMED}"))

    return decode


_SMALLER: Final = f"Send at most {MAXIMUM_MESSAGE_BYTES} at a time, in more requests."
_WELL_FORMED: Final = (
    "Send a message of verifier_service.v1, with valid UTF-8 in its text; escape other bytes."
)


def _bad_request(description: str) -> InvalidSpec:
    return InvalidSpec(
        f"The request {description}", violations=(Violation("request", description),)
    )
