"""A batch: from a file of specs to a file of verdicts, in order, in bounded memory, resumably."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from clients import AsyncVerifier
from clients.asynchronous import AsyncStream
from clients.command_line.batch_lines import Entry, KeptLine, Line, output_line, parse_line
from clients.local import LocalStream, LocalVerifier
from clients.retries import Attempts, RetryPolicy
from verifier_service.model import CallOptions, Outcome, ServiceError, ShuttingDown, Verdict

__all__ = ["AnyVerifier", "BatchRun", "OutputMismatch", "ResultSink", "Tally"]

AnyVerifier = AsyncVerifier | LocalVerifier
_AnyStream = AsyncStream | LocalStream

_ITEM_RETRIES: Final = RetryPolicy(maximum_attempts=6, initial_seconds=0.2, maximum_seconds=10.0)
_LINES_AT_A_TIME: Final = 64
"""Lines that are read before other tasks get their turn."""


class OutputMismatch(Exception):
    """The output that is there belongs to another input."""


class ResultSink(Protocol):
    """Where lines of output go, and those that are there already."""

    def next_kept(self) -> KeptLine | None:
        """The next line that an earlier run wrote; None after the last.

        Raises:
            OutputMismatch: The file is no output of a batch.
        """
        ...

    def write(self, line: bytes) -> None:
        """Writes a line, so that it is there whatever happens next."""
        ...


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    accepted: int = 0
    rejected: int = 0
    inconclusive: int = 0
    errors: int = 0
    kept: int = 0
    """Of these, lines that an earlier run wrote."""
    input_bytes: int = 0
    """Of the lines that these come from."""
    kept_bytes: int = 0
    """Of the lines of input whose results an earlier run wrote."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Error reasons, and how often."""

    @property
    def total(self) -> int:
        """Lines that have a result."""
        return self.accepted + self.rejected + self.inconclusive + self.errors

    def count(self, result: Verdict | ServiceError) -> None:
        """Counts a result."""
        if isinstance(result, Verdict):
            self._count_outcome(result.outcome.name)
        else:
            self.errors += 1
            self.reasons[result.reason] = self.reasons.get(result.reason, 0) + 1

    def count_kept(self, line: KeptLine) -> None:
        """Counts a line that is there already."""
        self.kept += 1
        self._count_outcome(line.outcome.removeprefix("OUTCOME_"))

    def _count_outcome(self, name: str) -> None:
        match name:
            case Outcome.ACCEPTED.name:
                self.accepted += 1
            case Outcome.REJECTED.name:
                self.rejected += 1
            case Outcome.INCONCLUSIVE.name:
                self.inconclusive += 1
            case _:
                self.errors += 1


@dataclass(slots=True)
class _Place:
    """A line's place in the order of output."""

    entry: Entry
    line: bytes | None = None
    """Set once it has its result."""
    result: Verdict | ServiceError | None = None
    attempts: Attempts = field(default_factory=lambda: _ITEM_RETRIES.attempts(None))


