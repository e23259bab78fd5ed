"""The client that brings its own service: the same methods, over an engine in this process.

Needs the `server` extra.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from clients.ledger import StreamProgressListener
from clients.local_repairs import LocalRepairs
from clients.requests import listing
from clients.results import BatchItem, StreamItem
from verifier_service.engine import Engine
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import (
    CallOptions,
    Cancelled,
    Capabilities,
    CriterionUnavailable,
    DeadlineExceeded,
    DuplicateTicket,
    ExecutorFault,
    Outcome,
    Progress,
    RequestedLimits,
    ServiceError,
    StopRule,
    Verdict,
    Verification,
    VerificationSpec,
)
from verifier_service.model.executor import ProgressListener
from verifier_service.model.lean_steps import (
    OpenedSession,
    StepResult,
    TacticState,
    TheoremToProve,
)

if TYPE_CHECKING:
    from sandboxes.lean.steps.sessions import StepSessions
    from verifier_service.settings import Settings

__all__ = ["LocalStepSession", "LocalStream", "LocalVerifier", "local_verifier"]

_NO_OPTIONS = CallOptions()
_DEFAULT_LIMITS = RequestedLimits()


@contextlib.asynccontextmanager
async def local_verifier(settings: Settings | None = None) -> AsyncIterator[LocalVerifier]:
    """Starts a service in this process, and ends it, and all that it runs, with the block.

    Args:
        settings: Of the service; None reads `VERIFIER_CONFIG` and the environment.

    Raises:
        ServiceError: It can't be started here, e.g. because there is no isolation.
    """
    from verifier_service.application import application
    from verifier_service.settings import load_settings

    async with application(settings or load_settings().settings) as parts:
        yield LocalVerifier(parts.engine, steps=parts.steps)


class LocalVerifier:
    """Judges with an engine in this process, on the event loop that the engine lives on.

    A full queue is waited for, since nobody else fills it. Errors are those of `AsyncVerifier`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        timeout_seconds: float | None = None,
        steps: StepSessions | None = None,
    ) -> None:
        """Makes a client.

        Args:
            engine: Stays the caller's to close.
            timeout_seconds: Deadline of calls that name none; None waits for ever.
            steps: Step sessions, where they are to be had.
        """
        self._engine = engine
        self._steps = steps
        self._timeout_seconds = timeout_seconds
        self.repairs = LocalRepairs(LeanRepairs(engine), self._deadline)
        """Repairs of Lean proofs."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Does nothing: the engine is its maker's."""

    async def verify(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
        progress: ProgressListener | None = None,
    ) -> Verdict:
        """Judges one candidate and waits for the verdict."""
        return await self._engine.verify(
            spec,
            options or _NO_OPTIONS,
            deadline=self._deadline(timeout_seconds),
            progress=progress,
            patient=True,
        )

    async def batch(
        self,
        specs: Sequence[VerificationSpec],
        *,
        options: CallOptions | None = None,
        stop_rule: StopRule | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[BatchItem, None]:
        """Judges many candidates; yields one result for each, in order of completion."""
        results = self._engine.batch(
            specs,
            options or _NO_OPTIONS,
            stop_rule=stop_rule,
            deadline=self._deadline(timeout_seconds),
        )
        async with contextlib.aclosing(results):
            async for index, result in results:
                if isinstance(result, Verdict):
                    yield BatchItem(index=index, verdict=result)
                else:
                    yield BatchItem(index=index, error=result)

    def stream(
        self,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
        progress: StreamProgressListener | None = None,
    ) -> LocalStream:
        """Opens a session for a search that submits candidates while results arrive."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        return LocalStream(self._engine, options or _NO_OPTIONS, deadline, progress)

    async def start(
        self,
        spec: VerificationSpec,
        *,
        options: CallOptions | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Verification:
        """Starts a verification that outlives the call, though not the process."""
        async with _within(timeout_seconds):
            return await self._engine.start(spec, options or _NO_OPTIONS, request_id or "")

    async def get(
        self, verification_id: str, *, timeout_seconds: float | None = None
    ) -> Verification:
        """A verification as it stands."""
        async with _within(timeout_seconds):
            return await self._engine.get(_id_of(verification_id))

    async def watch(
        self, verification_id: str, *, timeout_seconds: float | None = None
    ) -> AsyncGenerator[Verification | Progress, None]:
        """Follows a verification to its end: its present state first, then what happens."""
        events = self._engine.watch(_id_of(verification_id))
        async with contextlib.aclosing(events):
            while True:
                async with _within(timeout_seconds):
                    event = await anext(events, None)
                if event is None:
                    return
                yield event

    async def cancel(self, verification_id: str, *, timeout_seconds: float | None = None) -> None:
        """Ends a verification; no effect once it has ended."""
        async with _within(timeout_seconds):
            await self._engine.cancel(_id_of(verification_id))

    async def list(
        self,
        *,
        problem_id: str = "",
        session_id: str = "",
        outcome: Outcome | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[Verification, None]:
        """Past and present verifications, newest first; reads pages as they are needed."""
        wanted = listing(problem_id, session_id, outcome)
        token = ""
        while True:
            async with _within(timeout_seconds):
                page = await self._engine.list(wanted, page_size, token)
            for verification in page.verifications:
                yield verification
            if not (token := page.next_page_token):
                return

    async def capabilities(self, *, timeout_seconds: float | None = None) -> Capabilities:
        """Says what the service can do: environments, limits, assurance per kind."""
        del timeout_seconds  # there is nothing to wait for
        return self._engine.capabilities()

    @contextlib.asynccontextmanager
    async def open_session(
        self,
        asked: TheoremToProve,
        *,
        options: CallOptions | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[LocalStepSession, None]:
        """Opens a session to prove a Lean theorem tactic by tactic; closed with the block."""
        if self._steps is None:
            raise CriterionUnavailable("This client was made without step sessions.")
        async with contextlib.AsyncExitStack() as held:
            async with _within(timeout_seconds):
                session = await held.enter_async_context(
                    self._steps.open(asked, options or _NO_OPTIONS)
                )
            yield LocalStepSession(self._steps, session.opened)

    def _deadline(self, timeout_seconds: float | None) -> float | None:
        seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        return None if seconds is None else time.monotonic() + seconds


class LocalStepSession:
    """A session over an engine in this process; `AsyncStepSession` says what its method owes."""

    def __init__(self, steps: StepSessions, opened: OpenedSession) -> None:
        """Made by `LocalVerifier.open_session`."""
        self._steps = steps
        self.opened = opened

    @property
    def session_id(self) -> str:
        """Names the session."""
        return self.opened.session_id

    @property
    def root(self) -> TacticState:
        """The state before any tactic."""
        return self.opened.root

    async def step(
        self,
        state_id: int,
        tactics: Sequence[str],
        *,
        limits: RequestedLimits = _DEFAULT_LIMITS,
        timeout_seconds: float | None = None,
    ) -> list[StepResult]:
        """Runs tactics, each on the same state, and says what became of each."""
        async with _within(timeout_seconds):
            return await self._steps.step(self.session_id, state_id, tactics, limits)


class LocalStream:
    """One session over an engine in this process; `AsyncStream` says what each method owes."""

    def __init__(
        self,
        engine: Engine,
        options: CallOptions,
        deadline: float | None,
        progress: StreamProgressListener | None,
    ) -> None:
        """Made by `LocalVerifier.stream`."""
        self._engine = engine
        self._options = options
        self._deadline = deadline
        self._progress = progress
        # Enough that no slot is ever idle, and little enough to hold submitters back.
        self._credit = asyncio.Semaphore(4 * engine.capabilities().slot_count)
        self._open: dict[str, asyncio.Task[None]] = {}
        self._reserved: set[str] = set()
        self._items: deque[StreamItem] = deque()
        self._named = 0
        self._finished = False
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finished = True
        left = list(self._open.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    @property
    def pending_count(self) -> int:
        """Tickets that were submitted and whose end was not read yet."""
        return len(self._open) + len(self._items)

    async def submit(
        self,
        spec: VerificationSpec,
        *,
        ticket: str | None = None,
        options: CallOptions | None = None,
    ) -> str:
        """Hands in one candidate, and waits while the engine has no room for it."""
        name = self._new_ticket() if ticket is None else ticket
        self._refuse_unusable(name)
        self._reserved.add(name)
        try:
            await self._credit.acquire()
        finally:
            self._reserved.discard(name)
        if self._finished:
            self._credit.release()
        self._refuse_unusable(name)
        self._open[name] = asyncio.create_task(self._judge(name, spec, options or self._options))
        return name

    async def cancel(self, ticket: str) -> None:
        """Takes back one ticket, or all that start so, if it ends in `*`."""
        for name in list(self._open):
            if name == ticket or (ticket.endswith("*") and name.startswith(ticket[:-1])):
                self._open[name].cancel()

    def finish(self) -> None:
        """Says that nothing more will be submitted; what is on its way is waited for."""
        self._finished = True
        self._notify()

    async def __aiter__(self) -> AsyncIterator[StreamItem]:
        """Yields the end of each ticket."""
        while (item := await self.next()) is not None:
            yield item

    async def next(self) -> StreamItem | None:
        """The next ticket that ended; None after the last."""
        while not self._items:
            if self._finished and not self._open:
                return None
            await self._changed.wait()
        return self._items.popleft()

    def _new_ticket(self) -> str:
        self._named += 1
        return f"ticket-{self._named - 1}"

    def _refuse_unusable(self, ticket: str) -> None:
        if self._finished:
            raise RuntimeError("The session is finished: nothing more can be submitted.")
        if ticket in self._open or ticket in self._reserved:
            raise DuplicateTicket(
                f"Ticket {ticket!r} has not ended. Choose another name, or cancel it first.",
                ticket=ticket,
            )

    async def _judge(self, ticket: str, spec: VerificationSpec, options: CallOptions) -> None:
        try:
            item = StreamItem(ticket=ticket, verdict=await self._verdict(ticket, spec, options))
        except ServiceError as error:
            item = StreamItem(ticket=ticket, error=error)
        except asyncio.CancelledError:
            item = StreamItem(ticket=ticket, error=Cancelled("The ticket was taken back."))
        except Exception as bug:  # noqa: BLE001  # or its reader waits for ever
            item = StreamItem(ticket=ticket, error=ExecutorFault(f"The engine broke: {bug!r}."))
        self._items.append(item)
        del self._open[ticket]
        self._credit.release()
        self._notify()

    async def _verdict(self, ticket: str, spec: VerificationSpec, options: CallOptions) -> Verdict:
        return await self._engine.verify(
            spec,
            options,
            deadline=self._deadline,
            progress=_for_ticket(self._progress, ticket),
            patient=True,
        )

    def _notify(self) -> None:
        self._changed.set()  # wakes all that wait at this moment
        self._changed = asyncio.Event()


def _for_ticket(
    listener: StreamProgressListener | None, ticket: str
) -> Callable[[Progress], None] | None:
    return None if listener is None else lambda progress: listener(ticket, progress)


def _id_of(verification_id: str) -> str:
    return verification_id.removeprefix("verifications/")


@contextlib.asynccontextmanager
async def _within(timeout_seconds: float | None) -> AsyncIterator[None]:
    """Ends what is inside in time, with `DeadlineExceeded`."""
    try:
        async with asyncio.timeout(timeout_seconds) as scope:
            yield
    except TimeoutError:
        if not scope.expired():
            raise
        raise DeadlineExceeded(f"No answer came within {timeout_seconds} s.") from None
