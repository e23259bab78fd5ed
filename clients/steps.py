"""Sessions that prove a theorem tactic by tactic, as their callers have them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from verifier_service import lean_steps_wire
from verifier_service.model import RequestedLimits, UnknownSession
from verifier_service.model.lean_steps import OpenedSession, StepResult, TacticState
from verifier_service.v1 import lean_steps_pb2

__all__ = ["AsyncStepSession", "StepSession"]

_DEFAULTS = RequestedLimits()


class _Opened:
    """What a session is, for whoever holds it."""

    def __init__(self, opened: OpenedSession) -> None:
        self.opened = opened
        self.is_open = True
        """Until the block is left that opened it."""

    @property
    def session_id(self) -> str:
        """Who knows it may use the session, from any connection to the same server."""
        return self.opened.session_id

    @property
    def root(self) -> TacticState:
        """The state before any tactic."""
        return self.opened.root

    def _request(
        self, state_id: int, tactics: Sequence[str], limits: RequestedLimits
    ) -> lean_steps_pb2.StepRequest:
        if not self.is_open:
            raise UnknownSession("The session was closed with the block that opened it.")
        return lean_steps_wire.step_request_to_proto(self.session_id, state_id, tactics, limits)


class AsyncStepSession(_Opened):
    """A session of `AsyncVerifier.open_session`. One that was closed raises `UnknownSession`."""

    def __init__(
        self,
        opened: OpenedSession,
        step: Callable[
            [lean_steps_pb2.StepRequest, float | None], Awaitable[lean_steps_pb2.StepResponse]
        ],
    ) -> None:
        """Made by `AsyncVerifier.open_session`."""
        super().__init__(opened)
        self._step = step

    async def step(
        self,
        state_id: int,
        tactics: Sequence[str],
        *,
        limits: RequestedLimits = _DEFAULTS,
        timeout_seconds: float | None = None,
    ) -> list[StepResult]:
        """Runs tactics, each on the same state, and says what became of each.

        Args:
            state_id: The state to start from; 0 is the root. It stays valid.
            tactics: 1 to `MAXIMUM_TACTICS`.
            limits: Wall clock and CPU of each tactic; the server's defaults where left out.
            timeout_seconds: Deadline of the call.
        """
        request = self._request(state_id, tactics, limits)
        return lean_steps_wire.results_from_proto(await self._step(request, timeout_seconds))


class StepSession(_Opened):
    """A session of `Verifier.open_session`; `AsyncStepSession` says what its method owes."""

    def __init__(
        self,
        opened: OpenedSession,
        step: Callable[[lean_steps_pb2.StepRequest, float | None], lean_steps_pb2.StepResponse],
    ) -> None:
        """Made by `Verifier.open_session`."""
        super().__init__(opened)
        self._step = step

    def step(
        self,
        state_id: int,
        tactics: Sequence[str],
        *,
        limits: RequestedLimits = _DEFAULTS,
        timeout_seconds: float | None = None,
    ) -> list[StepResult]:
        """Runs tactics, each on the same state, and says what became of each."""
        request = self._request(state_id, tactics, limits)
        return lean_steps_wire.results_from_proto(self._step(request, timeout_seconds))
