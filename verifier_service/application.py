"""The composition root: reads the settings and wires the parts; nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import signal
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from verifier_service import __version__
from verifier_service.calibrations import UnusableCalibrations, read_calibrations
from verifier_service.engine import Engine, Policy
from verifier_service.engine.calibration import Calibration
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.engine.lean_steps import step_sessions
from verifier_service.model import Executor
from verifier_service.server import VerifierServer, configure_logging
from verifier_service.server.logs import get_logger
from verifier_service.settings import InvalidSettings, Settings
from verifier_service.store import VerdictStore
from verifier_service.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from sandboxes.isolation.sandboxes import Sandboxes
    from sandboxes.lean.steps.sessions import StepSessions

__all__ = ["Application", "application", "built_executors", "policy_of", "serve"]

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
    steps: StepSessions
    """Step sessions of Lean."""


@contextlib.asynccontextmanager
async def built_executors(
    settings: Settings, criteria: Collection[str] | None = None
) -> AsyncIterator[tuple[Executor, ...]]:
    """What judges candidates here, until the block is left.

    This is the one place to wire an executor in.

    Args:
        settings: What the operator set.
        criteria: Kinds of problem that will be asked about; None means all.

    Raises:
        InvalidSettings: A package of an environment can't be used.
        IsolationUnavailable: This machine offers no sandbox that may be used.
    """
    from sandboxes.isolation.sandboxes import Sandboxes

    sandboxes = await Sandboxes.create(
        settings.sandbox,
        minimum=settings.minimum_isolation,
        images=settings.docker_images,
        container_memory_bytes=settings.maximum_limits.memory_bytes + _CONTAINERS_OWN_BYTES,
        cgroup=settings.cgroup,
        idle_jails=settings.slots + 1,
    )
    try:
        # All of them to their ends: what is still being made when another fails can't be closed.
        made = await asyncio.gather(
            *(
                build(settings, sandboxes)
                for criterion, build in _EXECUTORS.items()
                if criteria is None or criterion in criteria
            ),
            return_exceptions=True,
        )
        for one in made:
            if isinstance(one, BaseException):
                raise one
        yield tuple(one for one in made if one is not None and not isinstance(one, BaseException))
    finally:
        await sandboxes.close()


async def _python_tests(settings: Settings, sandboxes: Sandboxes) -> Executor:
    from sandboxes.isolation.packages import UnusablePackages
    from sandboxes.python_tests import PythonTestsExecutor

    try:
        return await PythonTestsExecutor.create(settings.python_environments, sandboxes)
    except UnusablePackages as error:
        setting = "python_environments" if settings.sandbox == "bubblewrap" else "docker_images"
        raise InvalidSettings(f"{setting}: {error}") from error


async def _logic(_: Settings, sandboxes: Sandboxes) -> Executor | None:
    from sandboxes.isolation.packages import UnusablePackages
    from sandboxes.logic import LogicExecutor

    try:
        return await LogicExecutor.create(sandboxes)
    except UnusablePackages as error:
        _log.warning("logic is not offered", reason=str(error))
        return None


async def _lean(settings: Settings, sandboxes: Sandboxes) -> Executor | None:
    from sandboxes.isolation.packages import UnusablePackages
    from sandboxes.lean import LeanExecutor
    from sandboxes.lean.environments import LeanUnavailable
    from sandboxes.lean.plain import open_runtime
    from sandboxes.lean.remote import RemoteRuntime
    from sandboxes.lean.toolchains import find_environments, usable_environments

    try:
        found = await asyncio.to_thread(
            find_environments,
            settings.lean_environments,
            discover=settings.lean_discovery,
            cache=settings.lean_cache,
        )
        environments = usable_environments(found)
    except LeanUnavailable as error:
        raise InvalidSettings(str(error)) from error
    for one in found:
        if one.environment is None and not one.absent:
            _log.warning("a Lean is not offered", place=one.place, reason=one.reason)
    runtimes = []
    for environment in environments:
        try:
            runtimes.append(await open_runtime(environment, sandboxes))
        except (LeanUnavailable, UnusablePackages) as error:
            label = environment.name.removeprefix("lean4-")
            if label in settings.lean_environments:
                raise InvalidSettings(f"lean_environments.{label}: {error}") from error
            _log.warning("a Lean is not offered", environment=environment.name, reason=str(error))
    for label, remote in settings.lean_remotes.items():
        try:
            opened = await RemoteRuntime.open(
                label, remote.kind, remote.url, version=remote.version, token=remote.token()
            )
        except LeanUnavailable as error:
            raise InvalidSettings(f"lean_remotes.{label}: {error}") from error
        if opened.environment.name in {one.environment.name for one in runtimes}:
            raise InvalidSettings(
                f"lean_remotes.{label}: There is another {opened.environment.name}. Rename it."
            )
        runtimes.append(opened)
    return LeanExecutor(runtimes) if runtimes else None


_EXECUTORS: Final = {"python_tests": _python_tests, "logic": _logic, "lean_theorem": _lean}


@contextlib.asynccontextmanager
async def application(
    settings: Settings,
    executors: Sequence[Executor] | None = None,
    criteria: Collection[str] | None = None,
) -> AsyncIterator[Application]:
    """The service inside this process, beside any server that uses the same store.

    All that it runs is ended with the block.

    Args:
        settings: What the operator set.
        executors: Instead of those that the settings ask for.
        criteria: Kinds of problem that will be asked about, where not all will be.

    Raises:
        StoreError: The store can't be opened.
        InvalidSettings: A package of an environment can't be used.
        IsolationUnavailable: This machine offers no sandbox that may be used.
    """
    store = SqliteStore.open(settings.store_path)
    async with _wired(settings, executors, store, criteria) as parts:
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
            repairs = LeanRepairs(parts.engine)
            server = VerifierServer(parts.engine, settings, steps=parts.steps, repairs=repairs)
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
    settings: Settings,
    executors: Sequence[Executor] | None,
    store: VerdictStore,
    criteria: Collection[str] | None = None,
) -> AsyncIterator[Application]:
    async with contextlib.AsyncExitStack() as sandboxes:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(store.close)
            policy = policy_of(settings)
            if executors is None:
                executors = await sandboxes.enter_async_context(built_executors(settings, criteria))
            chosen = tuple(executors)
            for executor in chosen:
                stack.push_async_callback(executor.close)
            engine = Engine(executors=chosen, store=store, policy=policy)
            stack.pop_all()  # theirs to end is the engine's from here
        try:
            steps = step_sessions(
                engine,
                maximum_sessions=settings.maximum_step_sessions,
                idle_seconds=settings.step_idle_seconds,
            )
            yield Application(settings=settings, executors=chosen, engine=engine, steps=steps)
        finally:
            await engine.close()


def policy_of(settings: Settings) -> Policy:
    """What the settings say to the engine.

    Raises:
        InvalidSettings: The file of calibrations can't be used.
    """
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
        calibrations=_calibrations(settings),
    )


def _calibrations(settings: Settings) -> tuple[Calibration, ...]:
    if settings.calibrations is None:
        return ()
    try:
        return read_calibrations(settings.calibrations)
    except UnusableCalibrations as error:
        raise InvalidSettings(f"calibrations: {error}") from error


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
