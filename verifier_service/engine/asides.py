"""Work that needs a slot and is no verification."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from verifier_service.engine.faults import shutting_down
from verifier_service.engine.scheduler import Scheduler
from verifier_service.engine.tasks import Tasks
from verifier_service.model import CallOptions

__all__ = ["Asides"]

_T = TypeVar("_T")


class Asides:
    """Runs such work in slots, by turns with the verifications of all sessions."""

    def __init__(self, *, scheduler: Scheduler, tasks: Tasks) -> None:
        self._scheduler = scheduler
        self._tasks = tasks
        self._running: set[asyncio.Task[Any]] = set()
        self._stopped = False

    async def run(self, work: Callable[[], Awaitable[_T]], options: CallOptions) -> _T:
        """Waits for a slot, and does the work in it; cancelling ends the work first.

        Raises:
            ShuttingDown: The engine ends.
        """
        if self._stopped:
            raise shutting_down()
        task = self._tasks.spawn(self._in_slot(work, options))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait([task])
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if task.cancelled():
            raise shutting_down()
        return task.result()

    def stop(self) -> None:
        """Ends all of it, and takes no more; its tasks tell when it has ended."""
        self._stopped = True
        for task in tuple(self._running):
            task.cancel()

    async def _in_slot(self, work: Callable[[], Awaitable[_T]], options: CallOptions) -> _T:
        ticket = self._scheduler.enter(
            session_id=options.session_id, priority=options.priority, patient=True
        )
        try:
            await ticket.granted
            return await work()
        finally:
            self._scheduler.leave(ticket)
