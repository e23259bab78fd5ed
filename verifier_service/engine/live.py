"""A long-running verification while it is not over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from verifier_service.model import Progress, State, Verification

__all__ = ["Events", "Live"]

Events = asyncio.Queue[Verification | Progress | None]
"""What a watcher sees; None once nothing more will come from this server."""

_UNREAD_PROGRESS: Final = 10_000
"""Progress that is kept for a watcher who does not read it; further progress is dropped for him,
changes of state are not."""


@dataclass(slots=True, kw_only=True, eq=False)
class Live:
    """Where a verification stands, and who watches it."""

    verification: Verification
    digest: str
    request_id: str = ""
    task: asyncio.Task[None] = field(init=False)
    """What brings it to its end."""
    settled: bool = False
    """Its end is known and being written: too late to cancel."""
    cancellation: asyncio.Task[None] | None = None
    _watchers: set[Events] = field(default_factory=set)

    def become(self, verification: Verification) -> None:
        """Changes its state and tells all watchers."""
        self.verification = verification
        self._tell(verification)

    def hear(self, progress: Progress) -> None:
        """Passes progress on, except for what a change of state says already."""
        said = progress.finished_case is not None or progress.diagnostic is not None
        if said or progress.state is State.QUEUED:
            self._tell(progress)

    def close(self) -> None:
        """Ends all watching."""
        self._tell(None)

    @contextmanager
    def watched(self) -> Iterator[Events]:
        """Everything from here on."""
        events: Events = asyncio.Queue()
        self._watchers.add(events)
        try:
            yield events
        finally:
            self._watchers.discard(events)

    def _tell(self, event: Verification | Progress | None) -> None:
        for events in self._watchers:
            if not isinstance(event, Progress) or events.qsize() < _UNREAD_PROGRESS:
                events.put_nowait(event)
