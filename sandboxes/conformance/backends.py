"""Backends by name: those of this project, and anybody's."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

from sandboxes.conformance.checks import Subject
from sandboxes.isolation.bubblewrap import BubblewrapBackend
from sandboxes.isolation.cgroups import CgroupSlots, CgroupsUnavailable
from sandboxes.isolation.host_processes import descendants
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Backend
from sandboxes.isolation.pool import JailPool
from sandboxes.python_tests import PythonTestsExecutor

__all__ = ["NAMES", "UnknownBackend", "subject_of"]


class UnknownBackend(ValueError):
    """There is no such backend; the message says how they are named."""


async def _bubblewrap(_: str, kept: AsyncExitStack) -> Backend:
    slots = None
    with contextlib.suppress(CgroupsUnavailable):
        slots = await asyncio.to_thread(CgroupSlots.find)
        kept.callback(slots.close)
    return await BubblewrapBackend.create(Interpreter.running(), slots)


async def _docker(image: str, _: AsyncExitStack, runtime: str = "runc") -> Backend:
    from sandboxes.isolation.docker import DockerBackend

    return await DockerBackend.create(image, runtime=runtime)


NAMES: Final[dict[str, Callable[[str, AsyncExitStack], Awaitable[Backend]]]] = {
    "bubblewrap": _bubblewrap,
    "docker": _docker,
    "docker-runsc": functools.partial(_docker, runtime="runsc"),
}
"""Backends of this project."""


@contextlib.asynccontextmanager
async def subject_of(name: str, *, image: str = "") -> AsyncIterator[Subject]:
    """A backend and an executor on it, which end when the block is left.

    Args:
        name: One of `NAMES`, or `package.module:factory`. A factory takes nothing and returns a
            `Backend`, or an awaitable of one. Where the Python in its jails is not the one that
            runs this, it has an attribute `interpreter` that describes it.
        image: Worker image, for containers.

    Raises:
        UnknownBackend: There is none of this name.
        IsolationUnavailable: It can't be had on this machine.
    """
    others = frozenset(descendants(os.getpid()))
    async with AsyncExitStack() as kept:
        if name in NAMES:
            backend = await NAMES[name](image, kept)
        else:
            made = _factory(name)()
            backend = await made if inspect.isawaitable(made) else made
        jails = JailPool(backend)
        kept.push_async_callback(jails.close)
        interpreter = getattr(backend, "interpreter", None) or Interpreter.running()
        executor = PythonTestsExecutor([(interpreter, jails)])
        kept.push_async_callback(executor.close)
        yield Subject(backend=backend, jails=jails, executor=executor, others=others)


def _factory(name: str) -> Callable[[], Backend | Awaitable[Backend]]:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise UnknownBackend(
            f"There is no backend {name!r}. Name one of {', '.join(NAMES)}, or your own as "
            "`package.module:factory`."
        )
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownBackend(f"The backend {name!r} can't be imported: {error}.") from error
    if not callable(factory):
        raise UnknownBackend(f"{name!r} is not a function that makes a backend.")
    return factory  # type: ignore[no-any-return]
