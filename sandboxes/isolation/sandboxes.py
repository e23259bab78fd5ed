"""Where jails come from in this process: one kind of sandbox, chosen once and tried out."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from sandboxes.isolation.bubblewrap import BubblewrapBackend
from sandboxes.isolation.cgroups import REMEDY as CGROUP_REMEDY
from sandboxes.isolation.cgroups import CgroupSlots, CgroupsUnavailable
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Backend
from sandboxes.isolation.packages import UnusablePackages
from sandboxes.isolation.pool import JailPool, Recycling
from verifier_service.model import MINIMUM_ISOLATION, IsolationUnavailable, SandboxLost

__all__ = ["PLAIN", "SandboxKind", "Sandboxes"]

SandboxKind = Literal["bubblewrap", "docker", "gvisor"]
PLAIN: Final = "python"
"""Label of the environment without packages, where one is needed."""
_RUNTIMES: Final = {"docker": "runc", "gvisor": "runsc"}
_REMEDIES: Final = {
    "seccomp": "Use a machine of x86_64 or aarch64.",
    "memory-exact": CGROUP_REMEDY,
    "processes-exact": CGROUP_REMEDY,
    "memory-sampled": "Run the service where it sees the processes of its sandboxes.",
    "separate-user": "Run the service as root, or set `sandbox` to docker or gvisor.",
    "user-namespace": "Allow user namespaces inside of jails, or set `sandbox` to docker.",
    "user-space-kernel": "Set `sandbox` to gvisor.",
    "container-memory": "Set `sandbox` to docker or gvisor.",
}
_ANY_OTHER: Final = "No sandbox of this service enforces it: correct `minimum_isolation`."


class Sandboxes:
    """Makes pools of jails, each for one environment, and ends them all."""

    def __init__(
        self,
        kind: SandboxKind,
        *,
        minimum: Sequence[str],
        images: Mapping[str, str],
        container_memory_bytes: int,
        recycling: Recycling,
        slots: CgroupSlots | None,
        uncounted: str,
    ) -> None:
        """Made by `create`."""
        self._kind = kind
        self._minimum = minimum
        self._images = images
        self._container_memory_bytes = container_memory_bytes
        self._recycling = recycling
        self._slots = slots
        self._uncounted = uncounted
        self._pools: list[JailPool] = []

    @classmethod
    async def create(
        cls,
        kind: SandboxKind = "bubblewrap",
        *,
        minimum: Sequence[str] = MINIMUM_ISOLATION,
        images: Mapping[str, str] = MappingProxyType({}),
        container_memory_bytes: int = 4 * 1024**3,
        cgroup: str | None = None,
        idle_jails: int = 4,
    ) -> Sandboxes:
        """Finds out what this machine offers.

        Args:
            kind: What keeps jails: namespaces made by bubblewrap, Docker, or Docker with gVisor.
            minimum: Names of what every jail has to enforce (docs/threat-model.md).
            images: For containers: image by the label of an environment, `PLAIN` for the one
                without packages.
            container_memory_bytes: Of each container with all that is in it.
            cgroup: Control group below which those of jails are made; by default the service's own.
            idle_jails: Jails that are kept warm for each purpose: one more than runs at a time
                lets each prepare its next cell while others run.
        """
        slots, uncounted = None, ""
        if kind == "bubblewrap":
            try:
                slots = await asyncio.to_thread(CgroupSlots.find, cgroup)
            except CgroupsUnavailable as error:
                uncounted = str(error)
        return cls(
            kind,
            minimum=minimum,
            images=images,
            container_memory_bytes=container_memory_bytes,
            recycling=Recycling(idle_jails=idle_jails),
            slots=slots,
            uncounted=uncounted,
        )

    async def environment(
        self,
        label: str,
        *choices: Sequence[str],
        files: Sequence[Path] = (),
        placed: Sequence[tuple[Path, Path]] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Interpreter, JailPool]:
        """A pool of jails, and what is in them.

        Args:
            label: Of the environment; empty for the one without packages.
            choices: Packages to be had in it; the first list that can be had counts. A container's
                image has its own.
            files: Further files and folders for its jails, of those that are there, where jails
                have this machine's.
            placed: More of them, each with the path under which jails have it.
            variables: What the first process of its jails finds in its environment, beside what
                Python needs. An image has its own.

        Raises:
            IsolationUnavailable: No such jail can be made here, or none that enforces the minimum;
                the message says what to do.
            UnusablePackages: None of the lists can be had, or there is no image for this label.
        """
        if self._kind == "bubblewrap":
            interpreter = await asyncio.to_thread(
                _first_of, label, choices or [()], files, placed, variables
            )
            backend: Backend = await BubblewrapBackend.create(interpreter, self._slots)
        else:
            interpreter, backend = await self._contained(label)
        pool = JailPool(backend, self._recycling)
        self._pools.append(pool)
        self._check_minimum(backend)
        if len(self._pools) == 1:
            await _attack(backend)
        return interpreter, pool

    async def _contained(self, label: str) -> tuple[Interpreter, Backend]:
        from sandboxes.isolation.docker import ContainerLimits, DockerBackend

        if (image := self._images.get(label or PLAIN)) is None:
            raise UnusablePackages(
                f"There is no image for the environment {label or PLAIN!r}. Name one in "
                "`docker_images`; docs/docker.md says how to build it."
            )
        backend = await DockerBackend.create(
            image,
            runtime=_RUNTIMES[self._kind],
            limits=ContainerLimits(memory_bytes=self._container_memory_bytes),
        )
        return backend.interpreter, backend

    def _check_minimum(self, backend: Backend) -> None:
        missing = [name for name in self._minimum if name not in backend.isolation.enforced]
        if not missing:
            return
        lines = [f"{name}: {self._remedy(name)}" for name in missing]
        raise IsolationUnavailable(
            f"{backend.isolation.backend} does not enforce all of `minimum_isolation` here. "
            + " ".join(lines)
        )

    def _remedy(self, name: str) -> str:
        if name.endswith("-exact") and self._uncounted:
            return self._uncounted
        return _REMEDIES.get(name, _ANY_OTHER)

    async def close(self) -> None:
        """Ends all jails, and what keeps them."""
        await asyncio.gather(*(pool.close() for pool in self._pools))
        if self._slots is not None:
            self._slots.close()


def _first_of(
    label: str,
    choices: Sequence[Sequence[str]],
    files: Sequence[Path],
    placed: Sequence[tuple[Path, Path]],
    variables: Mapping[str, str],
) -> Interpreter:
    *preferred, last = choices
    for packages in preferred:
        with contextlib.suppress(UnusablePackages):
            found = Interpreter.running(label, packages)
            break
    else:
        found = Interpreter.running(label, last)
    return dataclasses.replace(
        found,
        files=(*found.files, *filter(Path.exists, files)),
        packages=(*found.packages, *placed),
        environment={**found.environment, **variables},
    )


async def _attack(backend: Backend) -> None:
    """Makes a few attacks from inside a jail.

    Raises:
        IsolationUnavailable: One of them succeeded, or none could be made.
    """
    from sandboxes.conformance.checks import State
    from sandboxes.conformance.self_test import self_test

    try:
        findings = await self_test(backend)
    except SandboxLost as error:
        raise IsolationUnavailable(f"No attack could be tried out in a jail: {error}") from error
    failed = [one for one in findings if one.state is State.FAILED]
    if failed:
        raise IsolationUnavailable(
            f"{backend.isolation.backend} does not hold here: "
            + "; ".join(f"{one.name}: {one.got}, expected {one.expected}" for one in failed)
            + ". Run `python -m sandboxes.conformance` for all of it; nothing is judged meanwhile."
        )
