"""System calls that Python has no function for.

The library is loaded so that calls keep the interpreter's lock: a child made by `clone` goes on in
the middle of such a call, and must own the lock when it returns.
"""

from __future__ import annotations

import ctypes
import errno
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
_MNT_DETACH = 2
_SIGCHLD = 17
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_FILTER_BYTES = 8
# arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h
_CLONE = {"x86_64": 56, "aarch64": 220}
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.PyDLL(None, use_errno=True)
for _name in ("syscall", "mount", "umount2", "prctl", "capset"):
    getattr(_libc, _name)  # looked up once, and not again in every fork
_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def clone(namespaces: int) -> int:
    """Forks into new namespaces: the child's pid, or 0 in the child.

    No hook of Python's runs, on either side. It suits a process with one thread, whose child only
    waits, or forks in the ordinary way before it does anything else.

    Raises:
        OSError: The kernel refuses, or the architecture is not in the table.
    """
    machine = os.uname().machine
    if machine not in _CLONE:
        raise OSError(f"clone: no number for {machine}")
    pid: int = _libc.syscall(_CLONE[machine], namespaces | _SIGCHLD, 0, 0, 0, 0)
    if pid < 0:
        raise _error("clone")
    return pid


def mount_tmpfs(path: str, flags: int, options: str) -> None:
    """Mounts an empty file system in memory.

    Raises:
        OSError: The kernel refuses.
    """
    if _libc.mount(b"tmpfs", path.encode(), b"tmpfs", ctypes.c_ulong(flags), options.encode()) != 0:
        raise _error(f"mount {path}")


def locked_flags(path: str) -> int:
    """Flags of a mount that a mount namespace of less privilege may not take away."""
    return os.statvfs(path).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)


def protect_mount(path: str, locked: int) -> None:
    """Makes a mount read-only in this mount namespace; what is no mount stays as it is.

    Devices on it can still be read and written, but their times and modes are nobody's to change.

    Args:
        path: Of the mount.
        locked: As `locked_flags` says.

    Raises:
        OSError: The kernel refuses.
    """
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | locked
    if _libc.mount(None, path.encode(), None, ctypes.c_ulong(flags), None) != 0:
        error = _error(f"remount {path}")
        if error.errno != errno.EINVAL:
            raise error


def detach_mount(path: str) -> None:
    """Takes a mount away, though files of it are open.

    Raises:
        OSError: The kernel refuses.
    """
    if _libc.umount2(path.encode(), _MNT_DETACH) != 0:
        raise _error(f"umount {path}")


def set_dumpable(dumpable: bool) -> None:
    """Says whether others of the same user may look into this process."""
    _libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0)


def drop_capabilities() -> None:
    """Gives up every capability, for good: programs can't regain them under no_new_privs.

    Raises:
        OSError: The kernel refuses.
    """
    if _libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES) != 0:
        raise _error("capset")


def install_filter(program: bytes) -> None:
    """Puts a system call filter over this process and all that it starts.

    Raises:
        OSError: The kernel refuses.
    """
    filled = _Program(len(program) // _FILTER_BYTES, program)
    arguments = (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filled), 0, 0)
    if _libc.prctl(*arguments) != 0:
        raise _error("prctl(PR_SET_SECCOMP)")


def _error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
