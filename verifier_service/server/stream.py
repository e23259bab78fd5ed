"""One session of StreamVerify: submissions in, verdicts out, within a credit."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from verifier_service import validation, wire
from verifier_service.model import (
    Cancelled,
    CreditExceeded,
    DuplicateTicket,
    InvalidSpec,
    Progress,
    ServiceError,
    ShuttingDown,
    Verdict,
    Violation,
)
from verifier_service.server.engine import VerificationEngine
from verifier_service.server.faults import as_service_error
from verifier_service.server.logs import get_logger
from verifier_service.server.reading import RequestReader
from verifier_service.v1 import verifier_pb2

__all__ = ["StreamSession", "cancel_and_wait"]

_IDLE_SECONDS: Final = 0.02
_REMEMBERED_TICKETS: Final = 65_536
"""Ended tickets whose reuse is still noticed."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Event:
    response: verifier_pb2.StreamVerifyResponse
    credit: int = 0
    """What the caller may submit more once this is written."""


class StreamSession:
    """Judges what one caller submits, until the caller closes its side and all is answered.

    Memory is bounded whatever the caller does: a submission takes credit, and the credit comes back
    only once its answer has been written, a quarter of all credit at a time; commands are not read
    while too many answers wait; and progress is dropped while answers wait.
    """

    def __init__(
        self,
        engine: VerificationEngine,
        reader: RequestReader,
        *,
        credit: int,
        deadline: float | None,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._initial_credit = credit
        self._credit = credit
        self._owed_credit = 0
        self._deadline = deadline
        self._runs: dict[str, asyncio.Task[Verdict]] = {}
        self._ended_tickets: OrderedDict[str, None] = OrderedDict()
        self._outgoing: deque[_Event] = deque()
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._draining = False
        self._closed = False

    def drain(self) -> None:
        """Ends the session with `ShuttingDown` as soon as nothing runs in it."""
        self._draining = True
        self._changed.set()

    async def responses(
        self, commands: AsyncIterator[verifier_pb2.StreamVerifyRequest]
    ) -> AsyncGenerator[verifier_pb2.StreamVerifyResponse, None]:
        """Answers the commands; closing this ends all that runs for them.

        Raises:
            InvalidSpec: A command could not be read.
            ShuttingDown: The server drains, and everything submitted is answered.
        """
        reading = asyncio.create_task(self._read(commands))
        reading.add_done_callback(lambda _: self._changed.set())
        try:
            yield verifier_pb2.StreamVerifyResponse(credit=self._credit)
            while True:
                self._changed.clear()
                while self._outgoing:
                    event = self._outgoing.popleft()
                    self._has_room.set()
                    yield event.response
                    self._owed_credit += event.credit
                    if self._owed_credit * 4 >= self._initial_credit:
                        yield self._paid_credit()
                is_over = self._is_over(reading)
                if self._owed_credit and (is_over or await self._stays_idle()):
                    yield self._paid_credit()
                if is_over:
                    return
                await self._changed.wait()
        finally:
            self._closed = True
            await cancel_and_wait([reading, *self._runs.values()])

    def _is_over(self, reading: asyncio.Task[None]) -> bool:
        """Whether all is answered.

        Raises:
            InvalidSpec: A command could not be read.
            ShuttingDown: The server drains, and nothing runs.
        """
        if reading.done():
            reading.result()
        if self._runs or self._outgoing:
            return False
        if self._draining and not reading.done():
            raise ShuttingDown(
                "The server is shutting down. Open the stream on another one, or retry later."
            )
        return reading.done()

    async def _stays_idle(self) -> bool:
        """Whether nothing comes for a moment, so that even little credit is worth a message.

        A caller never waits for this: it has the rest of its credit until then.
        """
        if self._runs:
            return False
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False

    def _paid_credit(self) -> verifier_pb2.StreamVerifyResponse:
        """Hands back the credit of all that was answered, in one message."""
        due, self._owed_credit = self._owed_credit, 0
        self._credit += due
        return verifier_pb2.StreamVerifyResponse(credit=due)

    async def _read(self, commands: AsyncIterator[verifier_pb2.StreamVerifyRequest]) -> None:
        async for command in commands:
            while len(self._outgoing) > 2 * self._initial_credit:
                self._has_room.clear()
                await self._has_room.wait()
            match command.WhichOneof("command"):
                case "submit":
                    self._submit(command.submit)
                case "cancel":
                    self._cancel(command.cancel.ticket)
                case _:
                    self._answer("", _invalid("command", "is not set. Set submit or cancel."))

    def _submit(self, submit: verifier_pb2.StreamVerifyRequest.Submit) -> None:
        ticket = submit.ticket
        if self._credit <= 0:
            self._answer(
                ticket,
                CreditExceeded(
                    f"{self._initial_credit} submissions of this stream are unanswered, which is "
                    "its credit. Wait for more credit before the next.",
                    credit=str(self._initial_credit),
                ),
            )
            return
        self._credit -= 1
        try:
            self._check_ticket(ticket)
            spec, options = self._reader.request(submit.spec, submit.options)
        except ServiceError as error:
            self._answer(ticket, error, credit=1)
            return
        run = asyncio.create_task(
            self._engine.verify(
                spec,
                options,
                deadline=self._deadline,
                progress=partial(self._report, ticket),
                patient=True,
            )
        )
        self._runs[ticket] = run
        run.add_done_callback(partial(self._ended, ticket, options.session_id))

    def _check_ticket(self, ticket: str) -> None:
        """Lets a ticket in.

        Raises:
            InvalidSpec: It can't be a ticket.
            DuplicateTicket: The stream has it already.
        """
        if not ticket:
            raise _invalid("submit.ticket", "is empty. Give every submission a ticket of its own.")
        if ticket.endswith("*"):
            raise _invalid("submit.ticket", "ends in `*`, which names a prefix in Cancel. Drop it.")
        if violations := validation.check_id("submit.ticket", ticket):
            raise InvalidSpec.of(violations)
        if ticket in self._runs or ticket in self._ended_tickets:
            raise DuplicateTicket(
                f"The stream has a submission with the ticket {ticket!r} already, which is "
                "answered by itself. Give every submission a ticket of its own.",
                ticket=ticket,
            )

    def _cancel(self, pattern: str) -> None:
        """Takes back one ticket, or all with a prefix; others are not there any more."""
        if not pattern:
            self._answer("", _invalid("cancel.ticket", "is empty. Name a ticket, or `PREFIX*`."))
        elif not pattern.endswith("*"):
            _cancel_all(run for ticket, run in self._runs.items() if ticket == pattern)
        else:
            prefix = pattern.removesuffix("*")
            _cancel_all(run for ticket, run in self._runs.items() if ticket.startswith(prefix))

    def _report(self, ticket: str, progress: Progress) -> None:
        if ticket not in self._runs or len(self._outgoing) > self._initial_credit:
            return
        self._send(
            verifier_pb2.StreamVerifyResponse(
                ticket=ticket, progress=wire.progress_to_proto(progress)
            )
        )

    def _ended(self, ticket: str, session: str, run: asyncio.Task[Verdict]) -> None:
        del self._runs[ticket]
        self._ended_tickets[ticket] = None
        if len(self._ended_tickets) > _REMEMBERED_TICKETS:
            self._ended_tickets.popitem(last=False)
        result = _result(run)
        if not self._closed:
            self._answer(ticket, result, credit=1)
        code = result.code.name if isinstance(result, ServiceError) else "OK"
        _log.debug("submission", ticket=ticket, session=session, code=code)

    def _answer(self, ticket: str, result: Verdict | ServiceError, *, credit: int = 0) -> None:
        response = verifier_pb2.StreamVerifyResponse(ticket=ticket[: validation.MAXIMUM_ID_LENGTH])
        if isinstance(result, ServiceError):
            response.error.CopyFrom(wire.status_to_proto(result))
        else:
            response.verdict.CopyFrom(wire.verdict_to_proto(result))
        self._send(response, credit=credit)

    def _send(self, response: verifier_pb2.StreamVerifyResponse, *, credit: int = 0) -> None:
        self._outgoing.append(_Event(response, credit))
        self._changed.set()


def _invalid(field: str, description: str) -> InvalidSpec:
    return InvalidSpec.of([Violation(field, description)])


def _cancel_all(runs: Iterable[asyncio.Task[Any]]) -> None:
    for run in runs:
        run.cancel()


def _result(run: asyncio.Task[Verdict]) -> Verdict | ServiceError:
    """How a run ended. A task that is cancelled before it began raises nothing itself."""
    if run.cancelled():
        return Cancelled("Cancelled by the caller.")
    if (error := run.exception()) is not None:
        return as_service_error(error)
    return run.result()


async def cancel_and_wait(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks and returns once all are over, however often this itself is cancelled.

    Raises:
        asyncio.CancelledError: It was, meanwhile.
    """
    pending = {task for task in tasks if not task.done()}
    _cancel_all(pending)
    interrupted = False
    while pending:
        try:
            _, pending = await asyncio.wait(pending)
        except asyncio.CancelledError:
            interrupted = True
            pending = {task for task in pending if not task.done()}
    if interrupted:
        raise asyncio.CancelledError
