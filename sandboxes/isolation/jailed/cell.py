"""A cell: the place of one run inside a jail.

A cell is a pid, mount and user namespace of its own with an empty /tmp. Its first process has
forked the process of the run before there is a run: that one waits for an order on the socket to
the supervisor. The first process watches over it, ends whatever it leaves behind, and reports.

Orders and what is sent back, as JSON in packets:

    {"op": "run", "id": 1, "module": "…", "fds": ["job", "stdin", …], "limits": {…}}
    {"op": "kill", "id": 1}

    {"event": "exit", "id": 1, "code": 0 | null, "signal": null | 9, "limit": null | "cpu-time",
     "begun": true, "cpu_seconds": …, "wall_seconds": …, "peak_memory_bytes": …, "spent": false}

Where the kernel makes no mounts for cells, they share the jail's /tmp. A run that changes it leaves
the jail `spent`: it ends, and serves no further run.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

from sandboxes.isolation.jailed import linux

BEGIN_FD = 127
"""As in `begin.py`."""
FIRST_PASSED_FD = 3
"""File descriptors of a run follow standard input, output and error from here, in their order."""
MAX_PACKET_BYTES = 65536
STACK_BYTES = 64 * 1024**2
TMP_OPTIONS = "mode=1777,size=67108864,nr_inodes=65536"
SERVED, HUNG_UP, STANDBY_LOST, BROKEN, SPENT = 0, 3, 4, 5, 6
"""Exit codes of a cell's first process."""
_TAKEN = struct.Struct("=qdd")


class Place:
    """What all cells of a jail have in common."""

    def __init__(
        self, *, control: socket.socket, entries: list[int], user: int | None, filter_program: bytes
    ) -> None:
        self.control = control
        """To the supervisor."""
        self.entries = entries
        """Of the control group that counts what runs use."""
        self.user = user
        """What runs become; None if they stay who they are."""
        self.filter_program = filter_program
        """Over the system calls of runs."""


class Cell:
    """The first process of a cell."""

    def __init__(self, place: Place, greeting: bytes) -> None:
        self._place = place
        self._control = place.control
        self._greeting = greeting
        self._files: int | None = None
        self._deaths = -1

    def serve_confined(self, mapped: int, complain: int, *, has_files: bool) -> int:
        """Serves one run in the namespaces that this process is the first of.

        Args:
            mapped: A pipe that tells when the user namespace has its user.
            complain: A pipe for what goes wrong before the run is there, or -1.
            has_files: Whether one of the namespaces is for mounts.
        """
        try:
            if os.read(mapped, 1) != b"1":
                raise OSError("its user could not be mapped")
            if has_files:
                self._cover_files()
            self._enter_control_group()
            self._confine()
        except OSError as error:
            if complain >= 0:
                os.write(complain, str(error).encode())
            return BROKEN
        os.close(mapped)
        if complain >= 0:
            os.close(complain)
        return self._serve(drop_to=None, filter_program=b"", shares_files=not has_files)

    def serve_unconfined(self) -> int:
        """Serves one run in the jail as it is, where cells can't be made."""
        self._enter_control_group()
        place = self._place
        return self._serve(
            drop_to=place.user, filter_program=place.filter_program, shares_files=False
        )

    @staticmethod
    def _cover_files() -> None:
        """Gives this process, and all that it starts, a /tmp of their own and no /proc.

        Devices stay usable, but not to leave a mark on: their times are the host's.
        """
        restricted = linux.MS_NOSUID | linux.MS_NODEV
        linux.mount_tmpfs("/tmp", restricted, TMP_OPTIONS)  # noqa: S108 - the cell's own
        linux.mount_tmpfs("/proc", restricted | linux.MS_NOEXEC | linux.MS_RDONLY, "mode=0000")
        with os.scandir("/dev") as devices:
            present = [one.path for one in devices if not one.is_symlink()]
        for path in ("/dev", *present):
            linux.protect_mount(path)

    def _enter_control_group(self) -> None:
        for entry in self._place.entries:
            os.pwrite(entry, b"0", 0)
            os.close(entry)

    def _confine(self) -> None:
        """Leaves this process, and all that it starts, nothing but its namespaces."""
        os.chdir("/tmp")  # noqa: S108 - the cell's own
        if self._place.user is not None:
            become_user(self._place.user)
        linux.drop_capabilities()
        linux.set_dumpable(False)
        if self._place.filter_program:
            linux.install_filter(self._place.filter_program)

    def _serve(self, *, drop_to: int | None, filter_program: bytes, shares_files: bool) -> int:
        taken, say_taken = os.pipe()
        begun, mark = os.pipe()
        self._files = state_of_files() if shares_files else None
        self._deaths = note_deaths()
        pid = os.fork()
        if pid == 0:
            forget_deaths()
            Order(self._control, self._greeting).obey(say_taken, mark, drop_to, filter_program)
        os.close(say_taken)
        os.close(mark)
        return self._watch(pid, taken, begun)

    def _watch(self, pid: int, taken: int, begun: int) -> int:
        """Waits for the run to begin and to end; reports how it did."""
        order = os.read(taken, _TAKEN.size)
        if len(order) < _TAKEN.size:
            hung_up = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == HUNG_UP
            return HUNG_UP if hung_up else STANDBY_LOST
        run_id, cpu_limit, began = _TAKEN.unpack(order)
        limit: str | None = None
        status: int | None = None
        watched: list[Any] = [self._control, self._deaths]
        while status is None:
            # One process can't use CPU faster than its threads have cores: half the rest is early
            # enough, and 5 ms is fine enough.
            rest = max(0.005, (cpu_limit - cpu_seconds_of(pid)) / (2 * (os.cpu_count() or 1)))
            readable, _, _ = select.select(watched, [], [], rest)
            if self._deaths in readable:
                os.read(self._deaths, 4096)
                status = reap(pid)
                continue
            if self._control in readable and not self._obey(pid, run_id):
                return HUNG_UP
            if limit is None and cpu_seconds_of(pid) >= cpu_limit:
                limit = "cpu-time"
                os.kill(pid, signal.SIGKILL)
        kill_all_others()
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = self._files not in (None, state_of_files())
        event = {
            "event": "exit",
            "id": run_id,
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "limit": limit,
            "begun": os.read(begun, 1) == b"1",
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "wall_seconds": time.monotonic() - began,
            "peak_memory_bytes": usage.ru_maxrss * 1024,
            "spent": spent,
        }
        self._control.send(json.dumps(event).encode())
        return SPENT if spent else SERVED

    def _obey(self, pid: int, run_id: int) -> bool:
        packet = self._control.recv(MAX_PACKET_BYTES)
        if not packet:
            return False
        command = json.loads(packet)
        if command["op"] == "kill" and command["id"] == run_id:
            os.kill(pid, signal.SIGKILL)
        return True


