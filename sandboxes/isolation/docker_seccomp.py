"""Docker's form of the system call filter of a jail.

The engine's own default allows more than a jail needs, and denies what a zygote makes cells with:
namespaces and mounts. `jail_profile` is what `seccomp.jail_program` denies, by name, but for the
socket at which container and supervisor meet; the zygote then puts the program itself on top, as in
every jail. gVisor ignores profiles, and obeys the program.

`server_profile` is for a container in which the service makes jails with bubblewrap. It allows the
calls that make them too. It is kept in `docker/seccomp-server.json`:

    python -m sandboxes.isolation.docker_seccomp > docker/seccomp-server.json

Format: docs.docker.com/engine/security/seccomp, and the OCI runtime specification, "Seccomp".
"""

from __future__ import annotations

import errno
import json
from typing import Any, Final

from sandboxes.isolation import seccomp

__all__ = ["jail_profile", "server_profile"]

_FOR_THE_MEETING: Final = {"socket", "connect"}
_FOR_BUBBLEWRAP: Final = {"chroot", "pivot_root", "setns", "umount2", "unshare"}
_FOR_A_SERVER: Final = {
    "accept",
    "accept4",
    "bind",
    "connect",
    "inotify_init1",
    "listen",
    "memfd_create",
    "sched_setaffinity",
    "setpriority",
    "socket",
    "sync",
    "syncfs",
}
_DENIED: Final = {"action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
_AF_UNIX: Final = 1


def jail_profile() -> dict[str, Any]:
    """For containers that are jails: a JSON object."""
    not_unix = {"index": 0, "value": _AF_UNIX, "op": "SCMP_CMP_NE"}
    return _profile(_FOR_THE_MEETING, {"names": ["socket"], "args": [not_unix], **_DENIED})


def server_profile() -> dict[str, Any]:
    """For a container that makes jails inside: a JSON object."""
    return _profile(_FOR_BUBBLEWRAP | _FOR_A_SERVER)


def _profile(allowed: set[str], *more: dict[str, Any]) -> dict[str, Any]:
    """One for every machine: engines pass over names that theirs has no call for."""
    names = {*seccomp.denied_calls("x86_64"), *seccomp.denied_calls("aarch64")} - allowed
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": sorted(names), **_DENIED},
            *more,
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
        ],
    }


if __name__ == "__main__":
    print(json.dumps(server_profile(), indent=2))  # noqa: T201 - a command's answer
