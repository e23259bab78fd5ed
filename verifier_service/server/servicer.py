"""The contract's methods: translate, delegate, translate back. Nothing is caught here."""

# The contract documents the methods and fixes their parameters.
# ruff: noqa: ARG002, D102

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import grpc

from verifier_service import wire
from verifier_service.model import (
    InvalidSpec,
    ServiceError,
    Verdict,
    Verification,
    VerificationSpec,
    Violation,
)
from verifier_service.server.engine import VerificationEngine
from verifier_service.server.reading import RequestReader
from verifier_service.server.stream import StreamSession
from verifier_service.v1 import verifier_pb2, verifier_pb2_grpc

if TYPE_CHECKING:  # generic in the stubs only
    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["VerifierServicer"]


class VerifierServicer(verifier_pb2_grpc.VerifierServiceServicer):
    """Serves an engine."""

    def __init__(
        self, engine: VerificationEngine, *, stream_credit: int, max_call_seconds: float
    ) -> None:
        self._engine = engine
        self._stream_credit = stream_credit
        self._max_call_seconds = max_call_seconds
        self._reader = RequestReader(engine.capabilities())
        self._sessions: set[StreamSession] = set()
        self._draining = False

    def drain(self) -> None:
        """Ends every stream as soon as nothing runs in it."""
        self._draining = True
        for session in self._sessions:
            session.drain()

    async def Verify(
        self, request: verifier_pb2.VerifyRequest, context: Context
    ) -> verifier_pb2.VerifyResponse:
        spec, options = self._reader.request(request.spec, request.options)
        verdict = await self._engine.verify(spec, options, deadline=self._deadline(context))
        return verifier_pb2.VerifyResponse(verdict=wire.verdict_to_proto(verdict))

    async def BatchVerify(
        self, request: verifier_pb2.BatchVerifyRequest, context: Context
    ) -> AsyncGenerator[verifier_pb2.BatchVerifyResponse, None]:
        self._check_size(len(request.specs))
        options = wire.options_from_proto(request.options)
        rule = (
            wire.stop_rule_from_proto(request.stop_rule) if request.HasField("stop_rule") else None
        )
        specs, refused = self._read_all(request)
        for index, error in refused:
            yield _batch_response(index, error)
        indices = list(specs)
        results = self._engine.batch(
            list(specs.values()), options, stop_rule=rule, deadline=_deadline(context)
        )
        async with _closing(results):
            async for place, result in results:
                yield _batch_response(indices[place], result)

    def _check_size(self, count: int) -> None:
        most = self._reader.capabilities.maximum_batch_size
        if count > most:
            description = f"has {count} specs. Send at most {most} at a time, in more batches."
            raise InvalidSpec.of([Violation("specs", description)])

    def _read_all(
        self, request: verifier_pb2.BatchVerifyRequest
    ) -> tuple[dict[int, VerificationSpec], list[tuple[int, InvalidSpec]]]:
        """The specs that can be read, by index, and what is wrong with the others."""
        specs: dict[int, VerificationSpec] = {}
        refused: list[tuple[int, InvalidSpec]] = []
        for index, spec in enumerate(request.specs):
            try:
                specs[index] = self._reader.spec(spec)
            except InvalidSpec as error:
                refused.append((index, error))
        return specs, refused

    async def StreamVerify(
        self,
        request_iterator: AsyncIterator[verifier_pb2.StreamVerifyRequest],
        context: Context,
    ) -> AsyncGenerator[verifier_pb2.StreamVerifyResponse, None]:
        session = StreamSession(
            self._engine, self._reader, credit=self._stream_credit, deadline=_deadline(context)
        )
        self._sessions.add(session)
        if self._draining:
            session.drain()
        try:
            responses = session.responses(request_iterator)
            async with _closing(responses):
                async for response in responses:
                    yield response
        finally:
            self._sessions.discard(session)

    async def StartVerification(
        self, request: verifier_pb2.StartVerificationRequest, context: Context
    ) -> verifier_pb2.StartVerificationResponse:
        spec, options = self._reader.request(
            request.spec, request.options, request_id=request.request_id
        )
        started = await self._engine.start(spec, options, request.request_id)
        return verifier_pb2.StartVerificationResponse(
            verification=wire.verification_to_proto(started)
        )

    async def GetVerification(
        self, request: verifier_pb2.GetVerificationRequest, context: Context
    ) -> verifier_pb2.GetVerificationResponse:
        found = await self._engine.get(wire.verification_id(request.name))
        return verifier_pb2.GetVerificationResponse(verification=wire.verification_to_proto(found))

    async def WatchVerification(
        self, request: verifier_pb2.WatchVerificationRequest, context: Context
    ) -> AsyncGenerator[verifier_pb2.WatchVerificationResponse, None]:
        events = self._engine.watch(wire.verification_id(request.name))
        async with _closing(events):
            async for event in events:
                response = verifier_pb2.WatchVerificationResponse()
                if isinstance(event, Verification):
                    response.verification.CopyFrom(wire.verification_to_proto(event))
                else:
                    response.progress.CopyFrom(wire.progress_to_proto(event))
                yield response

    async def CancelVerification(
        self, request: verifier_pb2.CancelVerificationRequest, context: Context
    ) -> verifier_pb2.CancelVerificationResponse:
        await self._engine.cancel(wire.verification_id(request.name))
        return verifier_pb2.CancelVerificationResponse()

    async def ListVerifications(
        self, request: verifier_pb2.ListVerificationsRequest, context: Context
    ) -> verifier_pb2.ListVerificationsResponse:
        page = await self._engine.list(
            wire.filter_from_proto(request), request.page_size, request.page_token
        )
        return verifier_pb2.ListVerificationsResponse(
            verifications=[wire.verification_to_proto(one) for one in page.verifications],
            next_page_token=page.next_page_token,
        )

    async def GetCapabilities(
        self, request: verifier_pb2.GetCapabilitiesRequest, context: Context
    ) -> verifier_pb2.GetCapabilitiesResponse:
        return wire.capabilities_to_proto(self._engine.capabilities())

    def _deadline(self, context: Context) -> float:
        """When a unary call has to end."""
        longest = time.monotonic() + self._max_call_seconds
        asked = _deadline(context)
        return longest if asked is None else min(asked, longest)


def _deadline(context: Context) -> float | None:
    """The caller's deadline, on the clock of `time.monotonic()`."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining


def _batch_response(index: int, result: Verdict | ServiceError) -> verifier_pb2.BatchVerifyResponse:
    response = verifier_pb2.BatchVerifyResponse(index=index)
    if isinstance(result, ServiceError):
        response.error.CopyFrom(wire.status_to_proto(result))
    else:
        response.verdict.CopyFrom(wire.verdict_to_proto(result))
    return response


def _closing(source: AsyncIterator[Any]) -> AsyncExitStack:
    """Closes an asynchronous generator at the end of the block, not when it is collected."""
    stack = AsyncExitStack()
    if isinstance(source, AsyncGenerator):
        stack.push_async_callback(source.aclose)
    return stack
