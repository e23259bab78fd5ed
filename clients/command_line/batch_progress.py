"""How a batch is getting on, on standard error."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from clients.command_line.batch_run import Tally
from clients.command_line.rendering import duration_text

__all__ = ["BatchProgress"]

_SECONDS_BETWEEN_BARS: Final = 0.1
_SECONDS_BETWEEN_LINES: Final = 10.0


class BatchProgress:
    """A bar on a terminal; elsewhere, a line every ten seconds."""

    def __init__(self, console: Console, tally: Tally, input_bytes: int | None) -> None:
        self._console = console
        self._tally = tally
        self._input_bytes = input_bytes
        self._began = time.monotonic()
        self._shown = self._began
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (BarColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(self._text(), total=self._input_bytes)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self) -> None:
        """Shows how far it is, though not too often."""
        between = _SECONDS_BETWEEN_LINES if self._bar is None else _SECONDS_BETWEEN_BARS
        if (now := time.monotonic()) - self._shown < between:
            return
        self._shown = now
        if self._bar is not None and self._task is not None:
            done = self._tally.input_bytes
            self._bar.update(self._task, completed=done, description=self._text())
        else:
            self._console.print(self._text(), soft_wrap=True)

    def say_how_to_resume(self) -> None:
        """Says what is there, and how to go on."""
        self._console.print(
            f"Stopped after {self._tally.total} lines, which are kept. Run the same command again "
            "to go on from there.",
            soft_wrap=True,
        )

    def _text(self) -> str:
        tally = self._tally
        seconds = max(time.monotonic() - self._began, 1e-6)
        parts = [
            f"{tally.total} lines",
            f"{(tally.total - tally.kept) / seconds:.1f}/s",
            f"{tally.accepted} accepted",
            f"{tally.rejected} rejected",
            f"{tally.inconclusive} inconclusive",
            f"{tally.errors} errors",
        ]
        if (left := self._seconds_left(seconds)) is not None:
            parts.append(f"{duration_text(left)} left")
        return ", ".join(parts)

    def _seconds_left(self, seconds: float) -> float | None:
        """By bytes, the one measure of the whole input that needs no reading of it."""
        done = self._tally.input_bytes - self._tally.kept_bytes
        if self._input_bytes is None or done <= 0:
            return None
        return max(0.0, seconds * (self._input_bytes - self._tally.input_bytes) / done)
