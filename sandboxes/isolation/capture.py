"""Draining what a jailed process writes, while it runs, in bounded memory."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Callable

from verifier_service.model import Output

__all__ = ["Capture", "Collector"]

_CHUNK_BYTES = 1 << 16


class _Drain(ABC):
    """Reads a pipe as data comes, until its end or `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd, self.write_fd = os.pipe()
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._read)

    def close_write_end(self) -> None:
        """Lets go of our copy of the end that the jailed process writes to."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def close(self) -> None:
        """Takes what is left in the pipe, and lets go of both ends. May be repeated."""
        self.close_write_end()
        while self._fd >= 0 and self._read():
            pass
        self._end()

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._end()
            return False
        return self._take(data)

    def _end(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    @abstractmethod
    def _take(self, data: bytes) -> bool:
        """Keeps what is to be kept; returns whether more is wanted once the writer is gone."""


class Capture(_Drain):
    """Keeps the head and the tail of a stream, and counts the rest."""

    def __init__(self, *, keep_bytes: int, flood_bytes: int, on_flood: Callable[[], None]) -> None:
        """`on_flood` is called once, when more than `flood_bytes` have been written."""
        super().__init__()
        self._head_bytes = keep_bytes - keep_bytes // 2
        self._tail_bytes = keep_bytes // 2
        self._flood_bytes = flood_bytes
        self._on_flood = on_flood
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0
        self.flooded = False

    @property
    def output(self) -> Output:
        """What was kept."""
        return Output(
            head=bytes(self._head),
            tail=bytes(self._tail[-self._tail_bytes :]) if self._tail_bytes else b"",
            size_bytes=self._size,
        )

    def _take(self, data: bytes) -> bool:
        self._size += len(data)
        room = self._head_bytes - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > self._tail_bytes + 4 * _CHUNK_BYTES:
            del self._tail[: len(self._tail) - self._tail_bytes]
        if self._size > self._flood_bytes and not self.flooded:
            self.flooded = True
            self._on_flood()
        return not self.flooded


class Collector(_Drain):
    """Keeps the head of a stream, and tells a listener of each piece as it comes."""

    def __init__(
        self,
        *,
        keep_bytes: int,
        on_data: Callable[[bytes], None] | None = None,
        flood_bytes: float = float("inf"),
        on_flood: Callable[[], None] | None = None,
    ) -> None:
        """`on_flood` is called once, when more than `flood_bytes` have been written."""
        super().__init__()
        self._keep_bytes = keep_bytes
        self._on_data = on_data
        self._flood_bytes = flood_bytes
        self._on_flood = on_flood
        self.data = bytearray()
        self.size = 0

    def _take(self, data: bytes) -> bool:
        self.size += len(data)
        kept = data[: max(0, self._keep_bytes - len(self.data))]
        self.data += kept
        if kept and self._on_data is not None:
            self._on_data(kept)
        if self.size > self._flood_bytes and self._on_flood is not None:
            self._on_flood()
            self._on_flood = None
        return self.size <= self._keep_bytes
