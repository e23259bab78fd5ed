"""Things of the host that a jail must keep out of reach, made for the occasion."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Host", "host", "open_file_count"]

ENVIRONMENT_NAME = "VERIFIER_CONFORMANCE_CANARY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where to find them from outside of a jail."""

    secret: str
    file: str
    """Holds the secret; anybody may read it."""
    folder: str
    """Anybody may write in it."""
    pid: int
    """Of the service's process."""
    port: int
    """Of a listener on 127.0.0.1."""
    abstract: str
    """Name of a listener on a Unix socket without a file."""
    socket: str
    """Path of a listener on a Unix socket."""
    variable: str = ENVIRONMENT_NAME
    """Name of an environment variable of the service's that holds the secret."""

    def as_source(self) -> str:
        """Assigns all of it to `HOST`, as a line of Python."""
        return f"HOST = {asdict(self)!r}\n"


@contextlib.contextmanager
def host() -> Iterator[Host]:
    """Makes them, and takes them away again."""
    secret = secrets.token_hex(16)
    abstract = f"conformance-{secret}"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        folder.chmod(0o777)
        file = folder / "secret"
        file.write_text(secret, encoding="ascii")
        file.chmod(0o644)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in (f"\0{abstract}", str(folder / "socket")):
            unix = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            unix.bind(address)
            unix.listen()
        os.environ[ENVIRONMENT_NAME] = secret
        stack.callback(os.environ.pop, ENVIRONMENT_NAME, None)
        yield Host(
            secret=secret,
            file=str(file),
            folder=str(folder),
            pid=os.getpid(),
            port=listener.getsockname()[1],
            abstract=abstract,
            socket=str(folder / "socket"),
        )


def open_file_count() -> int:
    """How many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))
