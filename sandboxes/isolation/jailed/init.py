"""First process of a jail: starts the processes that a run needs, and reports how they ended.

It runs as process 1 of the jail's own pid namespace, speaks to the supervisor over one socket
(one JSON object per packet, file descriptors beside it), and never touches candidate data: a job
reaches the process that runs it as a file descriptor.

    python -c "from … import main; main()" SOCKET_FD USER_ID|- MODULE…

The modules are imported before the first run. With a user id, every run becomes that user; this
process stays what it is, so that no run can reach it.

Commands:
    {"op": "run", "id": 1, "module": "…", "fds": ["job", "stdin", …], "limits": {…}}
    {"op": "kill", "id": 1}

Events:
    {"event": "ready"}
    {"event": "started", "id": 1}
    {"event": "exit", "id": 1, "code": 0 | null, "signal": null | 9, "limit": null | "cpu-time",
     "begun": true, "cpu_seconds": …, "wall_seconds": …, "peak_memory_bytes": …,
     "left_files": false}

When the socket closes, everything in the jail ends: the kernel kills what is left of a pid
namespace together with its first process.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

BEGIN_FD = 127
"""As in `begin.py`."""
FIRST_PASSED_FD = 3
"""File descriptors of a run follow standard input, output and error from here, in their order."""
MAX_PACKET_BYTES = 65536
STACK_BYTES = 64 * 1024**2


class Init:
    """Runs at most one process at a time."""

    def __init__(self, control: socket.socket, user: int | None) -> None:
        self._control = control
        self._user = user
        self._run_id = 0
        self._pid = 0
        self._pidfd = -1
        self._begin_fd = -1
        self._began = 0.0
        self._cpu_limit = 0.0
        self._limit_hit: str | None = None
        self._children_cpu = 0.0
        self._files_state = 0

    def loop(self) -> None:
        """Serves until the supervisor closes the socket."""
        self._send({"event": "ready"})
        while True:
            watched: list[Any] = [self._control] if self._pid == 0 else [self._control, self._pidfd]
            readable, _, _ = select.select(watched, [], [], self._seconds_to_next_check())
            if self._control in readable and not self._obey():
                return
            if self._pid:
                self._watch(ended=self._pidfd in readable)

    def _obey(self) -> bool:
        packet, fds, _, _ = socket.recv_fds(self._control, MAX_PACKET_BYTES, 16)
        if not packet:
            return False
        command = json.loads(packet)
        if command["op"] == "run":
            self._start(command, fds)
        elif command["op"] == "kill" and command["id"] == self._run_id and self._pid:
            os.kill(self._pid, signal.SIGKILL)
        return True

    def _start(self, command: dict, fds: list[int]) -> None:  # type: ignore[type-arg]
        self._run_id = command["id"]
        self._cpu_limit = command["limits"]["cpu_seconds"]
        self._limit_hit = None
        self._began = time.monotonic()
        self._files_state = state_of_files()
        self._begin_fd, mark = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._control.close()
            become(
                command, {**dict(zip(command["fds"], fds, strict=True)), "begin": mark}, self._user
            )
        os.close(mark)
        for fd in fds:
            os.close(fd)
        self._pid = pid
        self._pidfd = os.pidfd_open(pid)
        self._send({"event": "started", "id": self._run_id})

    def _seconds_to_next_check(self) -> float | None:
        if self._pid == 0:
            return None
        # One process can't use CPU faster than its threads have cores: half the rest is early
        # enough, and 5 ms is fine enough.
        rest = self._cpu_limit - cpu_seconds_of(self._pid)
        return max(0.005, rest / (2 * (os.cpu_count() or 1)))

    def _watch(self, *, ended: bool) -> None:
        if not ended and self._limit_hit is None and cpu_seconds_of(self._pid) >= self._cpu_limit:
            self._limit_hit = "cpu-time"
            os.kill(self._pid, signal.SIGKILL)
        if ended:
            self._report()

    def _report(self) -> None:
        _, status, _ = os.wait4(self._pid, 0)
        kill_all_others()
        begun = os.read(self._begin_fd, 1) == b"1"
        os.close(self._begin_fd)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        total_cpu = usage.ru_utime + usage.ru_stime
        os.close(self._pidfd)
        self._send(
            {
                "event": "exit",
                "id": self._run_id,
                "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
                "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
                "limit": self._limit_hit,
                "begun": begun,
                "cpu_seconds": total_cpu - self._children_cpu,
                "wall_seconds": time.monotonic() - self._began,
                "peak_memory_bytes": usage.ru_maxrss * 1024,
                "left_files": self._files_state != state_of_files(),
            }
        )
        self._children_cpu = total_cpu
        self._pid, self._pidfd = 0, -1

    def _send(self, event: dict) -> None:  # type: ignore[type-arg]
        self._control.send(json.dumps(event).encode())


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
    return os.stat("/tmp").st_ctime_ns  # noqa: S108


def kill_all_others() -> None:
    """Ends everything else in the jail, and reaps it so that its usage is counted."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def become(command: dict, fds: dict[str, int], user: int | None) -> None:  # type: ignore[type-arg]
    """Turns this forked child into the process that was asked for, and runs it to its end."""
    code = 70
    try:
        place_fds(fds)
        open_streams()
        os.setsid()
        if user is not None:
            drop_to(user)
        confine(command["limits"])
        os.environ.clear()
        os.umask(0o077)
        sys.argv = [""]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = importlib.import_module(command["module"]).main() or 0
    except BaseException:  # noqa: BLE001 - the last frame of the process
        sys.excepthook(*sys.exc_info())
    finally:
        flush()
        os._exit(code)


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


def drop_to(user: int) -> None:
    """Becomes an ordinary user for good; the kernel takes all capabilities with it."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def confine(limits: dict) -> None:  # type: ignore[type-arg]
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
        resource.setrlimit(which, (value, value))
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, STACK_BYTES))


def main() -> None:
    """Serves as process 1, with the modules that its runs need already imported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control, user, *modules = sys.argv[1:]
    os.set_inheritable(int(control), False)
    for module in modules:
        importlib.import_module(module)
    gc.freeze()
    Init(socket.socket(fileno=int(control)), None if user == "-" else int(user)).loop()