class BatchRun:
    """Judges lines and writes results in the order of the lines.

    At most `window_lines` lines, and about `window_bytes` bytes, are between the input and the
    output at any time: reading waits for the oldest line that has no result.
    """

    def __init__(
        self,
        verifier: AnyVerifier,
        sink: ResultSink,
        *,
        options: CallOptions | None = None,
        window_lines: int = 1024,
        window_bytes: int = 64 * 1024**2,
    ) -> None:
        """Makes a run.

        Args:
            verifier: Who judges.
            sink: Where results go.
            options: How to serve the calls.
            window_lines: Lines in hand.
            window_bytes: Bytes in hand, of input and output together.
        """
        self.tally = Tally()
        self._verifier = verifier
        self._sink = sink
        self._options = options
        self._window_lines = window_lines
        self._window_bytes = window_bytes
        self._told: Callable[[], None] = lambda: None
        self._places: deque[_Place] = deque()
        self._bytes = 0
        self._tickets: dict[str, _Place] = {}
        self._ticket_numbers = itertools.count()
        self._moved = asyncio.Event()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Has `listener` called whenever `tally` has changed."""
        self._told = listener

    async def run(self, lines: AsyncIterator[Line]) -> Tally:
        """Judges all lines.

        Raises:
            OutputMismatch: What is in the output is not from this input.
            ServiceError: The run can't go on; what has been written stays, and can be resumed.
            OSError: The output can't be written.
        """
        try:
            async with (
                self._verifier.stream(options=self._options) as session,
                asyncio.TaskGroup() as tasks,
            ):
                tasks.create_task(self._feed(lines, session))
                tasks.create_task(self._collect(session, tasks))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return self.tally

    async def _feed(self, lines: AsyncIterator[Line], session: _AnyStream) -> None:
        kept = self._sink.next_kept()
        read = 0
        async for line in lines:
            read += 1
            if read % _LINES_AT_A_TIME == 0:
                await asyncio.sleep(0)
            if line.text is not None and not line.text.strip():
                continue
            entry = parse_line(line)
            if kept is not None:
                self._skip(entry, kept)
                kept = self._sink.next_kept()
            else:
                await self._take(entry, session)
        if kept is not None:
            raise OutputMismatch("it has more lines than the input.")
        await self._until(lambda: not self._places)
        session.finish()

    def _skip(self, entry: Entry, kept: KeptLine) -> None:
        if (entry.problem_id, entry.candidate_id) != (kept.problem_id, kept.candidate_id):
            raise OutputMismatch(
                f"line {self.tally.total + 1} is about problem {kept.problem_id!r}, candidate "
                f"{kept.candidate_id!r}, where the input has problem {entry.problem_id!r}, "
                f"candidate {entry.candidate_id!r}."
            )
        self.tally.count_kept(kept)
        self.tally.input_bytes += entry.size_bytes
        self.tally.kept_bytes += entry.size_bytes
        self._told()

    async def _take(self, entry: Entry, session: _AnyStream) -> None:
        await self._until(self._has_room)
        place = _Place(entry)
        self._places.append(place)
        self._bytes += entry.size_bytes
        if entry.error is not None:
            self._complete(place, entry.error)
        else:
            await self._submit(place, session)

    async def _submit(self, place: _Place, session: _AnyStream) -> None:
        ticket = str(next(self._ticket_numbers))
        self._tickets[ticket] = place
        spec = place.entry.spec
        if spec is None:
            raise AssertionError("a line without an error has a spec")
        try:
            await session.submit(spec, ticket=ticket)
        except ServiceError as error:
            del self._tickets[ticket]
            if not error.violations:  # the session failed, not this line
                raise
            self._complete(place, error)

    async def _collect(self, session: _AnyStream, tasks: asyncio.TaskGroup) -> None:
        async for item in session:
            place = self._tickets.pop(item.ticket)
            if item.error is not None and (delay := place.attempts.delay_after(item.error)):
                tasks.create_task(self._submit_later(place, session, delay))
            elif isinstance(item.error, ShuttingDown):
                raise item.error
            else:
                self._complete(place, item.result)

    async def _submit_later(self, place: _Place, session: _AnyStream, delay: float) -> None:
        await asyncio.sleep(delay)
        await self._submit(place, session)

    def _complete(self, place: _Place, result: Verdict | ServiceError) -> None:
        place.result = result
        place.line = output_line(place.entry, result)
        self._bytes += len(place.line)
        while self._places and (first := self._places[0]).line is not None:
            self._write(first)
            self._places.popleft()
        self._moved.set()
        self._moved = asyncio.Event()
        self._told()

    def _write(self, place: _Place) -> None:
        if place.line is None or place.result is None:
            raise AssertionError("only a line with a result is written")
        self._sink.write(place.line)
        self._bytes -= len(place.line) + place.entry.size_bytes
        self.tally.count(place.result)
        self.tally.input_bytes += place.entry.size_bytes

    def _has_room(self) -> bool:
        return not self._places or (
            len(self._places) < self._window_lines and self._bytes < self._window_bytes
        )

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            await self._moved.wait()
