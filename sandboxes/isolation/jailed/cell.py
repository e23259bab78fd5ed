"""A cell: the place of one run inside a jail.

A cell is a pid, mount and user namespace of its own with an empty /tmp. Its first process does
nothing but hold it: it forks the process of the run, waits for its end, ends whatever that leaves
behind, and passes its status on. The process of the run is there before there is a run: it prepares
all that it can, then waits for an order on the socket to the supervisor (see `zygote.py`).

Where the kernel makes no mounts for cells, they share the jail's /tmp, and a run that changes it
leaves the jail spent.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

from sandboxes.isolation.jailed import linux

BEGIN_FD = 127
"""As in `begin.py`."""
FIRST_PASSED_FD = 3
"""File descriptors of a run follow standard input, output and error from here, in their order."""
MAX_PACKET_BYTES = 65536
STACK_BYTES = 64 * 1024**2
TMP_OPTIONS = "mode=1777,size=67108864,nr_inodes=65536"
MAPPED = b"1"
"""What the zygote says when a cell has its user: only who can be looked into may be given one."""
PREPARED = b"prepared"
OWN_PATHS = 8
"""First processes of a run that find the path of their program in /proc, where it has one."""
TAKEN = struct.Struct("=qdd")
"""What the process of a run says when it takes an order: its number, CPU limit, and the time."""
STATUS = struct.Struct("=i")
"""What the first process of a cell says when the run has ended: its wait status."""


class Place:
    """What all cells of a jail have in common."""

    def __init__(
        self,
        *,
        control: socket.socket,
        entries: list[int],
        user: int | None,
        filter_program: bytes,
        application: str,
    ) -> None:
        self.control = control
        """To the supervisor."""
        self.entries = entries
        """Of the control group that counts what runs use."""
        self.user = user
        """What runs become; None if they stay who they are."""
        self.filter_program = filter_program
        """Over the system calls of runs."""
        self.application = application
        """What a program that a run becomes finds in /proc as its own path; nothing else is there,
        and nothing at all where this is empty."""
        with os.scandir("/dev") as devices:
            present = ["/dev", *(one.path for one in devices if not one.is_symlink())]
        self.devices = [(path, linux.locked_flags(path)) for path in present]
        """What no run may leave a mark on: paths, and flags that their mounts have to keep."""


class Forked(BaseException):
    """Takes the process of a run out of all calls that led to its fork.

    What they know of runs before would be there to be read in their frames.
    """

    def __init__(self, run: Run) -> None:
        """Carries what the process is to do."""
        super().__init__()
        self.run = run


class Cell:
    """A cell, as the jail's first process has it."""

    def __init__(self, place: Place, namespaces: int) -> None:
        """Forks it into these namespaces, or into those of the jail if there are none."""
        self._files_before = state_of_files()
        self._shares_files = not namespaces & linux.CLONE_NEWNS
        self.status, say_status = os.pipe()
        self.news, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """What the process of the run says, with its pid in the receiver's own numbers."""
        self.news.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.pid = linux.clone(namespaces) if namespaces else os.fork()
        if self.pid == 0:
            hold(place, telling, say_status, namespaces)
        telling.close()
        os.close(say_status)

    def leaves_files(self) -> bool:
        """Whether the run has left something in a /tmp that others see."""
        return self._shares_files and self._files_before != state_of_files()

    def end(self) -> resource.struct_rusage:
        """Waits until everything in the cell is gone; what it used."""
        _, _, usage = os.wait4(self.pid, 0)
        self.news.close()
        os.close(self.status)
        return usage


def hold(place: Place, telling: socket.socket, say_status: int, namespaces: int) -> NoReturn:
    """Is the first process of a cell.

    Raises:
        Forked: In the process of the run.
    """
    if namespaces and telling.recv(1) != MAPPED:
        os._exit(1)
    linux.set_dumpable(False)
    run = os.fork()
    if run == 0:
        raise Forked(Run(place, telling, namespaces))
    ended, status = 0, 0
    while ended != run:
        ended, status = os.waitpid(-1, 0)
    kill_all_others()
    os.write(say_status, STATUS.pack(status))
    os._exit(0)


