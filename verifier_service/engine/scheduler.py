"""Who runs next: a fixed number of slots, priorities, and fair shares between sessions."""

from __future__ import annotations

import asyncio
import enum
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from verifier_service.model import QueueFull

__all__ = ["PositionListener", "Scheduler", "Ticket"]

PositionListener = Callable[[int], None]
"""Gets the place in the queue, from 1, when it has changed."""

_EWMA_WEIGHT: Final = 0.1
_ANNOUNCEMENT_SECONDS: Final = 0.25
"""Places in the queue are announced at most this often."""
_SHORTEST_RETRY_SECONDS: Final = 0.1
_LONGEST_RETRY_SECONDS: Final = 60.0
_UNKNOWN_RUN_SECONDS: Final = 1.0
"""A run's guessed length before the first has ended."""


class _Stage(enum.Enum):
    WAITING = enum.auto()
    HOLDING = enum.auto()
    LEFT = enum.auto()


class Ticket:
    """A claim to one slot: await `granted`, then give it to `Scheduler.leave`, come what may."""

    __slots__ = (
        "granted",
        "granted_time",
        "listener",
        "patient",
        "position",
        "priority",
        "sequence",
        "session_id",
        "stage",
    )

    def __init__(
        self, *, session_id: str, priority: int, sequence: int, patient: bool, position: int
    ) -> None:
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.granted_time = 0.0
        self.listener: PositionListener | None = None
        self.patient = patient
        self.position = position
        self.priority = priority
        self.sequence = sequence
        self.session_id = session_id
        self.stage = _Stage.WAITING


class _Flow:
    """What one session has waiting at one priority, in order of arrival."""

    __slots__ = ("tag", "tickets")

    def __init__(self, tag: float) -> None:
        self.tag = tag
        """Virtual time at which its first ticket will have been served."""
        self.tickets: OrderedDict[Ticket, None] = OrderedDict()

    @property
    def first(self) -> Ticket:
        return next(iter(self.tickets))

    @property
    def rank(self) -> tuple[float, int]:
        return self.tag, self.first.sequence

    def ahead_of(self, tag: float) -> int:
        """How many of its tickets go before a new one with this tag."""
        return min(len(self.tickets), max(0, int(tag - self.tag) + 1))


class _Level:
    """All flows of one priority, and its virtual time.

    Self-clocked fair queueing (Golestani, INFOCOM 1994) with every run at cost 1: a flow that
    begins to wait gets the tag `virtual + 1`, the smallest tag is served, virtual time becomes
    that tag, and the flow's next ticket costs it one more. A ticket gets its tag only when it is
    its flow's first, so that what is cancelled before costs its session nothing. A flow without
    tickets needs no memory, as virtual time has reached all that it was served.
    """

    __slots__ = ("flows", "virtual")

    def __init__(self) -> None:
        self.virtual = 0.0
        self.flows: dict[str, _Flow] = {}

    def add(self, ticket: Ticket) -> None:
        flow = self.flows.get(ticket.session_id)
        if flow is None:
            flow = self.flows[ticket.session_id] = _Flow(self.virtual + 1)
        flow.tickets[ticket] = None

    def remove(self, ticket: Ticket) -> None:
        flow = self.flows[ticket.session_id]
        del flow.tickets[ticket]
        if not flow.tickets:
            del self.flows[ticket.session_id]

    def take(self) -> Ticket:
        flow = min(self.flows.values(), key=lambda flow: flow.rank)
        ticket = flow.first
        self.virtual = flow.tag
        flow.tag += 1
        self.remove(ticket)
        return ticket

    def ahead_of_new(self, session_id: str) -> int:
        """How many go before a ticket that this session would add."""
        own = self.flows.get(session_id)
        tag = self.virtual + 1 if own is None else own.tag + len(own.tickets)
        return sum(flow.ahead_of(tag) for flow in self.flows.values())

    def in_order(self) -> list[Ticket]:
        """All that wait, as they will be served if nothing changes."""
        ranked = [
            (flow.tag + index, ticket.sequence, ticket)
            for flow in self.flows.values()
            for index, ticket in enumerate(flow.tickets)
        ]
        return [ticket for _, _, ticket in sorted(ranked, key=lambda entry: entry[:2])]


