"""Keeps jails from outliving the service that asked for them, however that ends.

Jails are started by a small process of their own, the spawner. Each has a lifeline: a socket whose
other end the service holds. When that end closes, because the service is done with the jail or
because the service was killed, the spawner ends the jail, waits until every process of it is gone,
and closes its own end last. It is a subreaper, so that also what bubblewrap itself leaves behind
when it is killed half-way through its preparations comes to it, and is ended. Once the service is
gone, the control groups of its jails are removed as well. A spawner that is killed itself may leave
jails half-way: they have its mark in their environment, by which the service finds and ends them.

    python spawner.py REQUESTS_FD MARK      (started by `Spawner`; standard library only)
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

__all__ = ["Spawner"]

_MAX_REQUEST_BYTES: Final = 1 << 17
_PR_SET_CHILD_SUBREAPER: Final = 36
_MARK: Final = "VERIFIER_SPAWNER"


class Spawner:
    """The service's end: asks for processes."""

    def __init__(self) -> None:
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._mark = f"{_MARK}={secrets.token_hex(16)}"

    def spawn(
        self, command: list[str], fds: dict[str, int], groups: Iterable[Path] = ()
    ) -> socket.socket:
        """Starts a command, and returns its lifeline.

        Args:
            command: What to run; an argument `{name}` stands for the number that the file
                descriptor of this name has in the new process; `{one},{two}` for two of them.
            fds: File descriptors to pass on; `stderr` becomes standard error. They stay the
                caller's to close.
            groups: Control groups to be removed, with the folder that they are in, when the service
                has ended without doing so.

        Returns:
            A socket. Shut down its writing end to end the process and everything below it; end of
            file on it says that all of that is gone.

        Raises:
            OSError: There is no process to be had.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        asked = {"command": command, "fds": list(fds), "groups": list(map(str, groups))}
        request = json.dumps(asked).encode()
        try:
            self._send(request, [theirs.fileno(), *fds.values()])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    def _send(self, request: bytes, fds: list[int]) -> None:
        if self._requests is not None:
            try:
                socket.send_fds(self._requests, [request], fds)
            except (BrokenPipeError, ConnectionResetError):
                self.close()  # somebody killed it; its lifelines have ended its jails
            else:
                return
        socket.send_fds(self._start(), [request], fds)

    def _start(self) -> socket.socket:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(theirs.fileno()), self._mark],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={},
                start_new_session=True,  # Ctrl-C is for the service, which ends its jails itself
            )
        return self._requests

    def close(self) -> None:
        """Ends the spawner, and with it every jail; returns once they are gone."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None:
            if self._process.wait() != 0:
                end_marked(self._mark)
            self._process = None


def _readable(sources: Sequence[socket.socket], seconds: float | None) -> list[socket.socket]:
    """Those that have something to say, whatever the numbers of their file descriptors."""
    poll = select.poll()
    for source in sources:
        poll.register(source, select.POLLIN)
    said = {fd for fd, _ in poll.poll(None if seconds is None else seconds * 1000)}
    return [source for source in sources if source.fileno() in said]


class _Jails:
    """The spawner's end."""

    def __init__(self, requests: socket.socket, mark: str) -> None:
        self._requests: socket.socket | None = requests
        self._environment = dict([mark.split("=")])
        self._groups: set[Path] = set()
        self._lifelines: dict[socket.socket, subprocess.Popen[bytes] | None] = {}
        self._ending: set[socket.socket] = set()

    def serve(self) -> None:
        """Serves until the service is gone and nothing is left."""
        while self._requests is not None or self._lifelines:
            watched = [line for line in self._lifelines if line not in self._ending]
            sources = [*watched, *([self._requests] if self._requests else [])]
            # Processes that are on their way out are looked at again shortly.
            for source in _readable(sources, 0.002 if self._ending else None):
                if source is self._requests:
                    self._obey()
                else:
                    self._end(source)
            self._tidy()
        for folder in self._groups:
            remove_groups(folder)

    def _obey(self) -> None:
        assert self._requests is not None
        request, fds, _, _ = socket.recv_fds(self._requests, _MAX_REQUEST_BYTES, 16)
        if not request:
            self._requests = None
            for lifeline in list(self._lifelines):
                self._end(lifeline)
            return
        asked = json.loads(request)
        lifeline = socket.socket(fileno=fds.pop(0))
        self._groups |= {Path(group).parent for group in asked["groups"]}
        self._lifelines[lifeline] = self._spawn(asked, dict(zip(asked["fds"], fds, strict=True)))
        for fd in fds:
            os.close(fd)

    def _spawn(
        self, asked: dict[str, list[str]], fds: dict[str, int]
    ) -> subprocess.Popen[bytes] | None:
        numbers = {name: str(fd) for name, fd in fds.items()}
        try:
            return subprocess.Popen(
                [_numbered(argument, numbers) for argument in asked["command"]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=fds.get("stderr", subprocess.DEVNULL),
                pass_fds=list(fds.values()),
                env=self._environment,
            )
        except OSError as error:
            if "stderr" in fds:
                os.write(fds["stderr"], str(error).encode())
            return None

    def _end(self, lifeline: socket.socket) -> None:
        self._ending.add(lifeline)
        process = self._lifelines[lifeline]
        if process is not None and process.poll() is None:
            process.kill()

    def _tidy(self) -> None:
        """Ends what nobody has a lifeline to, and closes the lifelines of what is gone."""
        ended = [line for line in self._ending if self._gone(line)]
        if not ended:
            return
        own = {process.pid for process in self._lifelines.values() if process is not None}
        while strays := children() - own:
            for stray in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(stray, signal.SIGKILL)
            for stray in strays:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(stray, 0)
        for line in ended:
            self._ending.discard(line)
            del self._lifelines[line]
            line.close()

    def _gone(self, lifeline: socket.socket) -> bool:
        process = self._lifelines[lifeline]
        return process is None or process.poll() is not None


def _numbered(argument: str, numbers: dict[str, str]) -> str:
    """An argument with names of file descriptors, `{name}` or several with commas, as numbers."""
    named = [part[1:-1] for part in argument.split(",")]
    return ",".join(numbers[name] for name in named) if set(named) <= set(numbers) else argument


def remove_groups(folder: Path) -> None:
    """Removes a folder of control groups that nothing is in any more."""
    for group in (*folder.glob("*/"), folder):
        with contextlib.suppress(OSError):
            group.rmdir()


def end_marked(mark: str) -> None:
    """Ends all processes that have this in their environment."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in environment.read_bytes().split(b"\0"):
                os.kill(int(environment.parent.name), signal.SIGKILL)


def children() -> set[int]:
    """Direct children of this process."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    if listed.exists():
        return {int(pid) for pid in listed.read_text(encoding="ascii").split()}
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def main() -> None:
    """Serves over the socket whose number is the first argument."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.set_inheritable(False)
    _Jails(requests, sys.argv[2]).serve()


if __name__ == "__main__":
    main()
