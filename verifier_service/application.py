"""The composition root: reads the settings and wires the parts; nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from verifier_service import __version__
from verifier_service.engine import Engine, Policy
from verifier_service.model import Executor
from verifier_service.server import VerifierServer, configure_logging
from verifier_service.server.logs import get_logger
from verifier_service.settings import InvalidSettings, Settings
from verifier_service.store import VerdictStore
from verifier_service.store.sqlite import SqliteStore

__all__ = ["Application", "application", "build_executors", "policy_of", "serve"]

_ANSWERING_SECONDS: Final = 2.0
"""Given to calls to carry off their last answers, once nothing runs any more."""

_CONTAINERS_OWN_BYTES: Final = 1024**3
"""Memory of a container beyond what the largest run may have: our processes, gVisor's kernel."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The parts of a service in this process."""

    settings: Settings
    executors: tuple[Executor, ...]
    engine: Engine


async def build_executors(settings: Settings) -> list[Executor]:
    """Everything that judges candidates here. This is the one place to wire an executor in.

    Raises:
        InvalidSettings: A package of an environment can't be used.
        IsolationUnavailable: This machine offers no sandbox that may be used.
    """
    from sandboxes.isolation.packages import UnusablePackages
    from sandboxes.isolation.sandboxes import Sandboxes
    from sandboxes.logic import LogicExecutor
    from sandboxes.python_tests import PythonTestsExecutor

    async with contextlib.AsyncExitStack() as made:
        sandboxes = await Sandboxes.create(
            settings.sandbox,
            minimum=settings.minimum_isolation,
            images=settings.docker_images,
            container_memory_bytes=settings.maximum_limits.memory_bytes + _CONTAINERS_OWN_BYTES,
            cgroup=settings.cgroup,
            idle_jails=settings.slots + 1,
        )
        made.push_async_callback(sandboxes.close)
        try:
            python = await PythonTestsExecutor.create(
                settings.python_environments, sandboxes, owns_sandboxes=True
            )
        except UnusablePackages as error:
            raise InvalidSettings(f"python_environments: {error}") from error
        executors: list[Executor] = [python]
        try:
            executors.append(await LogicExecutor.create(sandboxes))
        except UnusablePackages as error:
            _log.warning("logic is not offered", reason=str(error))
        made.pop_all()
    return executors


@contextlib.asynccontextmanager
async def application(
    settings: Settings, executors: Sequence[Executor] | None = None
) -> AsyncIterator[Application]:
    """The service inside this process, beside any server that uses the same store.

    All that it runs is ended with the block.

    Args:
        settings: What the operator set.
        executors: Instead of those that the settings ask for.

    Raises:
        StoreError: The store can't be opened.
        InvalidSettings: A package of an environment can't be used.
        IsolationUnavailable: This machine offers no sandbox that may be used.
    """
    async with _wired(settings, executors, SqliteStore.open(settings.store_path)) as parts:
        yield parts


async def serve(
    settings: Settings,
    executors: Sequence[Executor] | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Runs the server until SIGTERM or SIGINT, then drains; a second signal stops it at once.

    Takes up what a former server on the store left unfinished. To be run in the main thread.

    Args:
        settings: What the operator set.
        executors: Instead of those that the settings ask for.
        ready: Called with the address, its real port included, once calls are answered.

    Raises:
        InvalidSettings: The address, its credentials or an environment can't be used.
        CannotListen: The address is taken.
        StoreError: The store can't be opened, or another server has it.
        IsolationUnavailable: This machine offers no sandbox that may be used.
    """
    configure_logging(settings.log_format, settings.log_level)
    with _signals() as signals:
        store = SqliteStore.open(settings.store_path, exclusive=True)
        async with _wired(settings, executors, store) as parts:
            server = VerifierServer(parts.engine, settings)
            await server.bind()  # a server that can't listen must not begin any run
            await parts.engine.recover()
            async with server:
                _log.info("serving", address=server.address, version=__version__)
                if ready is not None:
                    ready(server.address)
                await signals.first.wait()
                await _drain(server, settings.drain_seconds, signals)
    _log.info("stopped")


@contextlib.asynccontextmanager
async def _wired(
    settings: Settings, executors: Sequence[Executor] | None, store: VerdictStore
) -> AsyncIterator[Application]:
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        chosen = tuple(await build_executors(settings) if executors is None else executors)
        for executor in chosen:
            stack.push_async_callback(executor.close)
        engine = Engine(executors=chosen, store=store, policy=policy_of(settings))
        stack.pop_all()  # theirs to end is the engine's from here
        try:
            yield Application(settings=settings, executors=chosen, engine=engine)
        finally:
            await engine.close()


def policy_of(settings: Settings) -> Policy:
    """What the settings say to the engine."""
    return Policy(
        slots=settings.slots,
        default_limits=settings.default_limits.limits(),
        maximum_limits=settings.maximum_limits.limits(),
        max_queued=settings.max_queued,
        maximum_batch_size=settings.maximum_batch_size,
        maximum_candidate_bytes=settings.maximum_candidate_bytes,
        keep_verifications=settings.keep_verifications,
        version=__version__,
        worker=platform.node(),
    )


@dataclass(frozen=True, slots=True)
class _Signals:
    first: asyncio.Event
    second: asyncio.Event

    def count(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


@contextlib.contextmanager
def _signals() -> Iterator[_Signals]:
    """Listens for SIGTERM and SIGINT, from before anything starts until all has ended."""
    loop = asyncio.get_running_loop()
    signals = _Signals(asyncio.Event(), asyncio.Event())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.count)
    try:
        yield signals
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _drain(server: VerifierServer, grace_seconds: float, signals: _Signals) -> None:
    _log.info("draining", seconds=grace_seconds)
    draining = asyncio.create_task(_end_gracefully(server, grace_seconds))
    hurrying = asyncio.create_task(signals.second.wait())
    try:
        await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (draining, hurrying):
            task.cancel()
        await asyncio.wait({draining, hurrying})
    if not draining.cancelled():
        draining.result()


async def _end_gracefully(server: VerifierServer, grace_seconds: float) -> None:
    await server.drain(grace_seconds)
    await server.stop(_ANSWERING_SECONDS)
