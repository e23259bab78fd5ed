"""A real server on a unix socket, with the real engine and store, and a scripted executor."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.server.scripted import ScriptedExecutor
from verifier_service.application import application
from verifier_service.engine import Engine
from verifier_service.server import VerifierServer
from verifier_service.settings import Settings
from verifier_service.v1 import verifier_pb2_grpc

if TYPE_CHECKING:  # in the stubs only
    Stub = verifier_pb2_grpc.VerifierServiceAsyncStub

CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Gives pytest its logging back."""
    loggers = [logging.getLogger(name) for name in ("", "verifier_service", "sandboxes")]
    handlers, levels = loggers[0].handlers[:], [logger.level for logger in loggers]
    yield
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@dataclass
class Service:
    """A running service, and a channel to it."""

    executor: ScriptedExecutor
    engine: Engine
    server: VerifierServer
    channel: grpc.aio.Channel
    stub: Stub


Serve = Callable[..., Awaitable[Service]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts a service with settings of the test's."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Service:
            chosen = {
                "address": f"unix:{tmp_path}/verifier.sock",
                "store_path": tmp_path / "store.sqlite3",
                "slots": 4,
                **settings,
            }
            executor = ScriptedExecutor()
            app = await stack.enter_async_context(application(Settings(**chosen), [executor]))
            server = await stack.enter_async_context(VerifierServer(app.engine, app.settings))
            channel = await stack.enter_async_context(
                grpc.aio.insecure_channel(server.address, options=CHANNEL_OPTIONS)
            )
            stub = verifier_pb2_grpc.VerifierServiceStub(channel)
            return Service(executor, app.engine, server, channel, stub)

        yield start


@pytest.fixture
async def service(serve: Serve) -> Service:
    """A service with default settings."""
    return await serve()
