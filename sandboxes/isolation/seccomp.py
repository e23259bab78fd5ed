"""System call filters for jails and for the cells inside of them, as classic BPF programs.

The first process of a jail makes namespaces and mounts for cells, and runs none of the candidate's
code; a cell's own filter, on top of the jail's, denies these as well.

They deny what a Python program has no use for and kernels have had trouble with: making
namespaces and mounts, reaching into other processes, sockets of any family, kernel keyrings, BPF,
performance events, io_uring, device files, scheduling (a process could have itself kept waiting),
watches on files, flushing the host's disks, listing mounts, which tells paths of the host. Calls of
a foreign architecture kill the process: their numbers mean something else. Calls newer than this
list answer ENOSYS, as an older kernel does.

A socket that is handed in still works, but belongs to the network namespace it was made in: it
can't be bound or connected, nor asked about network interfaces. Limits can be set for the calling
process only, not for the jail's first process beside it.

`clone3` answers ENOSYS, so that the C library falls back to `clone`, whose flags a filter can see
(moby/moby#42680).
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["cell_program", "denied_calls", "jail_program"]

# linux/bpf_common.h, linux/seccomp.h, linux/audit.h
_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER_EQUAL: Final = 0x35
_JUMP_SET: Final = 0x45
_AND: Final = 0x54
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL: Final = 0x80000000
_NUMBER_OFFSET: Final = 0
_ARCH_OFFSET: Final = 4
_FIRST_ARGUMENT_OFFSET: Final = 16
_SECOND_ARGUMENT_OFFSET: Final = 24
_THIRD_ARGUMENT_OFFSET: Final = 32
_X32_BIT: Final = 0x40000000
_SOCKET_REQUESTS: Final = 0x8900  # SIOC…, linux/sockios.h
_FILE_KIND: Final = 0xF000  # S_IFMT, linux/stat.h
_DEVICES: Final = (0x2000, 0x6000)  # S_IFCHR, S_IFBLK
# CLONE_NEWTIME shares its bit with the signal mask of clone, and is no flag of clone.
_NAMESPACE_FLAGS: Final = 0x7E020000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Architecture:
    audit: int
    mount: int
    clone: int
    clone3: int
    prlimit: int
    ioctl: int
    getsockopt: int
    mknod: Mapping[int, int]
    """Calls that make special files, and which argument, from 0, says of what kind."""
    file_times: tuple[int, ...]
    signals: tuple[int, ...]
    """Calls whose first argument is the process that gets a signal."""
    denied: Mapping[str, int]


# Numbers from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h; 424 and above are the same everywhere.
_COMMON: Final = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "process_mrelease": 448,
}
_FIRST_UNKNOWN: Final = 449
_KNOWN_AFTER_ALL: Final = (
    449,  # futex_waitv
    452,  # fchmodat2
    454,  # futex_wake
    455,  # futex_wait
    456,  # futex_requeue
    462,  # mseal
)
_SO_PEERPIDFD: Final = 77
_FIRST_PROCESS: Final = 1
_ARCHITECTURES: Final = {
    "x86_64": _Architecture(
        audit=0xC000003E,
        mount=165,
        clone=56,
        clone3=435,
        prlimit=302,
        mknod={133: 1, 259: 2},  # mknod, mknodat
        ioctl=16,
        getsockopt=55,
        file_times=(132, 235, 261, 280),  # utime, utimes, futimesat, utimensat
        signals=(62, 129, 200, 234, 297),  # kill, rt_sigqueueinfo, tkill, tgkill, rt_tgsigqueueinfo
        denied={
            "socket": 41,
            "connect": 42,
            "accept": 43,
            "bind": 49,
            "listen": 50,
            "accept4": 288,
            "setpriority": 141,
            "sched_setparam": 142,
            "sched_setscheduler": 144,
            "sched_setattr": 314,
            "ioprio_set": 251,
            "shmget": 29,
            "semget": 64,
            "msgget": 68,
            "ptrace": 101,
            "syslog": 103,
            "uselib": 134,
            "personality": 135,
            "sysfs": 139,
            "vhangup": 153,
            "modify_ldt": 154,
            "pivot_root": 155,
            "adjtimex": 159,
            "chroot": 161,
            "acct": 163,
            "settimeofday": 164,
            "umount2": 166,
            "swapon": 167,
            "swapoff": 168,
            "reboot": 169,
            "iopl": 172,
            "ioperm": 173,
            "init_module": 175,
            "delete_module": 176,
            "quotactl": 179,
            "sched_setaffinity": 203,
            "lookup_dcookie": 212,
            "clock_settime": 227,
            "mq_open": 240,
            "kexec_load": 246,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "unshare": 272,
            "vmsplice": 278,
            "perf_event_open": 298,
            "fanotify_init": 300,
            "name_to_handle_at": 303,
            "open_by_handle_at": 304,
            "clock_adjtime": 305,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "kcmp": 312,
            "finit_module": 313,
            "memfd_create": 319,
            "kexec_file_load": 320,
            "bpf": 321,
            "userfaultfd": 323,
            "sync": 162,
            "inotify_init": 253,
            "inotify_init1": 294,
            "syncfs": 306,
        },
    ),
    "aarch64": _Architecture(
        audit=0xC00000B7,
        mount=40,
        clone=220,
        clone3=435,
        prlimit=261,
        mknod={33: 2},  # mknodat
        ioctl=29,
        getsockopt=209,
        file_times=(88,),  # utimensat
        signals=(129, 130, 131, 138, 240),  # the same
        denied={
            "socket": 198,
            "bind": 200,
            "listen": 201,
            "accept": 202,
            "connect": 203,
            "accept4": 242,
            "setpriority": 140,
            "sched_setparam": 118,
            "sched_setscheduler": 119,
            "sched_setattr": 274,
            "ioprio_set": 30,
            "shmget": 194,
            "semget": 190,
            "msgget": 186,
            "ptrace": 117,
            "syslog": 116,
            "personality": 92,
            "vhangup": 58,
            "pivot_root": 41,
            "adjtimex": 171,
            "chroot": 51,
            "acct": 89,
            "settimeofday": 170,
            "umount2": 39,
            "swapon": 224,
            "swapoff": 225,
            "reboot": 142,
            "init_module": 105,
            "delete_module": 106,
            "quotactl": 60,
            "sched_setaffinity": 122,
            "lookup_dcookie": 18,
            "clock_settime": 112,
            "mq_open": 180,
            "kexec_load": 104,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "unshare": 97,
            "vmsplice": 75,
            "perf_event_open": 241,
            "fanotify_init": 262,
            "name_to_handle_at": 264,
            "open_by_handle_at": 265,
            "clock_adjtime": 266,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "kcmp": 272,
            "finit_module": 273,
            "memfd_create": 279,
            "kexec_file_load": 294,
            "bpf": 280,
            "userfaultfd": 282,
            "sync": 81,
            "inotify_init1": 26,
            "syncfs": 267,
        },
    ),
}


def cell_program(machine: str = "", *, shares_devices: bool = False) -> bytes | None:
    """What a cell denies beyond its jail: namespaces, mounts, and signals to its first process.

    Linux keeps signals from the first process of a namespace by itself; gVisor does not.

    Args:
        machine: As for `jail_program`.
        shares_devices: Whether the next run would see what this one does to the time of a device,
            so that nobody may change the time of anything.
    """
    architecture = _ARCHITECTURES.get(machine or platform.machine())
    if architecture is None:
        return None
    denied = _ERRNO | errno.EPERM
    times: list[bytes] = []
    for number in architecture.file_times if shares_devices else ():
        times += _if(_JUMP_EQUAL, number, denied)
    instructions = [_statement(_LOAD, _NUMBER_OFFSET)]
    for number in architecture.signals:
        instructions += [
            _jump(_JUMP_EQUAL, number, 0, 4),
            _statement(_LOAD, _FIRST_ARGUMENT_OFFSET),
            *_if(_JUMP_EQUAL, _FIRST_PROCESS, denied),
            _statement(_RETURN, _ALLOW),
        ]
    return b"".join(
        [
            *instructions,
            *times,
            *_if(_JUMP_EQUAL, architecture.mount, denied),
            _jump(_JUMP_EQUAL, architecture.clone, 0, 3),
            _statement(_LOAD, _FIRST_ARGUMENT_OFFSET),
            *_if(_JUMP_SET, _NAMESPACE_FLAGS, denied),
            _statement(_RETURN, _ALLOW),
        ]
    )


def denied_calls(machine: str = "") -> tuple[str, ...]:
    """Names of the calls that `jail_program` denies whatever their arguments are."""
    architecture = _ARCHITECTURES.get(machine or platform.machine())
    return tuple(sorted([*architecture.denied, *_COMMON])) if architecture else ()


def jail_program(machine: str = "") -> bytes | None:
    """The filter for this machine, or None where its architecture has no table here.

    Args:
        machine: As `platform.machine()` names it; this machine by default.

    Returns:
        An array of `struct sock_filter` (8 bytes each), as bubblewrap's `--seccomp` reads it.
    """
    architecture = _ARCHITECTURES.get(machine or platform.machine())
    if architecture is None:
        return None
    instructions = [
        _statement(_LOAD, _ARCH_OFFSET),
        *_unless(_JUMP_EQUAL, architecture.audit, _KILL),
        _statement(_LOAD, _NUMBER_OFFSET),
        *_if(_JUMP_GREATER_EQUAL, _X32_BIT, _KILL),
        *_if(_JUMP_EQUAL, architecture.clone3, _ERRNO | errno.ENOSYS),
    ]
    for number in (*architecture.denied.values(), *_COMMON.values()):
        instructions += _if(_JUMP_EQUAL, number, _ERRNO | errno.EPERM)
    denied = _ERRNO | errno.EPERM
    for number in _KNOWN_AFTER_ALL:
        instructions += _if(_JUMP_EQUAL, number, _ALLOW)
    instructions += [
        *_if(_JUMP_GREATER_EQUAL, _FIRST_UNKNOWN, _ERRNO | errno.ENOSYS),
        *_no_devices(architecture),
        _jump(_JUMP_EQUAL, architecture.getsockopt, 0, 4),
        _statement(_LOAD, _THIRD_ARGUMENT_OFFSET),
        *_if(_JUMP_EQUAL, _SO_PEERPIDFD, denied),
        _statement(_RETURN, _ALLOW),
        _jump(_JUMP_EQUAL, architecture.prlimit, 0, 4),
        _statement(_LOAD, _FIRST_ARGUMENT_OFFSET),
        *_unless(_JUMP_EQUAL, 0, denied),
        _statement(_RETURN, _ALLOW),
        _jump(_JUMP_EQUAL, architecture.ioctl, 0, 4),
        _statement(_LOAD, _SECOND_ARGUMENT_OFFSET),
        _statement(_AND, 0xFF00),
        *_if(_JUMP_EQUAL, _SOCKET_REQUESTS, denied),
        _statement(_RETURN, _ALLOW),
    ]
    return b"".join(instructions)


def _no_devices(architecture: _Architecture) -> Sequence[bytes]:
    instructions: list[bytes] = []
    for number, argument in architecture.mknod.items():
        instructions += [
            _jump(_JUMP_EQUAL, number, 0, 7),
            _statement(_LOAD, _FIRST_ARGUMENT_OFFSET + 8 * argument),
            _statement(_AND, _FILE_KIND),
        ]
        for kind in _DEVICES:
            instructions += _if(_JUMP_EQUAL, kind, _ERRNO | errno.EPERM)
        instructions.append(_statement(_RETURN, _ALLOW))
    return instructions


def _statement(code: int, operand: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, operand)


def _jump(code: int, operand: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _if(code: int, operand: int, action: int) -> Sequence[bytes]:
    return (_jump(code, operand, 0, 1), _statement(_RETURN, action))


def _unless(code: int, operand: int, action: int) -> Sequence[bytes]:
    return (_jump(code, operand, 1, 0), _statement(_RETURN, action))
