"""Opening a database file: whose it is, which version it has, who else has it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Final

from verifier_service.store import StoreError

__all__ = ["connect", "lock", "migrate", "migrations", "store_faults"]

_APPLICATION_ID: Final = 0x4E53_5631
"""Says in the file's header that it is ours: "NSV1"."""
_BUSY_SECONDS: Final = 10.0
"""How long a write waits for another process's."""


@contextmanager
def store_faults(path: Path) -> Iterator[None]:
    """Makes a `StoreError` that names the file of any error of SQLite or of the system."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The store {path} failed: {error}. {_way_out(error)}") from error


def _way_out(error: sqlite3.Error | OSError) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return "It is not an SQLite database; choose another path, or move the file away."
        case sqlite3.SQLITE_CORRUPT:
            return "The file is damaged; move it away, or recover it with `sqlite3 FILE .recover`."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "Another process holds it for too long; end that process, or retry."
        case sqlite3.SQLITE_CONSTRAINT:
            return (
                "What was to be written contradicts what is kept; this is a bug, please report it."
            )
        case sqlite3.SQLITE_FULL:
            return "Free some space on that file system."
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return "Choose a path in a directory that this user may write to."
        case _:
            return "Choose a path on a local disk that this user may write to."


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits each statement by itself unless told to begin.

    It may be used by one thread at a time, whichever that is.
    """
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def migrations() -> list[str]:
    """The scripts that lead from an empty file to the present version, one version each."""
    folder = resources.files("verifier_service.store") / "migrations"
    scripts = (entry for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [entry.read_text("utf-8") for entry in sorted(scripts, key=lambda entry: entry.name)]


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Brings the file to the present version; any number of processes may try at once.

    Raises:
        StoreError: The file is another program's, or of a newer version, or can't use a
            write-ahead log.
    """
    _check_owner(connection, path)
    _use_write_ahead_log(connection, path)
    scripts = migrations()
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(connection, "user_version")
        if version > len(scripts):
            raise StoreError(
                f"The store {path} has version {version}, and this program knows versions up to "
                f"{len(scripts)}. Upgrade the program, or choose another path."
            )
        for script in scripts[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        if version < len(scripts):
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the first error is the one that counts
            connection.execute("ROLLBACK")
        raise


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and _pragma(connection, "application_id") != _APPLICATION_ID:
        raise StoreError(f"The store {path} is a database of another program. Choose another path.")


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    """Switches to WAL, which SQLite refuses without waiting while others open the file too."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise StoreError(
            f"The store {path} can't use a write-ahead log there, as on a network file system. "
            "Choose a path on a local disk."
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def lock(path: Path) -> int:
    """Holds the file `PATH.lock` for this process until the descriptor returned is closed.

    Raises:
        StoreError: Another process holds it.
    """
    name = path.with_name(path.name + ".lock")
    descriptor = os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise StoreError(
            f"The store {path} is in use by another server (process {holder or 'unknown'}), which "
            f"holds {name}. Stop that server, or choose another path."
        ) from error
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
