"""First process of a jail: keeps a cell ready for the next run, and makes a new one after each.

It has imported everything that runs need, so that each starts as a fork of it, and never touches
candidate data: a job reaches the process that runs it as a file descriptor. It is process 1 of the
jail's pid namespace.

    python -c "from … import main; main()" CONTROL_FD[,ENTRY_FD…] USER_ID|- FILTER MODULE…

`CONTROL_FD` is a socket to the supervisor (one JSON object per packet, file descriptors beside it;
`cell.py` has the commands). A process that writes "0" to an `ENTRY_FD` puts itself into a control
group; every cell does. With a user id, every run becomes that user. `FILTER` is a system call
filter for runs, in hexadecimal; it may be empty. Modules are imported, and those with a function
`warm` are warmed up with it.

The first event on the socket is

    {"event": "ready", "reusable": true, "missing": ""}

`reusable` is false where the host does not allow cells (`missing` says what they lack): then the
jail itself is the cell, and serves one run. When the socket closes, everything in the jail ends:
the kernel kills what is left of a pid namespace together with its first process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys

from sandboxes.isolation.jailed import linux
from sandboxes.isolation.jailed.cell import HUNG_UP, SERVED, SPENT, STANDBY_LOST, Cell, Place

FULL = linux.CLONE_NEWUSER | linux.CLONE_NEWPID | linux.CLONE_NEWNS
SHARING_FILES = linux.CLONE_NEWUSER | linux.CLONE_NEWPID
"""Namespaces of cells where the kernel makes no mounts for them: in gVisor."""
MAX_STANDBYS_LOST = 3


class Zygote:
    """Makes one cell after another, each in namespaces of its own."""

    def __init__(self, place: Place, proc: int) -> None:
        self._place = place
        self._proc = proc
        self._namespaces = FULL

    def serve(self) -> int:
        """Serves until the supervisor hangs up or a cell is lost; returns an exit code."""
        try:
            if self._proc < 0:
                self._proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
            cell = self._first_cell()
        except OSError as error:
            return self._serve_once(str(error))
        lost = 0
        while True:
            _, status = os.waitpid(cell, 0)
            code = os.waitstatus_to_exitcode(status)
            if code not in (SERVED, STANDBY_LOST):
                return 0 if code in (HUNG_UP, SPENT) else 1
            lost = lost + 1 if code == STANDBY_LOST else 0
            if lost > MAX_STANDBYS_LOST:
                return 1
            cell = 0  # or the next cell could tell from it how many there were
            cell, _ = self._make_cell(b"")

    def _first_cell(self) -> int:
        """Makes the first cell, which reports that the jail is ready.

        Raises:
            OSError: Cells can't be made here.
        """
        missing = ""
        for self._namespaces in (FULL, SHARING_FILES):
            cell, complaints = self._make_cell(greeting(reusable=True, missing=missing))
            with open(complaints, "rb") as pipe:
                complaint = pipe.read().decode(errors="replace")
            if not complaint:
                return cell
            os.waitpid(cell, 0)
            missing = missing or complaint
        raise OSError(missing)

    def _make_cell(self, said: bytes) -> tuple[int, int]:
        """Forks a cell; its pid, and a pipe that tells what went wrong in making it, if anything.

        The pipe is there for the first cell only, the one that has something to say.
        """
        complaints, complain = os.pipe() if said else (-1, -1)
        mapped, say_mapped = os.pipe()
        # Only the user of a process that can be looked into may map users for it.
        linux.set_dumpable(True)
        pid = linux.clone(self._namespaces)
        if pid == 0:
            for fd in (say_mapped, self._proc, *((complaints,) if said else ())):
                os.close(fd)
            has_files = bool(self._namespaces & linux.CLONE_NEWNS)
            os._exit(Cell(self._place, said).serve_confined(mapped, complain, has_files=has_files))
        try:
            self._map_users(pid)
            os.write(say_mapped, b"1")
        finally:
            linux.set_dumpable(False)
            for fd in (mapped, say_mapped, *((complain,) if said else ())):
                os.close(fd)
        return pid, complaints

    def _map_users(self, pid: int) -> None:
        """Gives the cell's user namespace its only user and group."""
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

    def _serve_once(self, missing: str) -> int:
        said = greeting(reusable=False, missing=missing)
        return Cell(self._place, said).serve_unconfined()


def greeting(*, reusable: bool, missing: str = "") -> bytes:
    """The event that the jail is ready."""
    return json.dumps({"event": "ready", "reusable": reusable, "missing": missing}).encode()


def main(proc: int = -1) -> None:
    """Serves as process 1, with the modules that its runs need already imported.

    `proc` is a file descriptor of /proc, where that can't be opened any more.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fds, user, filter_program, *modules = sys.argv[1:]
    control, *entries = map(int, fds.split(","))
    os.set_inheritable(control, False)
    for name in modules:
        module = importlib.import_module(name)
        if hasattr(module, "warm"):
            module.warm()
    if user != "-":
        os.setgroups([])
    os.environ.clear()
    os.umask(0o077)
    sys.argv = [""]
    linux.set_dumpable(False)
    gc.collect()
    gc.freeze()
    place = Place(
        control=socket.socket(fileno=control),
        entries=entries,
        user=None if user == "-" else int(user),
        filter_program=bytes.fromhex(filter_program),
    )
    sys.exit(Zygote(place, proc).serve())
