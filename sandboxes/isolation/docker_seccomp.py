"""Docker's form of the system call filter of a jail.

The engine's own default allows more than a jail needs, and denies what a zygote makes cells with:
namespaces and mounts. This profile is what `seccomp.jail_program` denies, by name, but for the
socket at which container and supervisor meet; the zygote then puts the program itself on top, as in
every jail. gVisor ignores profiles, and obeys the program.

Format: docs.docker.com/engine/security/seccomp, and the OCI runtime specification, "Seccomp".
"""

from __future__ import annotations

import errno
import platform
from typing import Any, Final

from sandboxes.isolation import seccomp

__all__ = ["profile"]

_ARCHITECTURES: Final = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
"""Calls of any other architecture end the process."""
_FOR_THE_MEETING: Final = {"socket", "connect"}
_AF_UNIX: Final = 1


def profile() -> dict[str, Any]:
    """The profile for this machine: a JSON object."""
    denied = {"action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
    not_unix = {"index": 0, "value": _AF_UNIX, "op": "SCMP_CMP_NE"}
    names = [name for name in seccomp.denied_calls() if name not in _FOR_THE_MEETING]
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": [_ARCHITECTURES.get(platform.machine(), "SCMP_ARCH_NATIVE")],
        "syscalls": [
            {"names": names, **denied},
            {"names": ["socket"], "args": [not_unix], **denied},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
        ],
    }
