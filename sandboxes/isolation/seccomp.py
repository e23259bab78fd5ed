"""System call filters for jails and for the cells inside of them, as classic BPF programs.

The first process of a jail makes namespaces and mounts for cells, and runs none of the candidate's
code; a cell's own filter, on top of the jail's, denies these as well.

They deny what a Python program has no use for and kernels have had trouble with: making
namespaces and mounts, reaching into other processes, sockets of any family, kernel keyrings, BPF,
performance events, io_uring, scheduling (a process could have itself kept waiting), watches on
files, flushing the host's disks, listing mounts, which tells paths of the host. Calls of a foreign
architecture kill the process: their numbers mean something else. Calls newer than this list answer
ENOSYS, as an older kernel does.

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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["cell_program", "jail_program"]

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
    denied: tuple[int, ...]


# Numbers from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h; 424 and above are the same everywhere.
_COMMON: Final = (
    425,  # io_uring_setup
    426,  # io_uring_enter
    427,  # io_uring_register
    428,  # open_tree
    429,  # move_mount
    430,  # fsopen
    431,  # fsconfig
    432,  # fsmount
    433,  # fspick
    438,  # pidfd_getfd
    440,  # process_madvise
    442,  # mount_setattr
    443,  # quotactl_fd
    447,  # memfd_secret
    448,  # process_mrelease
)
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
_ARCHITECTURES: Final = {
    "x86_64": _Architecture(
        audit=0xC000003E,
        mount=165,
        clone=56,
        clone3=435,
        prlimit=302,
        ioctl=16,
        getsockopt=55,
        denied=(
            41,  # socket
            42,  # connect
            43,  # accept
            49,  # bind
            50,  # listen
            288,  # accept4
            141,  # setpriority
            142,  # sched_setparam
            144,  # sched_setscheduler
            314,  # sched_setattr
            251,  # ioprio_set
            29,  # shmget
            64,  # semget
            68,  # msgget
            101,  # ptrace
            103,  # syslog
            134,  # uselib
            135,  # personality
            139,  # sysfs
            153,  # vhangup
            154,  # modify_ldt
            155,  # pivot_root
            159,  # adjtimex
            161,  # chroot
            163,  # acct
            164,  # settimeofday
            166,  # umount2
            167,  # swapon
            168,  # swapoff
            169,  # reboot
            172,  # iopl
            173,  # ioperm
            175,  # init_module
            176,  # delete_module
            179,  # quotactl
            203,  # sched_setaffinity
            212,  # lookup_dcookie
            227,  # clock_settime
            240,  # mq_open
            246,  # kexec_load
            248,  # add_key
            249,  # request_key
            250,  # keyctl
            272,  # unshare
            278,  # vmsplice
            298,  # perf_event_open
            300,  # fanotify_init
            303,  # name_to_handle_at
            304,  # open_by_handle_at
            305,  # clock_adjtime
            308,  # setns
            310,  # process_vm_readv
            311,  # process_vm_writev
            312,  # kcmp
            313,  # finit_module
            319,  # memfd_create
            320,  # kexec_file_load
            321,  # bpf
            323,  # userfaultfd
            162,  # sync
            253,  # inotify_init
            294,  # inotify_init1
            306,  # syncfs
        ),
    ),
    "aarch64": _Architecture(
        audit=0xC00000B7,
        mount=40,
        clone=220,
        clone3=435,
        prlimit=261,
        ioctl=29,
        getsockopt=209,
        denied=(
            198,  # socket
            200,  # bind
            201,  # listen
            202,  # accept
            203,  # connect
            242,  # accept4
            140,  # setpriority
            118,  # sched_setparam
            119,  # sched_setscheduler
            274,  # sched_setattr
            30,  # ioprio_set
            194,  # shmget
            190,  # semget
            186,  # msgget
            117,  # ptrace
            116,  # syslog
            92,  # personality
            58,  # vhangup
            41,  # pivot_root
            171,  # adjtimex
            51,  # chroot
            89,  # acct
            170,  # settimeofday
            39,  # umount2
            224,  # swapon
            225,  # swapoff
            142,  # reboot
            105,  # init_module
            106,  # delete_module
            60,  # quotactl
            122,  # sched_setaffinity
            18,  # lookup_dcookie
            112,  # clock_settime
            180,  # mq_open
            104,  # kexec_load
            217,  # add_key
            218,  # request_key
            219,  # keyctl
            97,  # unshare
            75,  # vmsplice
            241,  # perf_event_open
            262,  # fanotify_init
            264,  # name_to_handle_at
            265,  # open_by_handle_at
            266,  # clock_adjtime
            268,  # setns
            270,  # process_vm_readv
            271,  # process_vm_writev
            272,  # kcmp
            273,  # finit_module
            279,  # memfd_create
            294,  # kexec_file_load
            280,  # bpf
            282,  # userfaultfd
            81,  # sync
            26,  # inotify_init1
            267,  # syncfs
        ),
    ),
}


def cell_program(machine: str = "") -> bytes | None:
    """What a cell denies beyond its jail: namespaces and mounts. Arguments as `jail_program`."""
    architecture = _ARCHITECTURES.get(machine or platform.machine())
    if architecture is None:
        return None
    denied = _ERRNO | errno.EPERM
    return b"".join(
        [
            _statement(_LOAD, _NUMBER_OFFSET),
            *_if(_JUMP_EQUAL, architecture.mount, denied),
            _jump(_JUMP_EQUAL, architecture.clone, 0, 3),
            _statement(_LOAD, _FIRST_ARGUMENT_OFFSET),
            *_if(_JUMP_SET, _NAMESPACE_FLAGS, denied),
            _statement(_RETURN, _ALLOW),
        ]
    )


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
    for number in (*architecture.denied, *_COMMON):
        instructions += _if(_JUMP_EQUAL, number, _ERRNO | errno.EPERM)
    denied = _ERRNO | errno.EPERM
    for number in _KNOWN_AFTER_ALL:
        instructions += _if(_JUMP_EQUAL, number, _ALLOW)
    instructions += [
        *_if(_JUMP_GREATER_EQUAL, _FIRST_UNKNOWN, _ERRNO | errno.ENOSYS),
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


def _statement(code: int, operand: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, operand)


def _jump(code: int, operand: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _if(code: int, operand: int, action: int) -> Sequence[bytes]:
    return (_jump(code, operand, 0, 1), _statement(_RETURN, action))


def _unless(code: int, operand: int, action: int) -> Sequence[bytes]:
    return (_jump(code, operand, 1, 0), _statement(_RETURN, action))
