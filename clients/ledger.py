"""What a stream owes and is owed: the protocol of `StreamVerify` without any input or output."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from clients.results import StreamItem
from verifier_service import wire
from verifier_service.model import (
    CallOptions,
    Cancelled,
    DuplicateTicket,
    Progress,
    VerificationSpec,
)
from verifier_service.v1 import verifier_pb2

__all__ = ["FAREWELL_SECONDS", "Ledger", "StreamProgressListener", "submit_request"]

StreamProgressListener = Callable[[str, Progress], None]
"""Called with a ticket and what happened to it; must return at once and raise nothing."""

_Request = verifier_pb2.StreamVerifyRequest

FAREWELL_SECONDS = 1.0
"""Given to the server to close a session in which everything has ended."""


def submit_request(
    ticket: str, spec: VerificationSpec, options: CallOptions | None
) -> verifier_pb2.StreamVerifyRequest:
    """Hands in one candidate."""
    return _Request(
        submit=_Request.Submit(
            ticket=ticket,
            spec=wire.spec_to_proto(spec),
            options=None if options is None else wire.options_to_proto(options),
        )
    )


@dataclass(slots=True)
class _Submission:
    """A ticket that has not ended."""

    request: _Request
    cancelled: bool = False


class Ledger:
    """Keeps the tickets of one stream, over as many connections as it takes.

    A connection that breaks takes no ticket with it: `reconnected` hands in again what had not
    ended. Equal specs share one verdict, so handing in twice costs little and changes nothing.
    """

    def __init__(self, *, progress: StreamProgressListener | None = None) -> None:
        self.outgoing: deque[_Request] = deque()
        """Requests to write, in order; the owner empties it."""
        self.items: deque[StreamItem] = deque()
        """Tickets that ended, in order; the owner empties it."""
        self._open: dict[str, _Submission] = {}
        self._again: deque[str] = deque()
        self._credit = 0
        self._named = 0
        self._progress = progress

    @property
    def pending_count(self) -> int:
        """Tickets that were submitted and whose end nobody has read."""
        return len(self._open) + len(self.items)

    @property
    def open_count(self) -> int:
        """Tickets that have not ended."""
        return len(self._open)

    @property
    def may_submit(self) -> bool:
        """Whether the server has room for one more."""
        return self._credit > 0 and not self._again

    def new_ticket(self) -> str:
        """A ticket for a caller that does not care which."""
        while (ticket := f"ticket-{self._named}") in self._open:
            self._named += 1
        self._named += 1
        return ticket

    def submit(self, request: verifier_pb2.StreamVerifyRequest) -> None:
        """Takes a ticket in; needs `may_submit`.

        Raises:
            DuplicateTicket: A ticket of this name has not ended.
        """
        ticket = request.submit.ticket
        self.refuse_duplicate(ticket)
        self._open[ticket] = _Submission(request)
        self._credit -= 1
        self.outgoing.append(request)

    def refuse_duplicate(self, ticket: str) -> None:
        """Raises DuplicateTicket where a ticket of this name has not ended."""
        if ticket in self._open:
            raise DuplicateTicket(
                f"Ticket {ticket!r} has not ended. Choose another name, or cancel it first.",
                ticket=ticket,
            )

    def cancel(self, ticket: str) -> None:
        """Takes back one ticket, or all that start so, if it ends in `*`."""
        for name in self._matching(ticket):
            self._open[name].cancelled = True
        self.outgoing.append(_Request(cancel=_Request.Cancel(ticket=ticket)))

    def receive(self, response: verifier_pb2.StreamVerifyResponse) -> None:
        """Takes in what the server said."""
        match response.WhichOneof("event"):
            case "credit":
                self._credit += response.credit
                self._submit_again()
            case "progress":
                self._report(response)
            case "verdict":
                verdict = wire.verdict_from_proto(response.verdict)
                self._end(StreamItem(ticket=response.ticket, verdict=verdict))
            case "error":
                error = wire.error_from_status(response.error)
                self._end(StreamItem(ticket=response.ticket, error=error))
            case _:
                pass  # an event of a later version

    def reconnected(self) -> None:
        """Starts over on a new connection, which will say what its credit is."""
        self.outgoing.clear()
        self._credit = 0
        self._again = deque(self._open)
        self._end_cancelled()

    def _submit_again(self) -> None:
        self._end_cancelled()
        while self._again and self._credit > 0:
            submission = self._open.get(self._again.popleft())
            if submission is not None:
                self._credit -= 1
                self.outgoing.append(submission.request)

    def _end_cancelled(self) -> None:
        """Ends what was taken back and is not with the server."""
        for ticket in self._again:
            if (submission := self._open.get(ticket)) is not None and submission.cancelled:
                self._end(StreamItem(ticket=ticket, error=Cancelled("The ticket was taken back.")))

    def _end(self, item: StreamItem) -> None:
        if self._open.pop(item.ticket, None) is not None:
            self.items.append(item)

    def _report(self, response: verifier_pb2.StreamVerifyResponse) -> None:
        if self._progress is not None and response.ticket in self._open:
            self._progress(response.ticket, wire.progress_from_proto(response.progress))

    def _matching(self, ticket: str) -> list[str]:
        if ticket.endswith("*"):
            return [name for name in self._open if name.startswith(ticket[:-1])]
        return [ticket] if ticket in self._open else []
