"""A server process that can be killed, and started again on the same store."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lean_cache import LEAN_CACHE
from tests.soak.machine import Process, is_limited, processes_below

__all__ = ["JournalEntry", "Resources", "Server", "running"]

ROOT: Final = Path(__file__).parent.parent.parent
ENDING_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Resources:
    """What the server holds while nothing runs."""

    descriptors: int
    threads: int
    resident_mebibytes: int


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A run that began, or reached a verdict."""

    server: int
    """Its pid."""
    event: str
    candidate: str


class Server:
    """The real service on a unix socket, with temporary files, home and store in one folder."""

    def __init__(self, folder: Path, **settings: object) -> None:
        for name in ("home", "temporary", "working"):
            (folder / name).mkdir()
        self.folder = folder
        self.store = folder / "store.sqlite3"
        self.address = f"unix:{folder}/socket"
        self._settings = json.dumps(
            {
                "address": self.address,
                "store_path": str(self.store),
                "log_format": "json",
                **settings,
            }
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Starts it; returns once it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *("-W", "always::ResourceWarning", "-W", "always::RuntimeWarning"),
                    *("-m", "tests.soak.served", self._settings, str(self.folder / "journal")),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder / "working",
                env={
                    "HOME": str(self.folder / "home"),
                    "PATH": os.environ["PATH"],
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "PYTHONPATH": str(ROOT),
                    "TMPDIR": str(self.folder / "temporary"),
                    **LEAN_CACHE,
                },
            )
        assert self.process.stdout is not None
        with self.process.stdout as said:
            assert said.readline().decode().strip() == self.address, self.log()

    def kill(self) -> None:
        """Ends the server itself, and nothing else, in the middle of whatever it does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def terminate(self) -> int:
        """Asks it to end; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, ENDING_SECONDS)

    def jailed(self) -> set[Process]:
        """Processes of runs: with its order, each gets a limit on CPU time, and what it starts too.

        Warm jails have further ones, which serve one run after another.
        """
        return {one for one in processes_below(self.pid) if is_limited(one)}

    def resources(self) -> Resources:
        own = Path(f"/proc/{self.pid}")
        status = dict(line.split(":", 1) for line in (own / "status").read_text().splitlines())
        return Resources(
            descriptors=len(list((own / "fd").iterdir())),
            threads=int(status["Threads"]),
            resident_mebibytes=int(status["VmRSS"].split()[0]) // 1024,
        )

    def files(self) -> set[str]:
        """Everything in its folder."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}

    def journal(self) -> list[JournalEntry]:
        """What its executor did, over all its lives."""
        lines = (self.folder / "journal").read_text().splitlines()
        return [JournalEntry(int(pid), event, name) for pid, event, name in map(str.split, lines)]

    def log(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    def complaints(self) -> list[str]:
        """Lines of its log, over all its lives, that tell of trouble."""
        return [line for line in self.log() if not _is_ordinary(line)]


def _is_ordinary(line: str) -> bool:
    try:
        return bool(json.loads(line)["level"] in ("debug", "info"))
    except (ValueError, KeyError):
        return False


@contextmanager
def running(folder: Path, **settings: object) -> Iterator[Server]:
    """A server that has started, and is gone with the block, if need be by force."""
    server = Server(folder, **settings)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
