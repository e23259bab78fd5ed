"""A process of Lean's language server in a cell of its own, and the requests that it answers.

The words are those of the Language Server Protocol 3.17 and of Lean's extensions to it
(`Lean/Data/Lsp/Extra.lean`: `textDocument/waitForDiagnostics`, `$/lean/plainGoal`). The process is
started as Lean's watchdog starts one for each document, and serves that document alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
from typing import Any, Final, Self

from sandboxes.isolation.capture import Collector
from sandboxes.isolation.jail import Exit, JailedRun, Snapshot
from sandboxes.isolation.pool import Lease
from sandboxes.isolation.watch import limits_of
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.jailed.server import DOCUMENT, reserved_bytes
from sandboxes.lean.plain import PlainRuntime
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.steps.framing import Decoder, ProtocolViolation, encode
from verifier_service.model import Limits, SandboxLost

__all__ = ["LeanServer", "ServerGone", "TooMuchSaid"]

LIBRARY: Final = "sandboxes.lean.jailed.server"
PROGRAM: Final = "sandboxes.lean.jailed.plain_server"
MAXIMUM_SAID_BYTES: Final = 32 * 1024**2
"""What the process may say about one text of the document."""
_WORDS_BYTES: Final = 4096
_CHUNK_BYTES: Final = 1 << 16
_CAPABILITIES: Final = {"lean": {"silentDiagnosticSupport": True}}


class ServerGone(Exception):
    """The process ended, or what it says makes no sense."""


class TooMuchSaid(ServerGone):
    """It said more than is read."""


class LeanServer:
    """One process with one document. What it answers are hints."""

    def __init__(
        self,
        lease: Lease,
        run: JailedRun,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        words: Collector,
    ) -> None:
        """Made by `start`."""
        self._lease = lease
        self._run = run
        self._reader = reader
        self._writer = writer
        self._words = words
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = 0
        self._version = 0
        self._said_bytes = 0
        self._published: object = None
        self._gone: ServerGone | None = None
        self._cleanup = contextlib.AsyncExitStack()
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def start(cls, runtime: LeanRuntime, limits: Limits) -> Self:
        """Starts a process.

        Args:
            runtime: With the jails and the Lean.
            limits: CPU of its whole life, memory, and threads.

        Raises:
            SandboxLost: There is no jail to be had.
        """
        async with contextlib.AsyncExitStack() as made:
            role = _program(runtime.environment) if isinstance(runtime, PlainRuntime) else LIBRARY
            lease = await made.enter_async_context(runtime.jails.lease(role))
            words = Collector(
                keep_bytes=_WORDS_BYTES,
                flood_bytes=MAXIMUM_SAID_BYTES,
                on_flood=lambda: run.kill(),
            )
            made.callback(words.close)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            made.callback(ours.close)
            with theirs:
                reader, writer = await asyncio.open_unix_connection(sock=ours)
                made.callback(writer.transport.abort)  # nobody waits for what was not taken
                end = theirs.fileno()
                fds = {"stdin": end, "stdout": end, "stderr": words.write_fd}
                run = await lease.start(role.partition(":")[0], fds=fds, limits=limits_of(limits))
            words.close_write_end()
            server = cls(lease, run, reader, writer, words)
            server._cleanup = made.pop_all()
        return server

    @property
    def gone(self) -> bool:
        """Whether it will answer nothing any more."""
        return self._gone is not None or self._run.ended.done()

    def snapshot(self) -> Snapshot:
        """What its process has used so far."""
        return self._lease.snapshot()

    def open(self, text: str) -> None:
        """Introduces us, and opens the document; returns at once.

        Raises:
            ServerGone: It has ended.
        """
        self._send("initialize", {"capabilities": _CAPABILITIES}, number=0)
        self._version = 1
        document = {"uri": DOCUMENT, "languageId": "lean4", "version": 1, "text": text}
        opened = {"textDocument": document, "dependencyBuildMode": "never"}
        self._send("textDocument/didOpen", opened)

    def change(self, change: dict[str, Any]) -> None:
        """Changes the document; what it still elaborates of the former text is given up.

        Returns at once, even where the process does not listen.

        Raises:
            ServerGone: It has ended.
        """
        self._version += 1
        self._said_bytes, self._published = 0, None
        document = {"uri": DOCUMENT, "version": self._version}
        changed = {"textDocument": document, "contentChanges": [change]}
        self._send("textDocument/didChange", changed)

    async def diagnostics(self) -> object:
        """All that it says about the document as it is, once that is elaborated to its end.

        Raises:
            ServerGone: It has ended.
        """
        until = {"uri": DOCUMENT, "version": self._version}
        await self._answer("textDocument/waitForDiagnostics", until)
        return self._published or {"diagnostics": []}

    async def goals(self, line: int, column: int) -> object:
        """The goals at a place of the document; an answer to `$/lean/plainGoal`.

        Raises:
            ServerGone: It has ended.
        """
        place = {"line": line, "character": column}
        return await self._answer(
            "$/lean/plainGoal", {"textDocument": {"uri": DOCUMENT}, "position": place}
        )

    async def ended(self) -> tuple[Exit, str]:
        """Ends the process, if it has not; how it ended, and what it said outside of the protocol.

        Raises:
            SandboxLost: Its jail went first, or it ended before it had begun.
        """
        self._run.kill()
        ended = await asyncio.shield(self._run.ended)
        said = bytes(self._words.data).decode("utf-8", "replace").strip()
        if not ended.begun:
            raise SandboxLost(f"Lean's server ended before it had begun: {ended}. {said}".strip())
        return ended, said

    async def close(self) -> None:
        """Ends the process; when it returns, it is gone. May be repeated."""
        self._lose(ServerGone("It was closed."))
        self._reading.cancel()
        await self._cleanup.aclose()

    async def _answer(self, method: str, parameters: dict[str, Any]) -> Any:
        self._numbers += 1
        number = self._numbers
        waiting = asyncio.get_running_loop().create_future()
        waiting.add_done_callback(_look_at)
        self._waiting[number] = waiting
        try:
            self._send(method, parameters, number=number)
            await self._drain()
            return await waiting
        finally:
            del self._waiting[number]

    def _send(self, method: str, parameters: dict[str, Any], *, number: int | None = None) -> None:
        if self._gone is not None:
            raise self._gone
        numbered = {} if number is None else {"id": number}
        self._writer.write(encode({**numbered, "method": method, "params": parameters}))

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            self._lose(ServerGone("It does not listen any more."))
            raise ServerGone("It does not listen any more.") from error

    async def _read(self) -> None:
        """Hears what it says, until it says nothing more."""
        decoder = Decoder()
        try:
            while data := await self._reader.read(_CHUNK_BYTES):
                self._said_bytes += len(data)
                if self._said_bytes > MAXIMUM_SAID_BYTES:
                    raise TooMuchSaid("It said more than is read.")
                for message in decoder.feed(data):
                    self._hear(message)
            self._lose(ServerGone("It has ended."))
        except OSError:
            self._lose(ServerGone("It has ended."))
        except ProtocolViolation as error:
            self._lose(TooMuchSaid(str(error)) if error.too_long else ServerGone(str(error)))
        except ServerGone as error:
            self._lose(error)
        finally:
            self._lose(ServerGone("It is not heard any more."))

    def _hear(self, message: dict[str, Any]) -> None:
        """Takes in a message; what we did not ask for is no concern of ours."""
        if "method" not in message:
            number = message.get("id")
            waiting = self._waiting.get(number) if isinstance(number, int) else None
            if waiting is None or waiting.done():
                return
            if "error" in message:
                waiting.set_exception(
                    ServerGone(f"It refused a request: {message['error']!r:.500}")
                )
            else:
                waiting.set_result(message.get("result"))
        elif message["method"] == "textDocument/publishDiagnostics":
            said = message.get("params")
            if isinstance(said, dict) and said.get("version") == self._version:
                self._published = said

    def _lose(self, how: ServerGone) -> None:
        if self._gone is None:
            self._gone = how
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(how)


@functools.cache
def _program(environment: LeanEnvironment) -> str:
    """What a jail has imported that starts the program of an environment."""
    modules = (each for folder in environment.lean_path for each in folder.rglob("*.olean*"))
    told = {
        "application": str(environment.binary),
        "path": ":".join(map(str, environment.lean_path)),
        "reserved_bytes": reserved_bytes + sum(each.stat().st_size for each in modules),
    }
    return f"{PROGRAM}:{json.dumps(told)}"


def _look_at(waiting: asyncio.Future[Any]) -> None:
    """Marks an exception as seen: who asked may have been told otherwise."""
    if not waiting.cancelled():
        waiting.exception()
