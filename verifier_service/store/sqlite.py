"""The store in one SQLite file."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar, cast

from verifier_service.model import (
    InvalidSpec,
    Verdict,
    Verification,
    VerificationFilter,
    VerificationPage,
    Violation,
)
from verifier_service.store import StoreError
from verifier_service.store.opening import connect, lock, migrate, store_faults
from verifier_service.store.rows import SELECTED, Row, row_of, verdict_of, verification_of
from verifier_service.store.writer import Writer

__all__ = ["SqliteStore"]

_T = TypeVar("_T")

_FROM: Final = "FROM verifications AS v JOIN problems AS p ON p.id = v.problem"
_PAGE_BYTES: Final = 8 * 1024 * 1024
"""A page ends early where it would hold more, so that it fits a message."""
_PRUNE_STEP: Final = 10_000
"""Rows that one call of `prune` deletes of each table, at most."""
_TOUCH_GROUP: Final = 256
"""Uses of verdicts that are written together; those not yet written are lost with the process."""

_UPSERT: Final = """
INSERT INTO verifications (
  id, digest, request_id, problem_id, session_id, state, over, outcome, begun, create_time,
  end_time, problem, spec, verdict, error
) VALUES (
  :id, :digest, :request_id, :problem_id, :session_id, :state, :over, :outcome, :begun,
  :create_time, :end_time, :problem, :spec, :verdict, :error
) ON CONFLICT (id) DO UPDATE SET
  digest = iif(excluded.digest = '', digest, excluded.digest),
  state = excluded.state, over = excluded.over, outcome = excluded.outcome,
  begun = begun + excluded.begun, end_time = excluded.end_time,
  verdict = excluded.verdict, error = excluded.error
