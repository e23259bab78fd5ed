"""The server: one engine behind one address, with health and reflection."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from verifier_service.server.calls import MAXIMUM_MESSAGE_BYTES, CallInterceptor
from verifier_service.server.engine import VerificationEngine
from verifier_service.server.lean_repair import LeanRepairServicer
from verifier_service.server.lean_steps import LeanStepServicer
from verifier_service.server.listening import bind, check_security, parse_address
from verifier_service.server.logs import get_logger
from verifier_service.server.servicer import VerifierServicer
from verifier_service.settings import Settings
from verifier_service.v1 import (
    lean_repair_pb2,
    lean_repair_pb2_grpc,
    lean_steps_pb2,
    lean_steps_pb2_grpc,
    verifier_pb2,
    verifier_pb2_grpc,
)

if TYPE_CHECKING:
    from sandboxes.lean.steps.sessions import StepSessions
    from verifier_service.engine.lean_repair import LeanRepairs

__all__ = ["VerifierServer"]

_SERVICE: Final = verifier_pb2.DESCRIPTOR.services_by_name["VerifierService"].full_name
_STEPS: Final = lean_steps_pb2.DESCRIPTOR.services_by_name["LeanStepService"].full_name
_REPAIRS: Final = lean_repair_pb2.DESCRIPTOR.services_by_name["LeanRepairService"].full_name
_SPARE_CALLS: Final = 256
"""Calls that grpc takes on top of ours, so that they are refused in our words."""
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # two servers on one port would each have a queue and a cache
    ("grpc.max_send_message_length", MAXIMUM_MESSAGE_BYTES),
    # Twice ours, so that what is too large is mostly refused in our words.
    ("grpc.max_receive_message_length", 2 * MAXIMUM_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class VerifierServer:
    """Serves an engine, which stays its owner's to close.

    Raises:
        InvalidSettings: On making it: the address or its credentials can't be used.
    """

    def __init__(
        self,
        engine: VerificationEngine,
        settings: Settings,
        steps: StepSessions | None = None,
        repairs: LeanRepairs | None = None,
    ) -> None:
        """Makes a server.

        Args:
            engine: What judges.
            settings: What the operator set.
            steps: Step sessions, where they are offered.
            repairs: Repairs of Lean proofs, where they are offered.
        """
        self._engine = engine
        self._settings = settings
        self._address = parse_address(settings.address)
        self._warning = check_security(self._address, settings)
        self._calls = CallInterceptor(
            token=settings.bearer_token(), max_concurrent_calls=settings.max_concurrent_calls
        )
        self._servicer = VerifierServicer(
            engine,
            stream_credit=settings.stream_credit,
            max_call_seconds=settings.max_call_seconds,
        )
        self._steps = None
        if steps is not None:
            self._steps = LeanStepServicer(
                steps, engine.capabilities(), max_call_seconds=settings.max_call_seconds
            )
        self._repairs = None
        if repairs is not None:
            self._repairs = LeanRepairServicer(
                repairs, engine.capabilities(), max_call_seconds=settings.max_call_seconds
            )
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self.address = ""
        """Where it listens, with the port that it got; empty before `bind`."""

    async def bind(self) -> None:
        """Takes the address, and answers nobody yet.

        Raises:
            CannotListen: The address is taken, or not one of this machine's.
            InvalidSettings: A certificate or key can't be used.
        """
        server = grpc.aio.server(
            interceptors=[self._calls],
            options=_OPTIONS,
            maximum_concurrent_rpcs=self._settings.max_concurrent_calls + _SPARE_CALLS,
        )
        verifier_pb2_grpc.add_VerifierServiceServicer_to_server(self._servicer, server)
        names = [_SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME]
        if self._steps is not None:
            lean_steps_pb2_grpc.add_LeanStepServiceServicer_to_server(self._steps, server)
            names.append(_STEPS)
        if self._repairs is not None:
            lean_repair_pb2_grpc.add_LeanRepairServiceServicer_to_server(self._repairs, server)
            names.append(_REPAIRS)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._settings.reflection:
            reflection.enable_server_reflection(names, server)
        self.address = bind(server, self._address, self._settings)
        self._server = server

    async def start(self) -> None:
        """Answers calls; binds first, where that has not been done.

        Raises:
            CannotListen: The address is taken, or not one of this machine's.
            InvalidSettings: A certificate or key can't be used.
        """
        if self._server is None:
            await self.bind()
        assert self._server is not None
        await self._announce()
        await self._server.start()
        if self._warning:
            get_logger(__name__).warning("insecure", advice=self._warning)

    async def _announce(self) -> None:
        """Tells health checks whether a candidate can be judged here."""
        ready = bool(self._engine.capabilities().environments)
        status = health_pb2.HealthCheckResponse
        await self._health.set(_SERVICE, status.SERVING if ready else status.NOT_SERVING)

    async def drain(self, grace_seconds: float) -> None:
        """Takes no new calls, and waits for the running ones no longer than this."""
        await self._health.enter_graceful_shutdown()
        self._calls.refuse_new_calls()
        self._servicer.drain()
        if self._steps is not None:
            self._steps.drain()
        await self._engine.drain(grace_seconds)

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Ends; calls that are open after the grace are cancelled, and their runs with them."""
        if self._server is not None:
            await self._server.stop(grace_seconds)
            self._server = None

    async def __aenter__(self) -> Self:
        """Listens, as `start` does."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops at once."""
        await self.stop()
