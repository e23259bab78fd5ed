"""The connection to a process that may say anything, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from sandboxes.lean.steps.connection import MAXIMUM_SAID_BYTES, LeanServer, ServerGone, TooMuchSaid
from sandboxes.lean.steps.framing import Decoder, encode


class Peer:
    """The other end, which says what a test wants it to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._decoder = Decoder()
        self._heard: list[dict[str, Any]] = []

    async def hear(self, method: str) -> dict[str, Any]:
        """The next message of this method."""
        while True:
            for message in self._heard:
                if message["method"] == method:
                    self._heard.remove(message)
                    return message
            self._heard += self._decoder.feed(await self._reader.read(1 << 16))

    def say(self, message: dict[str, Any]) -> None:
        self.writer.write(encode(message))


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[tuple[LeanServer, Peer]]:
    ours, theirs = socket.socketpair()
    mine = await asyncio.open_unix_connection(sock=ours)
    peer = Peer(*await asyncio.open_unix_connection(sock=theirs))
    run: Any = SimpleNamespace(ended=asyncio.get_running_loop().create_future())
    nothing: Any = None
    server = LeanServer(nothing, run, *mine, nothing)
    try:
        yield server, peer
    finally:
        await server.close()
        mine[1].close()
        peer.writer.close()


async def test_diagnostics_are_those_of_the_present_text() -> None:
    async with opened() as (server, peer):
        server.open("theorem")
        server.change({"text": "theorem t"})
        asked = asyncio.ensure_future(server.diagnostics())
        until = await peer.hear("textDocument/waitForDiagnostics")
        assert until["params"]["version"] == 2
        for version in (2, 1, 3, "2"):
            said = {"version": version, "diagnostics": [version]}
            peer.say({"method": "textDocument/publishDiagnostics", "params": said})
        peer.say({"method": "textDocument/publishDiagnostics", "params": ["nonsense"]})
        peer.say({"id": until["id"], "result": {}})
        assert await asked == {"version": 2, "diagnostics": [2]}


async def test_answers_go_to_who_asked() -> None:
    async with opened() as (server, peer):
        one, other = (asyncio.ensure_future(server.goals(line, 0)) for line in (1, 2))
        first, second = [await peer.hear("$/lean/plainGoal") for _ in range(2)]
        peer.say({"id": 99, "result": "nobody asked"})
        peer.say({"id": [1], "result": "nobody asks so"})
        peer.say({"id": second["id"], "result": {"goals": ["two"]}})
        peer.say({"id": second["id"], "result": {"goals": ["said twice"]}})
        peer.say({"id": first["id"], "result": {"goals": ["one"]}})
        assert await one == {"goals": ["one"]}
        assert await other == {"goals": ["two"]}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"Content-Length: 3\r\n\r\nabc", ServerGone, id="nonsense"),
        pytest.param(b"Content-Length: 99999999\r\n\r\n", TooMuchSaid, id="huge-message"),
        pytest.param(
            encode({"method": "x", "params": "y" * (1 << 20)}) * (MAXIMUM_SAID_BYTES >> 20),
            TooMuchSaid,
            id="flood",
        ),
        pytest.param(encode({"id": 1, "error": {"code": 1}}), ServerGone, id="refusal"),
        pytest.param(b"", ServerGone, id="end"),
    ],
)
async def test_what_is_no_answer_ends_the_wait(data: bytes, error: type[ServerGone]) -> None:
    async with opened() as (server, peer):
        asked = asyncio.ensure_future(server.goals(0, 0))
        await peer.hear("$/lean/plainGoal")
        peer.writer.write(data)
        if not data:
            peer.writer.close()
        with pytest.raises(error):
            await asked


async def test_a_process_that_does_not_listen_holds_nobody_up() -> None:
    async with opened() as (server, _):
        for _ in range(50):
            server.change({"text": "x" * (1 << 16)})
        asked = asyncio.ensure_future(server.diagnostics())
        await asyncio.sleep(0.05)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_a_closed_connection_answers_nothing() -> None:
    async with opened() as (server, _):
        asked = asyncio.ensure_future(server.goals(0, 0))
        await asyncio.sleep(0)
        await server.close()
        with pytest.raises(ServerGone):
            await asked
        with pytest.raises(ServerGone):
            server.change({"text": ""})
        assert server.gone
