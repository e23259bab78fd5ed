"""Jails that are containers of a Docker engine, run by `runc` or by gVisor's `runsc`.

A container is made once per jail, and its first process is the zygote that makes a cell for each
run: never is a container made, or a command executed in one, for a candidate. The engine starts
and removes containers; everything else goes over a socket that the zygote is handed through a
folder mounted into the container (`jailed/container.py`), file descriptors of runs included.

gVisor takes file descriptors from the host too, where its runtime is told to let containers
connect to sockets of the host.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import socket
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandboxes.isolation import seccomp
from sandboxes.isolation.docker_reaper import LABEL, Owner, reap, remove
from sandboxes.isolation.docker_seccomp import jail_profile
from sandboxes.isolation.host_processes import (
    descendants,
    process_snapshot,
    scheduling_is_known,
)
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Isolation, JailedRun, ProcessLimits, Snapshot
from sandboxes.isolation.jailed.container import MEETING_POINT, digest_of_sources
from sandboxes.isolation.zygote_jail import ZygoteJail
from verifier_service.model import IsolationUnavailable, SandboxLost

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["ContainerLimits", "DockerBackend"]

ENTRY: Final = "sandboxes.isolation.jailed.container"
_ROOT: Final = Path(__file__).resolve().parents[2]
NOTHING: Final = "sandboxes.isolation.jailed.nothing"
_EMPTY: Final = ("/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/pts")
"""What the engine mounts into every container, and no run has a use for. gVisor has its own."""
_TMP_OPTIONS: Final = "size=67108864,nr_inodes=65536,mode=1777"
_GUEST_CAPABILITIES: Final = ["SETUID", "SETGID", "SYS_ADMIN"]
"""Of the zygote in gVisor, over gVisor's own kernel: it has none over the host's."""
_KERNEL_BYTES: Final = 128 * 1024**2
"""What gVisor's kernel may take during a run beside the run's memory: its heap, cached files."""
_ZERO_LIMITS: Final = ("core", "memlock", "msgqueue", "nice", "rtprio")
_MEETING_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.2
_MAX_DESCRIPTION_BYTES: Final = 65536
INSTALL: Final = (
    "Install and start one: on Debian `apt install docker.io`, then `systemctl start docker`, or "
    "`dockerd` as root where there is no systemd. Set DOCKER_HOST where it is not at the usual "
    "place. The user of this service must be allowed to use it."
)
GVISOR: Final = (
    "Install gVisor (`apt install runsc`) and name it in the engine's configuration, "
    '/etc/docker/daemon.json: {"runtimes": {"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": '
    '["--network=none", "--host-uds=open"]}}}. Then restart the engine.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLimits:
    """Limits on a whole container, beyond those of each run."""

    memory_bytes: int = 4 * 1024**3
    """Of all processes and files, gVisor's own kernel included. It must leave room beyond the
    largest memory limit of a run: a container that comes to it is lost, and no verdict."""
    processes: int = 4096
    """Host processes and threads. gVisor's kernel ends when it gets none, so this is far beyond
    what runs may have."""
    cpus: float = 2.0


class DockerBackend:
    """Opens hardened containers of one image.

    Make one by `create`; `interpreter` describes what the image holds.
    """

    def __init__(
        self, engine: DockerClient, image: str, runtime: str, limits: ContainerLimits
    ) -> None:
        self._engine = engine
        self._image = image
        self._runtime = runtime
        self._in_gvisor = runtime.startswith("runsc")
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="docker")
        self._containers: set[_Container] = set()
        self._jail_filter = (seccomp.jail_program() or b"").hex()
        self._cell_filter = (seccomp.cell_program(shares_devices=self._in_gvisor) or b"").hex()
        self.interpreter: Interpreter
        self._sees_processes = False
        about = engine.info()
        self._maps_users = any(
            name in option for option in about["SecurityOptions"] for name in ("userns", "rootless")
        )
        self._options = self._hardening(limits, cores=about["NCPU"])

    @classmethod
    async def create(
        cls,
        image: str,
        *,
        runtime: str = "runc",
        engine: DockerClient | None = None,
        limits: ContainerLimits | None = None,
    ) -> DockerBackend:
        """Looks at an engine and an image, removes what a killed service left, and tries it out.

        Args:
            image: Name or id of a worker image; docs/docker.md says how to build one.
            runtime: As the engine's configuration names it: "runc", or "runsc" for gVisor.
            engine: By default the one that `DOCKER_HOST` names, else the local one. It belongs to
                the backend from here on.
            limits: On each container.

        Raises:
            IsolationUnavailable: No engine, runtime or image, or they can't make a jail here. The
                message says what to do.
        """
        chosen = await asyncio.to_thread(_local_engine) if engine is None else engine
        try:
            backend = await asyncio.to_thread(_checked, chosen, image, runtime, limits)
        except BaseException:
            chosen.close()
            raise
        try:
            await backend.try_out()
        except BaseException:
            backend.close()
            raise
        return backend

    @property
    def isolation(self) -> Isolation:
        """What its containers enforce."""
        layers = (
            *(("user-space-kernel",) if self._in_gvisor else ()),
            "pid-namespace",
            "mount-namespace",
            "no-network",
            "ipc-namespace",
            "user-namespace",
            "separate-user",
            "no-capabilities",
            "no-new-privileges",
            "read-only-files",
            "private-tmp",
            "empty-environment",
            *(("seccomp",) if self._cell_filter else ()),
            "cpu-time",
            "wall-time",
            "memory-per-process",
            *(("memory-sampled",) if self._sees_processes else ()),
            "container-memory",
            "process-count",
            "output-size",
            "file-size",
        )
        return Isolation(backend=f"docker/{self._runtime}", enforced=layers)

    def open(self, *modules: str) -> ZygoteJail:
        """Starts a container whose zygote has imported these modules of ours."""
        user = str(self._unused_user()) if self._in_gvisor else "-"
        arguments = [self._jail_filter, user, self._cell_filter]
        arguments += [*self.interpreter.preload, *modules]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            container = self._contain("main", arguments)
        except OSError as error:
            ours.close()
            theirs.close()
            raise SandboxLost(f"A container could not be prepared: {error}.") from error
        container.hand_over(theirs)
        return (_SentryJail if self._in_gvisor else ZygoteJail)(ours, container)

    def close(self) -> None:
        """Removes all containers, and lets go of the engine."""
        for container in list(self._containers):
            container.end_now()
        self._threads.shutdown()
        self._engine.close()

    def _contain(self, entry: str, arguments: list[str]) -> _Container:
        """Starts a container that begins with a function of `jailed/container.py`."""
        user = 0 if self._in_gvisor else self._unused_user()

        def create(folder: str) -> Container:
            return self._engine.containers.create(
                self._image,
                ["-c", f"from {ENTRY} import {entry}; {entry}()", *arguments],
                user=f"{user}:{user}",
                volumes={folder: {"bind": str(Path(MEETING_POINT).parent), "mode": "ro"}},
                **self._options,
            )

        container = _Container(self._threads, create, self._containers.discard)
        self._containers.add(container)
        return container

    def _hardening(self, limits: ContainerLimits, *, cores: int) -> dict[str, Any]:
        """What every container is created with; see docs/docker.md."""
        from docker.types import LogConfig, Ulimit

        empty = () if self._in_gvisor else _EMPTY
        return {
            "runtime": self._runtime,
            "labels": {LABEL: str(Owner.this_process())},
            "auto_remove": True,
            "network_mode": "none",
            "dns": ["127.0.0.1"],  # else the engine copies the host's
            "hostname": "sandbox",
            "ipc_mode": "none",
            "cap_drop": ["ALL"],
            "cap_add": _GUEST_CAPABILITIES if self._in_gvisor else [],
            "security_opt": ["no-new-privileges", f"seccomp={json.dumps(jail_profile())}"],
            "read_only": True,
            "tmpfs": {"/tmp": _TMP_OPTIONS, **dict.fromkeys(empty, "ro,size=4096,mode=0000")},  # noqa: S108
            "mem_limit": limits.memory_bytes,
            "memswap_limit": limits.memory_bytes,
            "pids_limit": limits.processes,
            "nano_cpus": int(min(limits.cpus, cores) * 1e9),
            "ulimits": [Ulimit(name=name, soft=0, hard=0) for name in _ZERO_LIMITS],
            "log_config": LogConfig(type=LogConfig.types.NONE),
            "init": False,
        }

    def _unused_user(self) -> int:
        """A user id that nothing else on the host is likely to have."""
        first, count = (50_000, 10_000) if self._maps_users else (1_879_048_192, 1 << 20)
        return first + random.randrange(count)  # noqa: S311 - to spread, not to hide

    async def try_out(self) -> None:
        """Learns what the image holds, and runs nothing of anybody's in it.

        Raises:
            IsolationUnavailable: It can't be done here.
        """
        try:
            self.interpreter = await self._described()
            await self._self_test()
        except SandboxLost as error:
            way_out = f" {GVISOR}" if self._in_gvisor else ""
            raise IsolationUnavailable(
                f"The Docker engine can't make a jail of this image: {error}{way_out}"
            ) from error

    async def _described(self) -> Interpreter:
        container = self._contain("describe", [])
        try:
            with await container.connection() as meeting:
                said = await asyncio.get_running_loop().sock_recv(meeting, _MAX_DESCRIPTION_BYTES)
        finally:
            await container.end()
        if not said:
            raise SandboxLost("It ended before it said what it holds.")
        description = json.loads(said)
        if description["sources"] != digest_of_sources(_ROOT):
            raise IsolationUnavailable(
                "The image holds other sources than this service runs. Build it again: "
                "`docker/build.sh`."
            )
        ours = await asyncio.to_thread(Interpreter.running)
        digest = hashlib.sha256(f"{self._image}\0{ours.digest}".encode()).hexdigest()
        return Interpreter(
            name=description["name"],
            tools=tuple(description["tools"]),
            command=(),
            environment={},
            files=(),
            hidden=(),
            packages=(),
            preload=tuple(description["preload"]),
            runs_pytest=description["runs_pytest"],
            digest=f"sha256:{digest}",
        )

    async def _self_test(self) -> None:
        jail = self.open(NOTHING)
        try:
            await asyncio.wait_for(asyncio.shield(jail.ready), _MEETING_SECONDS)
            self._sees_processes = jail.snapshot().known
            if not jail.reusable or (jail.missing and not self._in_gvisor):
                raise SandboxLost(f"It allows no cells for runs: {jail.missing}.")
            limits = ProcessLimits(cpu_seconds=5, memory_bytes=1 << 30, processes=8)
            run = jail.start(NOTHING, fds={}, limits=limits)
            ended = await asyncio.wait_for(asyncio.shield(run.ended), _MEETING_SECONDS)
        except TimeoutError as error:
            raise SandboxLost("It said nothing for a minute.") from error
        finally:
            await jail.close()
        if ended.code != 0 or not ended.begun:
            raise SandboxLost(f"A trial run ended with {ended}.")


class _Container:
    """A container from its making to its removal: the keeper of a jail."""

    def __init__(
        self,
        threads: ThreadPoolExecutor,
        create: Callable[[str], Container],
        gone: Callable[[_Container], None],
    ) -> None:
        """Starts one in the background; `create` gets the folder that it is to see.

        Raises:
            OSError: There is no folder or socket to be had.
        """
        self._loop = asyncio.get_running_loop()
        self._threads = threads
        self._gone = gone
        self._trouble = ""
        self._handing_over: asyncio.Task[None] | None = None
        # Whoever reaches the socket can be the jail: the outer folder is for this user alone.
        self._folder = tempfile.TemporaryDirectory(prefix="verifier-")
        inner = Path(self._folder.name, "meeting")
        inner.mkdir()
        inner.chmod(0o711)
        self._listener = _listener(inner / Path(MEETING_POINT).name)
        self._stderr = os.memfd_create("container-stderr")
        self._making = threads.submit(self._make, create, str(inner))

    @staticmethod
    def _make(create: Callable[[str], Container], folder: str) -> Container:
        container = create(folder)
        try:
            container.start()
            container.reload()
        except BaseException:
            remove(container)
            raise
        return container

    async def connection(self) -> socket.socket:
        """Waits for the container to come to its meeting.

        Raises:
            SandboxLost: It could not be started, or does not come.
        """
        container = await self._made()
        coming = asyncio.ensure_future(self._loop.sock_accept(self._listener))
        try:
            for _ in range(int(_MEETING_SECONDS / _LOOK_SECONDS)):
                await asyncio.wait([coming], timeout=_LOOK_SECONDS)
                if coming.done():
                    return coming.result()[0]
                await self._in_thread(container.reload)
        except _engine_errors() as error:
            raise SandboxLost(
                f"The container ended before it came to its meeting: {_said(error)}"
            ) from error
        finally:
            coming.cancel()
            self._folder.cleanup()  # what is mounted of it in the container stays there
        raise SandboxLost("The container did not come to its meeting.")

    def hand_over(self, control: socket.socket) -> None:
        """Hands the zygote, once it is there, what it is to speak through; closes it here."""
        self._handing_over = asyncio.ensure_future(self._hand_over(control))

    async def _hand_over(self, control: socket.socket) -> None:
        with control:
            try:
                with await self.connection() as meeting:
                    socket.send_fds(meeting, [b"!"], [control.fileno(), self._stderr])
            except (SandboxLost, OSError) as error:
                self._trouble = str(error)

    def first_process(self) -> int:
        """Its pid, where this process sees the same processes as the engine."""
        container = self._making.result()
        pid: int = container.attrs["State"]["Pid"]
        with contextlib.suppress(OSError):
            groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
            if str(container.id) in groups:
                return pid
        return 0

    def last_words(self) -> str:
        """What went wrong at its start, or its standard error."""
        said = os.pread(self._stderr, 2000, 0).decode(errors="replace").strip()
        return f"{self._trouble} {said}".strip()

    async def end(self) -> None:
        """Ends everything in it and removes it; what a failing engine keeps is reaped later."""
        if self._handing_over is not None:
            self._handing_over.cancel()
            await asyncio.wait([self._handing_over])
        with contextlib.suppress(SandboxLost, *_engine_errors()):
            container = await self._made()
            await self._in_thread(lambda: remove(container))
        self._let_go()

    def end_now(self) -> None:
        """The same, waiting for it here."""
        with contextlib.suppress(*_engine_errors()):
            remove(self._making.result())
        self._let_go()

    def _let_go(self) -> None:
        self._listener.close()
        self._folder.cleanup()
        os.close(self._stderr)
        self._gone(self)

    async def _made(self) -> Container:
        try:
            return await asyncio.shield(asyncio.wrap_future(self._making))
        except _engine_errors() as error:
            raise SandboxLost(f"The container could not be started: {_said(error)}") from error

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await self._loop.run_in_executor(self._threads, work)


class _SentryJail(ZygoteJail):
    """A jail in gVisor, whose kernel is a process of the host that works for the runs in it.

    The host sees that process, and one for each address space of the guest. What they use from the
    start of a run on is the run's, or done on behalf of it, but for memory that the kernel may have
    taken for itself.
    """

    _before: Snapshot | None = None

    def start(self, module: str, *, fds: Mapping[str, int], limits: ProcessLimits) -> JailedRun:
        self._before = self._used()
        # gVisor does not count the process that became the run's user, only those that it starts.
        fewer = replace(limits, processes=limits.processes - 1)
        return super().start(module, fds=fds, limits=fewer)

    def snapshot(self) -> Snapshot:
        used, before = self._used(), self._before
        if before is None:
            return replace(used, resident_bytes=0)
        return replace(
            used,
            cpu_seconds=max(0.0, used.cpu_seconds - before.cpu_seconds),
            resident_bytes=max(0, used.resident_bytes - before.resident_bytes - _KERNEL_BYTES),
        )

    def _used(self) -> Snapshot:
        kernel = self._zygote_pid
        pids = [kernel, *descendants(kernel)] if kernel else []
        seen = [process_snapshot(pid) for pid in pids]
        return Snapshot(
            cpu_seconds=sum(one.cpu_seconds for one in seen),
            waiting_seconds=sum(one.waiting_seconds for one in seen),
            runnable=sum(one.runnable for one in seen),
            resident_bytes=sum(one.resident_bytes for one in seen),
            known=bool(kernel) and scheduling_is_known(),
        )


def _local_engine() -> DockerClient:
    """The engine that `DOCKER_HOST` names, else the local one.

    Raises:
        IsolationUnavailable: There is none.
    """
    try:
        import docker
    except ImportError as error:
        raise IsolationUnavailable(
            "The Docker SDK is not installed: `pip install 'neurosymbolic-verifier[docker]'`."
        ) from error
    try:
        return docker.from_env()
    except _engine_errors() as error:
        raise IsolationUnavailable(
            f"No Docker engine answers: {_said(error)}. {INSTALL}"
        ) from error


def _checked(
    engine: DockerClient, image: str, runtime: str, limits: ContainerLimits | None
) -> DockerBackend:
    """A backend on an engine that has what is asked for.

    Raises:
        IsolationUnavailable: It does not.
    """
    from docker.errors import ImageNotFound

    try:
        if runtime not in engine.info()["Runtimes"]:
            way_out = GVISOR if runtime.startswith("runsc") else ""
            raise IsolationUnavailable(
                f"The Docker engine has no runtime {runtime!r}. {way_out}".rstrip()
            )
        found = engine.images.get(image)
        reap(engine)
        return DockerBackend(engine, str(found.id), runtime, limits or ContainerLimits())
    except ImageNotFound as error:
        raise IsolationUnavailable(
            f"The Docker engine has no image {image!r}. Build it: `docker/build.sh`."
        ) from error
    except _engine_errors() as error:
        raise IsolationUnavailable(f"The Docker engine fails: {_said(error)}. {INSTALL}") from error


def _said(error: Exception) -> str:
    """What went wrong, in the engine's own words."""
    return str(getattr(error, "explanation", None) or error)


def _listener(path: Path) -> socket.socket:
    """A socket that listens where a container may connect, whoever it runs as."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(1)
    listener.setblocking(False)
    return listener


def _engine_errors() -> tuple[type[Exception], ...]:
    """What the SDK raises where the engine refuses, or is not there."""
    from docker.errors import DockerException
    from requests import RequestException

    return (DockerException, RequestException)