class Scheduler:
    """Hands out slots: lower priorities first, within a priority by turns between sessions.

    It lives on one event loop, and none of its methods waits.
    """

    def __init__(
        self, *, slots: int, max_queued: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots = slots
        self._max_queued = max_queued
        self._clock = clock
        self._running = 0
        self._impatient = 0
        self._queued = 0
        self._sequence = 0
        self._levels: dict[int, _Level] = {}
        self._run_seconds: float | None = None
        self._promised_until = 0.0
        self._announcement: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        """Slots that are taken."""
        return self._running

    @property
    def queued(self) -> int:
        """Tickets that wait for a slot."""
        return self._queued

    @property
    def run_seconds(self) -> float:
        """How long a slot is typically held: a moving average of the last dozens."""
        return _UNKNOWN_RUN_SECONDS if self._run_seconds is None else self._run_seconds

    def enter(
        self,
        *,
        session_id: str = "",
        priority: int = 0,
        deadline: float | None = None,
        patient: bool = False,
    ) -> Ticket:
        """A ticket, already granted where a slot is free.

        A patient one neither takes a place in the bounded queue nor is ever refused: whoever
        makes it bounds how many there are.

        Raises:
            QueueFull: There is no room, or it would start too late for its `deadline` (in
                seconds of the clock).
        """
        if not patient:
            self._admit(session_id, priority, deadline)
        self._sequence += 1
        ticket = Ticket(
            session_id=session_id,
            priority=priority,
            sequence=self._sequence,
            patient=patient,
            position=0 if self._free else self._position_of_new(session_id, priority),
        )
        self._add(ticket)
        self._grant()
        return ticket

    def promote(self, ticket: Ticket, priority: int) -> None:
        """Lets a waiting ticket go sooner; one that is as urgent already stays where it is."""
        if ticket.stage is not _Stage.WAITING or priority >= ticket.priority:
            return
        self._remove(ticket)
        ticket.priority = priority
        self._add(ticket)
        self._announce_soon()

    def listen(self, ticket: Ticket, listener: PositionListener) -> None:
        """Reports the ticket's place from the next announcement on."""
        ticket.listener = listener
        self._announce_soon()

    def leave(self, ticket: Ticket) -> None:
        """Takes back a slot, or a place in the queue; no effect the second time."""
        stage, ticket.stage = ticket.stage, _Stage.LEFT
        if stage is _Stage.WAITING:
            self._remove(ticket)
        elif stage is _Stage.HOLDING:
            self._running -= 1
            self._learn(self._clock() - ticket.granted_time)
        self._grant()
        self._announce_soon()

    def no_room(self) -> QueueFull:
        """The refusal of a caller, with the time of a place of its own.

        Places get free at the rate of `slots / run_seconds`; callers that are all told the same
        time would come back together, and be refused together.
        """
        now = self._clock()
        self._promised_until = max(now, self._promised_until) + self._wait_seconds(1)
        self._promised_until = min(self._promised_until, now + _LONGEST_RETRY_SECONDS)
        return QueueFull(
            f"All {self._slots} slots are taken and all {self._max_queued} places in the queue "
            "too. Retry after the time given, or send a batch or a stream, which wait.",
            retry_after_seconds=max(_SHORTEST_RETRY_SECONDS, self._promised_until - now),
            queued=str(self._queued),
            slots=str(self._slots),
        )

    def close(self) -> None:
        """Ends announcements."""
        if self._announcement is not None:
            self._announcement.cancel()
            self._announcement = None

    def _admit(self, session_id: str, priority: int, deadline: float | None) -> None:
        if self._free:
            return
        if self._impatient >= self._max_queued:
            raise self.no_room()
        if deadline is not None and self._run_seconds is not None:
            wait = self._wait_seconds(self._position_of_new(session_id, priority))
            late = self._clock() + wait + self._run_seconds - deadline
            if late > 0:
                raise self._too_late(wait, late)

    @property
    def _free(self) -> bool:
        return self._running < self._slots

    def _add(self, ticket: Ticket) -> None:
        self._levels.setdefault(ticket.priority, _Level()).add(ticket)
        self._count(ticket, 1)

    def _remove(self, ticket: Ticket) -> None:
        self._levels[ticket.priority].remove(ticket)
        self._taken(ticket)

    def _taken(self, ticket: Ticket) -> None:
        if not self._levels[ticket.priority].flows:
            del self._levels[ticket.priority]
        self._count(ticket, -1)

    def _count(self, ticket: Ticket, change: int) -> None:
        self._queued += change
        self._impatient += 0 if ticket.patient else change

    def _grant(self) -> None:
        while self._free and self._levels:
            ticket = self._levels[min(self._levels)].take()
            self._taken(ticket)
            ticket.stage = _Stage.HOLDING
            ticket.position = 0
            ticket.granted_time = self._clock()
            self._running += 1
            if not ticket.granted.done():  # its owner, cancelled, has yet to give it back
                ticket.granted.set_result(None)

    def _learn(self, seconds: float) -> None:
        if self._run_seconds is None:
            self._run_seconds = seconds
        self._run_seconds += _EWMA_WEIGHT * (seconds - self._run_seconds)

    def _position_of_new(self, session_id: str, priority: int) -> int:
        ahead = sum(
            sum(len(flow.tickets) for flow in level.flows.values())
            for urgency, level in self._levels.items()
            if urgency < priority
        )
        if (level := self._levels.get(priority)) is not None:
            ahead += level.ahead_of_new(session_id)
        return ahead + 1

    def _wait_seconds(self, position: int) -> float:
        return position * self.run_seconds / self._slots

    def _too_late(self, wait: float, late: float) -> QueueFull:
        return QueueFull(
            f"It would wait for about {wait:.1f} s and run for about {self.run_seconds:.1f} s, "
            f"{late:.1f} s too long for the call's deadline. Retry after the time given, or allow "
            "it more time.",
            retry_after_seconds=min(max(_SHORTEST_RETRY_SECONDS, late), _LONGEST_RETRY_SECONDS),
            queued=str(self._queued),
            slots=str(self._slots),
            expected_wait_seconds=f"{wait:.3f}",
        )

    def _announce_soon(self) -> None:
        if self._announcement is None and self._queued:
            loop = asyncio.get_running_loop()
            self._announcement = loop.call_later(_ANNOUNCEMENT_SECONDS, self._announce)

    def _announce(self) -> None:
        self._announcement = None
        position = 0
        for priority in sorted(self._levels):
            for ticket in self._levels[priority].in_order():
                position += 1
                _announce_to(ticket, position)


def _announce_to(ticket: Ticket, position: int) -> None:
    if ticket.position == position:
        return
    ticket.position = position
    if ticket.listener is not None:
        ticket.listener(position)
