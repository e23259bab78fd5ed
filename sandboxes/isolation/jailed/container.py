"""Entry of a jail that is a container: meets the supervisor, then serves as its zygote.

    python -c "from … import main; main()" JAIL_FILTER USER_ID|- FILTER MODULE…
    python -c "from … import describe; describe()"

An engine hands a container no file descriptors. So the supervisor listens at a socket in a folder
that is mounted into the container, and hands over there what the zygote is to speak through, and
a file for its standard error. `JAIL_FILTER` is the system call filter of the whole jail, in
hexadecimal; the rest is the zygote's.

With a user id, the container is one of gVisor's, and this is its root: gVisor makes no mounts for
cells, and lets every process of a user open the files of the others through /proc. So /proc is
taken away before the first cell, with what else runs have no use for, and runs are another user.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sys
from pathlib import Path

from sandboxes.isolation.jailed import linux, zygote

MEETING_POINT = "/run/verifier/socket"
ROOT = "/verifier"
"""Where an image has our sources."""
DESCRIPTION = f"{ROOT}/worker.json"
"""What the image's builder put into it."""
SUPERFLUOUS_MOUNTS = ("/proc", "/sys", "/dev/pts", "/dev/shm")  # noqa: S108 - taken away
SUPERFLUOUS_DEVICES = ("/dev/fuse", "/dev/net/tun", "/dev/ptmx", "/dev/tty")


def main() -> None:
    """Serves as process 1 of the container."""
    with _meeting() as supervisor:
        _, (control, stderr), _, _ = socket.recv_fds(supervisor, 1, 2)
    os.dup2(stderr, 2)
    os.close(stderr)
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    jail_filter, user = sys.argv.pop(1), sys.argv[1]
    if user != "-":
        clear_files()
    if jail_filter:
        linux.install_filter(bytes.fromhex(jail_filter))
    sys.argv.insert(1, str(control))
    zygote.main(proc)


def clear_files() -> None:
    """Takes away what the engine puts into a container and no run has a use for.

    Raises:
        OSError: It can't be done.
    """
    for path in filter(os.path.ismount, SUPERFLUOUS_MOUNTS):
        linux.detach_mount(path)
    for path in SUPERFLUOUS_DEVICES:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def describe() -> None:
    """Tells the supervisor what the image holds."""
    description = json.loads(Path(DESCRIPTION).read_bytes())
    description["sources"] = digest_of_sources(Path(ROOT))
    with _meeting() as supervisor:
        supervisor.send(json.dumps(description).encode())


def digest_of_sources(root: Path) -> str:
    """SHA-256 over our sources that run in jails, in hexadecimal."""
    whole = hashlib.sha256()
    for source in sorted((root / "sandboxes").glob("*/jailed/*.py")):
        whole.update(f"{source.relative_to(root)}\0".encode())
        whole.update(hashlib.sha256(source.read_bytes()).digest())
    return whole.hexdigest()


def _meeting() -> socket.socket:
    supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor.connect(MEETING_POINT)
    return supervisor
