"""All sessions of a service: who may open one, how long it lives, and when it is called."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Sequence,
)
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from sandboxes.isolation.pool import to_its_end
from sandboxes.lean.steps.document import normalised
from sandboxes.lean.steps.runner import TacticLimits, TacticRunner
from sandboxes.lean.steps.session import Certify, StepSession
from verifier_service.model import (
    CallOptions,
    Candidate,
    DeadlineExceeded,
    InvalidSpec,
    Limits,
    Problem,
    QueueFull,
    RequestedLimits,
    ShuttingDown,
    UnknownSession,
    Verdict,
    VerificationSpec,
    Violation,
)
from verifier_service.model.lean_steps import (
    MAXIMUM_TACTIC_BYTES,
    MAXIMUM_TACTICS,
    OpenedSession,
    ProofFinished,
    ProofGivenUp,
    StepResult,
    TacticFailed,
    TacticState,
    TheoremToProve,
)
from verifier_service.validation import check_limits, is_unicode

__all__ = ["Backend", "HeldSession", "SessionPolicy", "StepSessions"]

_T = TypeVar("_T")
MAXIMUM_ANSWER_CHARACTERS: Final = 4 * 1024**2
"""Of all goals and messages in one answer; a message of the contract holds some more bytes."""
_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What runs the tactics of a session."""

    runner: TacticRunner
    environment: str
    """`name@sha256:…`."""


Choose = Callable[[TheoremToProve], Backend]
"""Chooses what runs tactics for a theorem; raises a `ServiceError` where nothing can."""
Verify = Callable[[VerificationSpec, CallOptions], Awaitable[Verdict]]
"""Judges a candidate as any other."""


