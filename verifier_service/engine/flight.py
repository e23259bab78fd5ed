"""One run that any number of callers wait for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from verifier_service.engine.faults import fault_of, shutting_down
from verifier_service.engine.job import Job
from verifier_service.engine.live import Live
from verifier_service.engine.scheduler import Scheduler, Ticket
from verifier_service.model import CachePolicy, Progress, ProgressListener, State, Verdict

__all__ = ["Flight", "Waiter"]


@dataclass(slots=True, kw_only=True, eq=False)
class Waiter:
    """One caller of a flight."""

    priority: int = 0
    session_id: str = ""
    deadline: float | None = None
    patient: bool = False
    cache_policy: CachePolicy = CachePolicy.USE
    listener: ProgressListener | None = None
    live: Live | None = None
    """The long-running verification that it waits for."""


@dataclass(slots=True, kw_only=True, eq=False)
class Flight:
    """A run from the look into the cache to the verdict that is kept, and who waits for it.

    Waiters come and go one by one; the run is cancelled once the last has left. What the run
    needs to know of them (urgency, patience, deadline) is what the most demanding one says.
    """

    job: Job
    session_id: str
    create_time: float
    scheduler: Scheduler
    task: asyncio.Task[Verdict] = field(init=False)
    waiters: dict[Waiter, None] = field(default_factory=dict)
    refresh: bool = False
    """A kept verdict won't do."""
    settled: bool = False
    """The verdict is reached and being written: too late to cancel."""
    cancelled: bool = False
    ticket: Ticket | None = None
    present: Progress | None = None
    """Where it stands, for those who join late."""

    @property
    def running(self) -> bool:
        """Whether it holds a slot, and its verdict is still open."""
        return self.present is not None and self.present.state is State.RUNNING

    @property
    def lives(self) -> list[Live]:
        """The long-running verifications that wait for it."""
        return [waiter.live for waiter in self.waiters if waiter.live is not None]

    def join(self, waiter: Waiter) -> None:
        """Adds a waiter, tells it where the run stands, and hurries if it is more urgent."""
        self.waiters[waiter] = None
        self.refresh |= waiter.cache_policy is CachePolicy.REFRESH
        if self.present is not None:
            _tell(waiter, self.present)
        if self.ticket is not None:
            self.scheduler.promote(self.ticket, waiter.priority)

    def leave(self, waiter: Waiter) -> None:
        """Removes a waiter; no effect the second time."""
        self.waiters.pop(waiter, None)

    def enter(self) -> Ticket:
        """Queues for a slot.

        Raises:
            QueueFull: There is no room, and no waiter is patient.
        """
        self.ticket = self.scheduler.enter(
            session_id=self.session_id,
            priority=min(waiter.priority for waiter in self.waiters),
            deadline=self._deadline(),
            patient=any(waiter.patient for waiter in self.waiters),
        )
        if self.ticket.position:
            self.scheduler.listen(self.ticket, self._queued)
            self._queued(self.ticket.position)
        return self.ticket

    def publish(self, progress: Progress) -> None:
        """Tells every waiter; nothing is told any more once the run is over."""
        if self.settled or self.cancelled:
            return
        self.present = Progress(state=progress.state, queue_position=progress.queue_position)
        for waiter in tuple(self.waiters):
            _tell(waiter, progress)

    def cancel(self) -> None:
        """Ends the run unless its verdict is being written.

        Only the first call interrupts: a second interruption would cut short the teardown.
        """
        if not self.settled and not self.cancelled:
            self.cancelled = True
            self.task.cancel()

    def verdict(self) -> Verdict:
        """What the run ended with.

        Raises:
            ServiceError: No verdict was reached.
        """
        if self.task.cancelled():  # with someone still waiting: only the engine's end does that
            raise shutting_down()
        return self.task.result()

    def _deadline(self) -> float | None:
        """The latest of all deadlines."""
        deadlines = [waiter.deadline for waiter in self.waiters if waiter.deadline is not None]
        return max(deadlines) if len(deadlines) == len(self.waiters) else None

    def _queued(self, position: int) -> None:
        self.publish(Progress(state=State.QUEUED, queue_position=position))


def _tell(waiter: Waiter, progress: Progress) -> None:
    if waiter.listener is None:
        return
    try:
        waiter.listener(progress)
    except Exception as error:  # noqa: BLE001 - one caller's broken listener must not end a shared run
        fault_of(error, "A progress listener")
        waiter.listener = None
