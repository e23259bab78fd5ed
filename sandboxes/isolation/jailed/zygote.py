"""First process of a jail: keeps a cell ready for the next run, and watches over it when it runs.

It has imported everything that runs need, so that each starts as a fork of it, and never touches
candidate data: a job reaches the process that runs it as a file descriptor. It is process 1 of the
jail's pid namespace.

    python -c "from … import main; main()" CONTROL_FD[,ENTRY_FD…] USER_ID|- FILTER MODULE…

`CONTROL_FD` is a socket to the supervisor: one JSON object per packet, file descriptors beside it.
A process that writes "0" to an `ENTRY_FD` puts itself into a control group; every cell does. With a
user id, every run becomes that user. `FILTER` is a system call filter for runs, in hexadecimal; it
may be empty. Modules are imported, and those with a function `warm` are warmed up with it; what
follows a colon in `MODULE` is its argument. One whose runs become a program that looks itself up in
/proc says in `application` what it is to find there.

Orders:

    {"op": "run", "id": 1, "module": "…", "fds": ["job", "stdin", …], "limits": {…}}
    {"op": "kill", "id": 1}

Events:

    {"event": "ready", "reusable": true, "missing": ""}
    {"event": "exit", "id": 1, "code": 0 | null, "signal": null | 9, "limit": null | "cpu-time",
     "begun": true, "cpu_seconds": …, "wall_seconds": …, "peak_memory_bytes": …, "spent": false}

`reusable` is false where the host does not allow cells: then the jail itself is the cell, and
serves one run; `missing` says what cells lack. After a run that leaves the jail `spent` it serves
no other. When the socket closes, everything in the jail ends: the kernel kills what is left of a
pid namespace together with its first process.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from sandboxes.isolation.jailed import linux
from sandboxes.isolation.jailed.cell import (
    MAPPED,
    MAX_PACKET_BYTES,
    PREPARED,
    STATUS,
    TAKEN,
    Cell,
    Forked,
    Place,
    open_streams,
)

FULL = linux.CLONE_NEWUSER | linux.CLONE_NEWPID | linux.CLONE_NEWNS
SHARING_FILES = linux.CLONE_NEWUSER | linux.CLONE_NEWPID
"""Namespaces of cells where the kernel makes no mounts for them: in gVisor."""
_CREDENTIALS = socket.CMSG_SPACE(12)


class Zygote:
    """Makes one cell after another, each in namespaces of its own."""

    def __init__(self, place: Place, proc: int) -> None:
        self._place = place
        self._control = place.control
        self._proc = proc
        self._namespaces = FULL

    def serve(self) -> int:
        """Serves until the supervisor hangs up or a cell is lost; returns an exit code."""
        try:
            if self._proc < 0:
                self._proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
            cell = self._first_cell()
        except OSError as error:
            self._namespaces = 0
            cell = self._make_cell()
            self._say({"event": "ready", "reusable": False, "missing": str(error)})
        while (outcome := self._watch(cell)) == "served":
            cell = self._make_cell()
        return 0 if outcome in ("hung up", "spent") else 1

    def _first_cell(self) -> Cell:
        """Makes the first cell, with all the namespaces that can be had, and says so.

        Raises:
            OSError: Cells can't be made here.
        """
        missing = ""
        # In the second, a run would find the jail's processes in /proc, and not its program.
        choices = (FULL,) if self._place.application else (FULL, SHARING_FILES)
        for self._namespaces in choices:
            cell = self._make_cell()
            said = cell.news.recv(MAX_PACKET_BYTES)
            if said == PREPARED:
                self._say({"event": "ready", "reusable": True, "missing": missing})
                return cell
            cell.end()
            missing = missing or said.decode(errors="replace")
        raise OSError(missing)

    def _make_cell(self) -> Cell:
        """Forks a cell, in which the process of a run waits for an order.

        Raises:
            OSError: The kernel refuses.
        """
        # Only the user of a process that can be looked into may map users for it.
        linux.set_dumpable(True)
        try:
            cell = Cell(self._place, self._namespaces)
            if self._namespaces:
                self._map_users(cell.pid)
                cell.news.send(MAPPED)
        finally:
            linux.set_dumpable(False)
        return cell

    def _map_users(self, pid: int) -> None:
        """Gives a cell's user namespace its only user and group."""
        user = os.geteuid() if self._place.user is None else self._place.user
        group = os.getegid() if self._place.user is None else self._place.user
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            try:
                fd = os.open(f"{pid}/{name}", os.O_WRONLY, dir_fd=self._proc)
            except OSError:
                if name == "setgroups":  # gVisor has none; where it matters, gid_map fails without
                    continue
                raise
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)

    def _watch(self, cell: Cell) -> str:
        """Waits for the run of a cell to begin and to end; reports how it did."""
        taken, run_pid = self._taken(cell)
        if not taken:
            cell.end()
            return "hung up" if self._has_hung_up() else "lost"  # with an order, perhaps
        run_id, cpu_limit, began = TAKEN.unpack(taken)
        limit = None
        watched: list[Any] = [self._control, cell.status]
        while True:
            # One process can't use CPU faster than its threads have cores: half the rest is early
            # enough, and 5 ms is fine enough.
            rest = max(0.005, (cpu_limit - cpu_seconds_of(run_pid)) / (2 * (os.cpu_count() or 1)))
            readable, _, _ = select.select(watched, [], [], rest)
            if cell.status in readable:
                break
            if self._control in readable and not self._obey(run_id, run_pid):
                return "hung up"
            if limit is None and cpu_seconds_of(run_pid) >= cpu_limit:
                limit = "cpu-time"
                kill(run_pid)
        said = os.read(cell.status, STATUS.size)
        if not said:
            return "lost"
        (status,) = STATUS.unpack(said)
        begun = has_begun(cell.news)
        usage = cell.end()
        spent = not self._namespaces or cell.leaves_files()
        self._say(
            {
                "event": "exit",
                "id": run_id,
                "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
                "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
                "limit": limit,
                "begun": begun,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "wall_seconds": time.monotonic() - began,
                "peak_memory_bytes": usage.ru_maxrss * 1024,
                "spent": spent,
            }
        )
        return "spent" if spent else "served"

    def _taken(self, cell: Cell) -> tuple[bytes, int]:
        """Waits until a run has taken its order; what it says then, and its pid.

        Nothing if the cell ends before that.
        """
        watched: list[Any] = [cell.news, cell.status]
        while True:
            readable, _, _ = select.select(watched, [], [])
            if cell.news not in readable:
                return b"", 0
            said, credentials, _, _ = cell.news.recvmsg(MAX_PACKET_BYTES, _CREDENTIALS)
            if len(said) == TAKEN.size:
                return said, int.from_bytes(credentials[0][2][:4], sys.byteorder)
            if said != PREPARED:
                return b"", 0

    def _obey(self, run_id: int, run_pid: int) -> bool:
        packet = self._control.recv(MAX_PACKET_BYTES)
        if not packet:
            return False
        command = json.loads(packet)
        if command["op"] == "kill" and command["id"] == run_id:
            kill(run_pid)
        return True

    def _has_hung_up(self) -> bool:
        """Whether the supervisor has closed its end."""
        if not select.select([self._control], [], [], 0)[0]:
            return False
        return not self._control.recv(1, socket.MSG_PEEK)

    def _say(self, event: dict[str, object]) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._control.send(json.dumps(event).encode())


