"""The methods of step sessions: translate, delegate, translate back. Nothing is caught here."""

# The contract documents the methods and fixes their parameters.
# ruff: noqa: ARG002, D102, N802

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import grpc

from verifier_service import lean_steps_wire as wire
from verifier_service.model import Capabilities
from verifier_service.v1 import lean_steps_pb2, lean_steps_pb2_grpc

if TYPE_CHECKING:
    from sandboxes.lean.steps.sessions import StepSessions

    Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["LeanStepServicer"]


class LeanStepServicer(lean_steps_pb2_grpc.LeanStepServiceServicer):
    """Serves sessions."""

    def __init__(
        self, sessions: StepSessions, capabilities: Capabilities, *, max_call_seconds: float
    ) -> None:
        self._sessions = sessions
        self._max_call_seconds = max_call_seconds
        self._capabilities = capabilities

    def drain(self) -> None:
        """Ends every session as soon as nobody is being answered in it."""
        self._sessions.drain()

    async def OpenSession(
        self, request: lean_steps_pb2.OpenSessionRequest, context: Context
    ) -> AsyncGenerator[lean_steps_pb2.OpenSessionResponse, None]:
        asked, options = wire.open_request_from_proto(
            request,
            maximum_limits=self._capabilities.maximum_limits,
            maximum_candidate_bytes=self._capabilities.maximum_candidate_bytes,
        )
        async with self._sessions.open(asked, options) as held:
            yield wire.opened_to_proto(held.opened)
            await held.until_end()

    async def Step(
        self, request: lean_steps_pb2.StepRequest, context: Context
    ) -> lean_steps_pb2.StepResponse:
        results = await self._sessions.step(
            request.session_id,
            request.state_id,
            list(request.tactics),
            wire.step_limits_from_proto(request.limits),
            timeout_seconds=self._max_call_seconds,
        )
        return wire.results_to_proto(results)

    async def CloseSession(
        self, request: lean_steps_pb2.CloseSessionRequest, context: Context
    ) -> lean_steps_pb2.CloseSessionResponse:
        await self._sessions.close(request.session_id)
        return lean_steps_pb2.CloseSessionResponse()
