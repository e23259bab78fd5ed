"""Says when a tactic has had its time, by what the kernel tells of the process that runs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from sandboxes.isolation.jail import Snapshot
from sandboxes.lean.steps.runner import TacticLimits
from verifier_service.model.lean_steps import StopReason

__all__ = ["Stopped", "TacticWatch"]

_T = TypeVar("_T")

FIRST_LOOK_SECONDS: Final = 0.05
"""Most tactics are done before."""
LOOK_SECONDS: Final = 0.1
OVERLOAD_FACTOR: Final = 10
OVERLOAD_SECONDS: Final = 60.0


class Stopped(Exception):
    """A tactic has had its time or its memory."""

    def __init__(self, reason: StopReason) -> None:
        """Carries what it ran out of."""
        super().__init__(reason.value)
        self.reason = reason


class TacticWatch:
    """Watches over one tactic.

    The wall clock is net, as everywhere in this service: time in which a thread of the process was
    ready to run but got no core is the machine's. So is what a tactic that was stopped before, and
    has not come to its end, takes beside it.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        limits: TacticLimits,
        *,
        memory_bytes: int,
        before: Snapshot | None = None,
        company_cpu_seconds: float = 0.0,
    ) -> None:
        """Begins to watch.

        Args:
            snapshot: Of the process.
            limits: On the tactic.
            memory_bytes: That the process may have.
            before: The process at rest, as it has been since; looked at if None.
            company_cpu_seconds: CPU that tactics which were stopped may still use beside it.
        """
        self._snapshot = snapshot
        self._limits = limits
        self._memory_bytes = memory_bytes
        self._company_cpu_seconds = company_cpu_seconds
        self._began = time.monotonic()
        self._before = self.last = before or snapshot()
        """The process as it was looked at last."""
        self._waited = 0.0

    @property
    def wall_seconds(self) -> float:
        """Since the beginning, by the clock on the wall."""
        return time.monotonic() - self._began

    def look(self) -> Snapshot:
        """Looks at the process.

        Raises:
            Stopped: It had its time, or takes too much memory.
        """
        now = self._snapshot()
        waited = max(0.0, now.waiting_seconds - self.last.waiting_seconds)
        self._waited += waited / max(1, now.runnable)
        self.last = now
        if now.out_of_memory or now.resident_bytes > self._memory_bytes:
            raise Stopped(StopReason.MEMORY)
        if self.own_cpu_seconds > self._limits.cpu_seconds:
            raise Stopped(StopReason.CPU_TIME)
        if self.wall_seconds - self._waited > self._limits.wall_seconds:
            raise Stopped(StopReason.WALL_TIME if now.known else StopReason.OVERLOADED)
        if self.wall_seconds > OVERLOAD_FACTOR * self._limits.wall_seconds + OVERLOAD_SECONDS:
            raise Stopped(StopReason.OVERLOADED)
        return now

    @property
    def cpu_seconds(self) -> float:
        """Of the process since the beginning, as of the last look."""
        return max(0.0, self.last.cpu_seconds - self._before.cpu_seconds)

    @property
    def own_cpu_seconds(self) -> float:
        """The least of it that is the tactic's own."""
        return max(0.0, self.cpu_seconds - self._company_cpu_seconds)

    async def over(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Waits for work, and looks on.

        Raises:
            Stopped: The tactic had its time, or takes too much memory. The work is cancelled.
        """
        task = asyncio.ensure_future(work)
        try:
            pause = FIRST_LOOK_SECONDS
            while not (await asyncio.wait({task}, timeout=pause))[0]:
                self.look()
                pause = LOOK_SECONDS
            self.last = self._snapshot()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