class Run:
    """The process of a run, from before it knows what to run."""

    def __init__(self, place: Place, telling: socket.socket, namespaces: int) -> None:
        self._place = place
        self._telling = telling
        self._namespaces = namespaces

    def serve(self) -> NoReturn:
        """Prepares itself, waits for an order, and becomes what it asks for."""
        code = 70
        gc.enable()
        try:
            try:
                self._prepare()
            except OSError as error:
                self._telling.send(str(error).encode()[:1000])
                os._exit(code)
            self._telling.send(PREPARED)
            command, fds = self._next()
            limits = command["limits"]
            self._telling.send(TAKEN.pack(command["id"], limits["cpu_seconds"], time.monotonic()))
            begin = self._telling.detach()
            place_fds({**dict(zip(command["fds"], fds, strict=True)), "begin": begin})
            name = command["module"]
            module = sys.modules.get(name) or importlib.import_module(name)
            limits["memory_bytes"] += getattr(module, "reserved_bytes", 0)
            limit_resources(limits, processes_of_ours=self._processes_of_ours())
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = module.main() or 0
        except BaseException:  # noqa: BLE001 - the last frame of the process
            sys.excepthook(*sys.exc_info())
        finally:
            flush()
            os._exit(code)

    def _prepare(self) -> None:
        """Leaves this process, and all that it starts, nothing but its cell."""
        os.setsid()
        if self._namespaces & linux.CLONE_NEWNS:
            cover_files(self._place.devices)
        for entry in self._place.entries:
            os.pwrite(entry, b"0", 0)
            os.close(entry)
        os.chdir("/tmp")  # noqa: S108 - the cell's own
        if self._place.user is not None:
            become_user(self._place.user)
        if self._namespaces & linux.CLONE_NEWNS and self._place.application:
            show_application(self._place.application)
        linux.drop_capabilities()
        linux.set_dumpable(False)
        if self._place.filter_program:
            linux.install_filter(self._place.filter_program)

    def _processes_of_ours(self) -> int:
        """How many processes of ours the kernel counts with those of the run's user."""
        if self._place.user is not None:
            return 0
        return 1 if self._namespaces else 2

    def _next(self) -> tuple[dict[str, Any], list[int]]:
        while True:
            packet, fds, _, _ = socket.recv_fds(self._place.control, MAX_PACKET_BYTES, 16)
            if not packet:
                os._exit(0)
            command = json.loads(packet)
            if command["op"] == "run":
                return command, fds  # what else is there is for a run that has ended


def cover_files(devices: list[tuple[str, int]]) -> None:
    """Gives this process, and all that it starts, a /tmp of their own and no /proc.

    Devices stay usable, but not to leave a mark on: their times are the host's.
    """
    restricted = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount_tmpfs("/tmp", restricted, TMP_OPTIONS)  # noqa: S108 - the cell's own
    linux.mount_tmpfs("/proc", restricted | linux.MS_NOEXEC | linux.MS_RDONLY, "mode=0000")
    for path, locked in devices:
        linux.protect_mount(path, locked)


def show_application(path: str) -> None:
    """Gives this process, and those that it starts first, the path of their program in /proc.

    Its user is the one who may see it, and is mapped, without which there would be no files.
    """
    restricted = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount_tmpfs("/proc", restricted, "mode=0700")
    for pid in range(os.getpid(), os.getpid() + OWN_PATHS):
        os.mkdir(f"/proc/{pid}")
        os.symlink(path, f"/proc/{pid}/exe")
    linux.protect_mount("/proc", restricted)


def state_of_files() -> tuple[int, list[str]]:
    """Changes with the only folder that can be written to, whatever is done to it."""
    return os.stat("/tmp").st_ctime_ns, os.listdir("/tmp")  # noqa: S108 - the jail's


def kill_all_others() -> None:
    """Ends everything else in the cell, and reaps it so that its usage is counted."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, os.WNOHANG)  # usually, there is no child any more
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            os.waitpid(-1, 0)


def flush() -> None:
    """Flushes what Python still holds back of the standard streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def place_fds(fds: dict[str, int]) -> None:
    """Puts standard streams on 0, 1 and 2, the others on 3 and up, and closes the rest."""
    null = os.open("/dev/null", os.O_RDWR)
    # First out of the way of the final numbers, then into place.
    high = {name: os.dup2(fd, 100 + number) for number, (name, fd) in enumerate(fds.items())}
    mark = high.pop("begin")
    others = [name for name in high if name not in ("stdin", "stdout", "stderr")]
    for number, name in enumerate(("stdin", "stdout", "stderr", *others)):
        os.dup2(high.get(name, null), number)
    os.dup2(mark, BEGIN_FD)
    os.closerange(FIRST_PASSED_FD + len(others), BEGIN_FD)


def open_streams() -> None:
    """Gives Python standard streams that fit what their file descriptors will become.

    They are opened on pipes, and the file descriptors get back what they were.
    """
    reading, writing = os.pipe()
    before = [os.dup(fd) for fd in range(3)]
    for fd, end in enumerate((reading, writing, writing)):
        os.dup2(end, fd)
    sys.stdin = sys.__stdin__ = open(  # type: ignore[misc]  # noqa: SIM115 - for good
        0, encoding="utf-8", errors="surrogateescape", closefd=False
    )
    sys.stdout = sys.__stdout__ = _writer(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _writer(2)  # type: ignore[misc]
    for fd, former in enumerate(before):
        os.dup2(former, fd)
    for fd in (reading, writing, *before):
        os.close(fd)


def _writer(fd: int) -> io.TextIOWrapper:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def become_user(user: int) -> None:
    """Becomes an ordinary user for good; the kernel takes all capabilities with it."""
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def limit_resources(limits: dict[str, Any], *, processes_of_ours: int) -> None:
    """Sets resource limits that can't be raised again."""
    cpu = int(limits["cpu_seconds"]) + 2
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"] + processes_of_ours),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_RTPRIO, 0),
    ):
        if resource.getrlimit(which) != (value, value):  # gVisor refuses some even then
            resource.setrlimit(which, (value, value))
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, STACK_BYTES))