class Aside(Protocol):
    """Does work in a fair order; cancelling ends the work first."""

    async def __call__(self, work: Callable[[], Awaitable[_T]], options: CallOptions, /) -> _T:
        """Does it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """What an operator allows."""

    maximum_sessions: int
    idle_seconds: float
    default_limits: Limits
    maximum_limits: Limits


class HeldSession:
    """A session that somebody holds open."""

    def __init__(self, opened: OpenedSession, session: StepSession, options: CallOptions) -> None:
        """Made by `StepSessions.open`."""
        self.opened = opened
        self.session = session
        self.options = options
        self._loop = asyncio.get_running_loop()
        self._calls: set[asyncio.Future[list[StepResult]]] = set()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._closed = asyncio.Event()
        self._draining = False
        self._timer = self._loop.call_later(opened.idle_seconds, self.end)

    @property
    def over(self) -> bool:
        """Whether it is to be closed, or is."""
        return self._ended.done()

    async def until_end(self) -> None:
        """Waits until the session is to be closed: asked to, or idle for too long.

        Raises:
            ShuttingDown: Or since the server stops.
        """
        await asyncio.shield(self._ended)
        if self._draining:
            raise ShuttingDown("The server is shutting down. Open the session on another one.")

    def end(self) -> None:
        """Says that the session is to be closed."""
        self._timer.cancel()
        if not self.over:
            self._ended.set_result(None)

    def drain(self) -> None:
        """Says that it is to be closed as soon as nobody is being answered."""
        self._draining = True
        if not self._calls:
            self.end()

    async def answer(self, work: Coroutine[None, None, list[StepResult]]) -> list[StepResult]:
        """Answers a call; while that goes on, the session is not idle.

        Raises:
            UnknownSession: It was closed meanwhile.
        """
        call = asyncio.ensure_future(work)
        self._calls.add(call)
        self._timer.cancel()
        try:
            return await call
        except asyncio.CancelledError:
            us = asyncio.current_task()
            if self.over and us is not None and not us.cancelling():
                raise _unknown(self.opened.session_id) from None
            raise
        finally:
            self._calls.discard(call)
            if self._draining:
                self.drain()
            elif not self._calls and not self.over:
                self._timer = self._loop.call_later(self.opened.idle_seconds, self.end)

    async def close(self) -> None:
        """Ends all calls, and everything that runs; when it returns, all of it is gone."""
        self.end()
        if calls := set(self._calls):
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
        await self.session.close()
        self._closed.set()

    async def until_closed(self) -> None:
        """Waits until whoever holds it has closed it."""
        await self._closed.wait()


class StepSessions:
    """Opens sessions, finds them again, and closes them when nobody holds or calls them."""

    def __init__(
        self, *, choose: Choose, verify: Verify, aside: Aside, policy: SessionPolicy
    ) -> None:
        """Opens nothing yet.

        Args:
            choose: What runs tactics.
            verify: Judges finished proofs, as any candidate.
            aside: Does what Lean is needed for, other than judging proofs.
            policy: What an operator allows.
        """
        self._choose = choose
        self._verify = verify
        self._aside = aside
        self._policy = policy
        self._open_count = 0
        self._held: dict[str, HeldSession] = {}
        self._draining = False

    @contextlib.asynccontextmanager
    async def open(
        self, asked: TheoremToProve, options: CallOptions
    ) -> AsyncGenerator[HeldSession, None]:
        """Opens a session, and closes it with the block, however that is left.

        Raises:
            InvalidSpec: The theorem can't be elaborated; fields begin with `theorem`.
            QueueFull: As many sessions are open as may be.
            ServiceError: It can't be opened here.
        """
        backend = self._choose(asked)
        self._check_room()
        self._open_count += 1
        session = StepSession(
            backend.runner,
            self._certifying(asked, options),
            lambda work: self._aside(work, options),
        )
        try:
            root = await session.open()
            opened = OpenedSession(
                session_id=secrets.token_urlsafe(24),
                root=root,
                backend=backend.runner.name,
                environment=backend.environment,
                idle_seconds=self._policy.idle_seconds,
            )
            held = self._held[opened.session_id] = HeldSession(opened, session, options)
            try:
                yield held
            finally:
                del self._held[opened.session_id]
                await to_its_end(held.close())
        finally:
            self._open_count -= 1
            await to_its_end(session.close())

    async def step(
        self,
        session_id: str,
        state_id: int,
        tactics: Sequence[str],
        limits: RequestedLimits,
        *,
        timeout_seconds: float | None = None,
    ) -> list[StepResult]:
        """Runs tactics one by one on one state; see `StepSession.step`.

        Raises:
            DeadlineExceeded: It takes longer than the timeout.
            UnknownSession: There is no such session, or it was closed meanwhile.
            InvalidSpec: There is no such state, or a tactic or a limit can't be used.
            ServiceError: A tactic could not be run, or a finished proof not be judged.
        """
        held = self._held.get(session_id)
        if held is None or held.over:
            raise _unknown(session_id)
        violations = [
            *_tactic_violations(tactics),
            *check_limits(limits, maximum=self._policy.maximum_limits),
        ]
        if violations:
            raise InvalidSpec.of(violations)
        resolved = limits.resolved(self._policy.default_limits)
        each = TacticLimits(wall_seconds=resolved.wall_seconds, cpu_seconds=resolved.cpu_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await held.answer(self._all(held, state_id, tactics, each))
        except TimeoutError:
            raise DeadlineExceeded(
                f"The tactics took more than {timeout_seconds:g} s, the most for one call. Send "
                "fewer at a time, or with less time for each."
            ) from None

    async def close(self, session_id: str) -> None:
        """Closes a session; when it returns, all that ran for it is gone. May be repeated."""
        if (held := self._held.get(session_id)) is not None:
            held.end()
            await held.until_closed()

    def drain(self) -> None:
        """Opens nothing more, and closes each session once nobody is being answered in it."""
        self._draining = True
        for held in list(self._held.values()):
            held.drain()

    @staticmethod
    async def _all(
        held: HeldSession, state_id: int, tactics: Sequence[str], limits: TacticLimits
    ) -> list[StepResult]:
        results, characters = [], 0
        for tactic in tactics:
            results.append(await held.session.step(state_id, normalised(tactic), limits))
            characters += _characters(results[-1])
            if characters > MAXIMUM_ANSWER_CHARACTERS:
                text = "lead to more goals than fit one answer. Send fewer at a time."
                raise InvalidSpec.of([Violation("tactics", text)])
        return results

    def _certifying(self, asked: TheoremToProve, options: CallOptions) -> Certify:
        async def certify(proof: str) -> Verdict:
            spec = VerificationSpec(
                problem=Problem(criterion=asked.theorem, problem_id=asked.problem_id),
                candidate=Candidate(source=proof),
                environment=asked.environment,
            )
            return await self._verify(spec, options)

        return certify

    def _check_room(self) -> None:
        if self._draining:
            raise ShuttingDown("The server is shutting down. Open the session on another one.")
        if self._open_count >= self._policy.maximum_sessions:
            raise QueueFull(
                f"{self._open_count} step sessions are open, which is the most here. Close one, "
                "or retry later.",
                retry_after_seconds=_RETRY_SECONDS,
                maximum_step_sessions=str(self._policy.maximum_sessions),
            )


def _characters(result: StepResult) -> int:
    """How much of an answer it takes, roughly."""
    match result.outcome:
        case TacticState() as state:
            return state.features.size + sum(map(len, state.messages))
        case ProofFinished(proof=proof):
            return len(proof)
        case ProofGivenUp(message=message) | TacticFailed(message=message):
            return len(message)
        case _:
            return 0


def _tactic_violations(tactics: Sequence[str]) -> Iterator[Violation]:
    if not 0 < len(tactics) <= MAXIMUM_TACTICS:
        yield Violation("tactics", f"has {len(tactics)}. Send 1 to {MAXIMUM_TACTICS} at a time.")
    for index, tactic in enumerate(tactics[:MAXIMUM_TACTICS]):
        size = len(tactic.encode(errors="replace"))
        if not tactic.strip():
            yield Violation(f"tactics[{index}]", "is empty. `skip` does nothing.")
        elif size > MAXIMUM_TACTIC_BYTES:
            yield Violation(
                f"tactics[{index}]", f"has {size} bytes. One may have {MAXIMUM_TACTIC_BYTES}."
            )
        elif not is_unicode(tactic) or "\0" in tactic:
            yield Violation(
                f"tactics[{index}]", "holds what no Lean text can hold: NUL, or half a character."
            )


def _unknown(session_id: str) -> UnknownSession:
    return UnknownSession(
        "No such session is open here: it was closed, by its holder or after having been idle, or "
        "never was. Open a new one.",
        session_id=session_id[:100],
    )