WHERE over = 0
"""
_KEEP_VERDICT: Final = """
INSERT INTO verdicts (digest, verdict, used) VALUES (?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET verdict = excluded.verdict, used = excluded.used
"""


class SqliteStore:
    """Keeps everything in one file with a write-ahead log (WAL), which several processes may use.

    One thread writes and commits in groups; lookups and listings read in two others and never
    wait for it. Writes reach the operating system before they are acknowledged, so they survive
    the death of the process; a power failure may take the last of them, and damages nothing.
    """

    def __init__(self, path: Path, *, locked: int | None = None) -> None:
        """Use `open`."""
        self._path = path
        self._locked = locked
        self._writer = Writer(connect(path), path)
        self._lookups = _Reader(path, "store-lookups")
        self._listings = _Reader(path, "store-listings")
        self._touched: set[str] = set()
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, exclusive: bool = False) -> SqliteStore:
        """Opens a file, and makes it, and its directory, where there is none.

        Args:
            path: The file.
            exclusive: Be the only server on it, so that none takes up verifications that another
                one runs. Processes that open it without this are not kept out.

        Raises:
            StoreError: It can't be opened. The message says what to do.
        """
        file = Path(path)
        with store_faults(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            locked = lock(file) if exclusive else None
            try:
                _prepare(file)
                return cls(file, locked=locked)
            except BaseException:
                if locked is not None:
                    os.close(locked)
                raise

    async def verdict(self, digest: str) -> Verdict | None:
        """The verdict kept for this verification digest."""
        verdict = await self._lookups.read(partial(_verdict, digest=digest))
        if verdict is not None:
            self._touch(digest)
        return verdict

    async def record(
        self, verification: Verification, *, digest: str, keep_verdict: bool, request_id: str = ""
    ) -> None:
        """Writes a verification, and with `keep_verdict` its verdict by digest too.

        An empty digest leaves the one that is kept.
        """
        await self._writer.submit(
            partial(
                _record,
                verification=verification,
                digest=digest,
                keep_verdict=keep_verdict,
                request_id=request_id or None,
            )
        )

    async def verification(self, verification_id: str) -> Verification | None:
        """The verification of this id."""
        return await self._lookups.read(partial(_verification, verification_id=verification_id))

    async def by_request_id(self, request_id: str) -> tuple[Verification, str] | None:
        """The verification that was started under this request id, and its digest."""
        return await self._lookups.read(partial(_by_request_id, request_id=request_id))

    async def page(self, which: VerificationFilter, *, size: int, token: str) -> VerificationPage:
        """One page, newest first; shorter than asked for where it would get too large.

        Raises:
            InvalidSpec: The token is not one of ours, or belongs to another filter.
        """
        before = _opened_token(token, which)
        return await self._listings.read(partial(_page, which=which, size=size, before=before))

    async def unfinished(self) -> list[tuple[Verification, int]]:
        """Verifications that are not over, and how often each was begun, oldest first."""
        return await self._listings.read(_unfinished)

    async def prune(self, keep: int) -> None:
        """Lets go of the oldest finished verifications beyond `keep`, and of as many verdicts.

        Verdicts go by least recent use. The engine calls this after every
        `Policy.prune_interval` writes; one call deletes a bounded number of rows.
        """
        self._flush_touches()
        await self._writer.submit(partial(_prune, keep=keep))

    async def close(self) -> None:
        """Writes what is pending and lets go of the file; no effect the second time."""
        if self._closing is None:
            self._flush_touches()
            self._closing = asyncio.get_running_loop().create_task(asyncio.to_thread(self._close))
        await asyncio.shield(self._closing)

    def _close(self) -> None:
        self._writer.close()
        self._lookups.close()
        self._listings.close()
        if self._locked is not None:
            os.close(self._locked)

    def _touch(self, digest: str) -> None:
        self._touched.add(digest)
        if len(self._touched) >= _TOUCH_GROUP:
            self._flush_touches()

    def _flush_touches(self) -> None:
        """Has uses written that nobody waits for."""
        if self._touched and self._closing is None:
            touched, self._touched = self._touched, set()
            written = self._writer.submit(partial(_touch, digests=touched, now=time.time()))
            written.add_done_callback(lambda done: done.cancelled() or done.exception())


class _Reader:
    """One connection, read in one thread."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._connection = connect(path)
        self._connection.execute("PRAGMA query_only = ON")

    async def read(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._thread, self._run, query)
        except RuntimeError as error:  # the thread has ended
            raise StoreError(
                f"The store {self._path} is closed. Open it again to use it."
            ) from error
        return await reading

    def _run(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        with store_faults(self._path):
            return query(self._connection)

    def close(self) -> None:
        self._thread.shutdown()
        self._connection.close()


def _prepare(path: Path) -> None:
    connection = connect(path)
    try:
        migrate(connection, path)
    finally:
        connection.close()


def _record(
    connection: sqlite3.Connection,
    *,
    verification: Verification,
    digest: str,
    keep_verdict: bool,
    request_id: str | None,
) -> None:
    problem, row = row_of(verification)
    row |= {"digest": digest, "request_id": request_id}
    row["problem"] = _problem_id(connection, problem.key, problem.body)
    connection.execute(_UPSERT, row)
    if keep_verdict:
        connection.execute(_KEEP_VERDICT, (digest, row["verdict"], time.time()))


def _problem_id(connection: sqlite3.Connection, key: bytes, body: bytes) -> int:
    known = connection.execute("SELECT id FROM problems WHERE key = ?", (key,)).fetchone()
    if known is not None:
        return cast("int", known[0])
    added = connection.execute("INSERT INTO problems (key, body) VALUES (?, ?)", (key, body))
    return cast("int", added.lastrowid)


def _touch(connection: sqlite3.Connection, *, digests: set[str], now: float) -> None:
    connection.executemany(
        "UPDATE verdicts SET used = ? WHERE digest = ?", [(now, digest) for digest in digests]
    )


def _verdict(connection: sqlite3.Connection, *, digest: str) -> Verdict | None:
    found = connection.execute(
        "SELECT verdict FROM verdicts WHERE digest = ?", (digest,)
    ).fetchone()
    return None if found is None else verdict_of(found[0])


def _verification(connection: sqlite3.Connection, *, verification_id: str) -> Verification | None:
    found = connection.execute(
        f"SELECT {SELECTED} {_FROM} WHERE v.id = ?", (verification_id,)
    ).fetchone()
    return None if found is None else verification_of(found)


def _by_request_id(
    connection: sqlite3.Connection, *, request_id: str
) -> tuple[Verification, str] | None:
    found = connection.execute(
        f"SELECT v.digest, {SELECTED} {_FROM} WHERE v.request_id = ?", (request_id,)
    ).fetchone()
    return None if found is None else (verification_of(found[1:]), found[0])


def _unfinished(connection: sqlite3.Connection) -> list[tuple[Verification, int]]:
    found = connection.execute(f"SELECT v.begun, {SELECTED} {_FROM} WHERE v.over = 0 ORDER BY v.id")
    return [(verification_of(row), begun) for begun, *row in found]


def _page(
    connection: sqlite3.Connection, *, which: VerificationFilter, size: int, before: str
) -> VerificationPage:
    conditions, values = _conditions(which, before)
    found = connection.execute(
        f"SELECT {SELECTED} {_FROM} WHERE {conditions} ORDER BY v.id DESC", values
    )
    rows: list[Row] = []
    size_bytes = 0
    for row in found:
        size_bytes += _size(row)
        if len(rows) == size or (rows and size_bytes > _PAGE_BYTES):
            return _as_page(rows, next_page_token=_token(rows[-1][0], which))
        rows.append(row)
    return _as_page(rows, next_page_token="")


def _as_page(rows: list[Row], *, next_page_token: str) -> VerificationPage:
    verifications = tuple(verification_of(row) for row in rows)
    return VerificationPage(verifications=verifications, next_page_token=next_page_token)


def _size(row: Row) -> int:
    return sum(len(column) for column in row if isinstance(column, bytes))


def _conditions(which: VerificationFilter, before: str) -> tuple[str, list[str]]:
    """The SQL condition, made of our own words alone, and its values."""
    wanted = {
        "v.problem_id = ?": which.problem_id,
        "v.session_id = ?": which.session_id,
        "v.outcome = ?": "" if which.outcome is None else which.outcome.value,
        "v.id < ?": before,
    }
    asked = {condition: value for condition, value in wanted.items() if value}
    return " AND ".join(asked) or "1", list(asked.values())


def _token(last_id: str, which: VerificationFilter) -> str:
    return base64.urlsafe_b64encode(_filter_key(which) + last_id.encode()).decode()


def _opened_token(token: str, which: VerificationFilter) -> str:
    """The id before which the page begins; empty for the first page."""
    if not token:
        return ""
    try:
        opened = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        key, last_id = opened[:_KEY_BYTES], opened[_KEY_BYTES:].decode("ascii")
    except (UnicodeError, binascii.Error) as error:
        raise _bad_token("is not one of ours. Leave it out to begin anew.") from error
    if key != _filter_key(which) or not last_id:
        raise _bad_token("belongs to another listing. Leave it out, or ask for the same again.")
    return last_id


_KEY_BYTES: Final = 6


def _filter_key(which: VerificationFilter) -> bytes:
    outcome = "" if which.outcome is None else which.outcome.value
    parts = (which.problem_id, which.session_id, outcome)
    return hashlib.sha256(repr(parts).encode()).digest()[:_KEY_BYTES]


def _bad_token(description: str) -> InvalidSpec:
    return InvalidSpec.of([Violation("page_token", description)])


def _prune(connection: sqlite3.Connection, *, keep: int) -> None:
    _prune_verifications(connection, keep)
    connection.execute(
        "DELETE FROM verdicts WHERE rowid IN "
        "(SELECT rowid FROM verdicts ORDER BY used DESC LIMIT ? OFFSET ?)",
        (_PRUNE_STEP, keep),
    )


def _prune_verifications(connection: sqlite3.Connection, keep: int) -> None:
    newest = connection.execute(
        "SELECT id FROM verifications ORDER BY id DESC LIMIT 1 OFFSET ?", (keep,)
    ).fetchone()
    if newest is None:
        return
    gone = connection.execute(
        "SELECT rowid, problem FROM verifications WHERE id <= ? AND over = 1 ORDER BY id LIMIT ?",
        (newest[0], _PRUNE_STEP),
    ).fetchall()
    connection.executemany("DELETE FROM verifications WHERE rowid = ?", [(row,) for row, _ in gone])
    connection.executemany(
        "DELETE FROM problems WHERE id = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM verifications WHERE problem = ?1)",
        {(problem,) for _, problem in gone},
    )
