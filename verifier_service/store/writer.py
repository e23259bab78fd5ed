"""The one thread that writes, many writes to a transaction."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from verifier_service.store import StoreError
from verifier_service.store.opening import store_faults

__all__ = ["Write", "Writer"]

Write = Callable[[sqlite3.Connection], None]
"""Runs on the writer's thread, inside a transaction."""

_GROUP: Final = 256
"""Writes in one transaction, at most."""


@dataclass(slots=True, eq=False)
class _Pending:
    write: Write
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    error: Exception | None = None


class Writer:
    """Takes writes from any task and commits together what has gathered meanwhile.

    A write that fails is undone by itself; the others of its transaction stand.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> asyncio.Future[None]:
        """Takes a write; the future is done once it is committed.

        Raises:
            StoreError: The store is closed.
        """
        loop = asyncio.get_running_loop()
        pending = _Pending(write, loop, loop.create_future())
        with self._lock:  # nothing may come after the None that ends the thread
            if self._closed:
                raise StoreError(f"The store {self._path} is closed. Open it again to use it.")
            self._queue.put(pending)
        return pending.done

    def close(self) -> None:
        """Commits what was taken, and returns when the thread has ended."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = self._gathered(first)
            self._commit(group)
            _report(group)
            if last:
                break
        self._connection.close()

    def _gathered(self, first: _Pending) -> tuple[list[_Pending], bool]:
        """All that waits, up to the size of a group, and whether the end was among it."""
        group = [first]
        while len(group) < _GROUP:
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                break
            if pending is None:
                return group, True
            group.append(pending)
        return group, False

    def _commit(self, group: list[_Pending]) -> None:
        try:
            with store_faults(self._path):
                self._connection.execute("BEGIN IMMEDIATE")
                for pending in group:
                    self._try(pending)
                self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - every waiter is told, and the thread lives on
            with contextlib.suppress(sqlite3.Error):  # there may be nothing left to undo
                self._connection.execute("ROLLBACK")
            for pending in group:
                pending.error = pending.error or error

    def _try(self, pending: _Pending) -> None:
        self._connection.execute("SAVEPOINT write")
        try:
            with store_faults(self._path):
                pending.write(self._connection)
        except Exception as error:  # noqa: BLE001 - its own waiter is told, the others' writes stand
            pending.error = error
            self._connection.execute("ROLLBACK TO write")
        self._connection.execute("RELEASE write")


def _report(group: list[_Pending]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Pending]] = defaultdict(list)
    for pending in group:
        by_loop[pending.loop].append(pending)
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, theirs)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _resolve(group: list[_Pending]) -> None:
    for pending in group:
        if pending.done.done():
            continue
        if pending.error is None:
            pending.done.set_result(None)
        else:
            pending.done.set_exception(pending.error)