def has_begun(news: socket.socket) -> bool:
    """Whether a run has said that it comes to code of others."""
    try:
        return news.recv(1, socket.MSG_DONTWAIT) == b"1"
    except BlockingIOError:
        return False


def kill(pid: int) -> None:
    """Ends the process of a run."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def cpu_seconds_of(pid: int) -> float:
    """CPU that a process has used, all its threads together; 0 once it is gone.

    The clock id is built as `clock_getcpuclockid(3)` builds it.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def main(proc: int = -1) -> None:
    """Serves as process 1, with the modules that its runs need already imported.

    `proc` is a file descriptor of /proc, where that can't be opened any more.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fds, user, filter_program, *modules = sys.argv[1:]
    control, *entries = map(int, fds.split(","))
    os.set_inheritable(control, False)
    application = ""
    for each in modules:
        name, has_argument, argument = each.partition(":")
        module = importlib.import_module(name)
        if hasattr(module, "warm"):
            module.warm(*([argument] if has_argument else []))
        application = getattr(module, "application", application)
    if user != "-":
        os.setgroups([])
    os.environ.clear()
    os.umask(0o077)
    sys.argv = [""]
    open_streams()
    linux.set_dumpable(False)
    place = Place(
        control=socket.socket(fileno=control),
        entries=entries,
        user=None if user == "-" else int(user),
        filter_program=bytes.fromhex(filter_program),
        application=application,
    )
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.exit(serve(place, proc))


def serve(place: Place, proc: int) -> int:
    """Serves as the zygote, or as the process of a run once it is forked from that."""
    try:
        return Zygote(place, proc).serve()
    except Forked as forked:
        run = forked.run
    return run.serve()