class Order:
    """The process of a run, before it knows what to run."""

    def __init__(self, control: socket.socket, greeting: bytes) -> None:
        self._control = control
        self._greeting = greeting

    def obey(self, say_taken: int, mark: int, drop_to: int | None, filter_program: bytes) -> None:
        """Waits for an order, and becomes what it asks for; never returns."""
        code = 70
        try:
            os.setsid()
            if self._greeting:
                self._control.send(self._greeting)
            command, fds = self._next()
            limits = command["limits"]
            taken = _TAKEN.pack(command["id"], limits["cpu_seconds"], time.monotonic())
            os.write(say_taken, taken)
            place_fds({**dict(zip(command["fds"], fds, strict=True)), "begin": mark})
            open_streams()
            if drop_to is not None:
                become_user(drop_to)
            limit_resources(limits)
            if filter_program:
                linux.install_filter(filter_program)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = importlib.import_module(command["module"]).main() or 0
        except BaseException:  # noqa: BLE001 - the last frame of the process
            sys.excepthook(*sys.exc_info())
        finally:
            flush()
            os._exit(code)

    def _next(self) -> tuple[dict[str, Any], list[int]]:
        while True:
            packet, fds, _, _ = socket.recv_fds(self._control, MAX_PACKET_BYTES, 16)
            if not packet:
                os._exit(HUNG_UP)
            command = json.loads(packet)
            if command["op"] == "run":
                return command, fds  # what else is there is for a run that has ended


def cpu_seconds_of(pid: int) -> float:
    """CPU that a process has used, all its threads together; 0 once it is gone.

    The clock id is built as `clock_getcpuclockid(3)` builds it.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def state_of_files() -> int:
    """A number that changes with the only folder that can be written to, whatever is done to it."""
    return os.stat("/tmp").st_ctime_ns  # noqa: S108 - the jail's


def note_deaths() -> int:
    """A file descriptor that can be read from when a child has ended; gVisor has no pidfds."""
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    return readable


def forget_deaths() -> None:
    """Undoes that in the child, which closes what it has no use for."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def reap(pid: int) -> int | None:
    """Reaps all that has ended in the cell; the status of this process, if it was among it."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == pid:
                status = ended[1]
    return status


def kill_all_others() -> None:
    """Ends everything else in the cell, and reaps it so that its usage is counted."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
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
    """Gives Python standard streams that fit what their file descriptors have become."""
    sys.stdin = sys.__stdin__ = open(  # type: ignore[misc]  # noqa: SIM115 - for good
        0, encoding="utf-8", errors="surrogateescape", closefd=False
    )
    sys.stdout = sys.__stdout__ = _writer(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _writer(2)  # type: ignore[misc]


def _writer(fd: int) -> io.TextIOWrapper:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def become_user(user: int) -> None:
    """Becomes an ordinary user for good; the kernel takes all capabilities with it."""
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def limit_resources(limits: dict[str, Any]) -> None:
    """Sets resource limits that can't be raised again."""
    cpu = int(limits["cpu_seconds"]) + 2
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_RTPRIO, 0),
    ):
        if resource.getrlimit(which) != (value, value):  # gVisor refuses some even then
            resource.setrlimit(which, (value, value))
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, STACK_BYTES))
