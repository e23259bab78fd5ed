"""What a candidate may try to reach, by raw system calls: each attempt, and what must come of it.

An attempt that is merely malformed would look like one that is denied. So each one is written such
that it works where nothing stops it, and those of them that do no harm say so (`harmless`): run
without any jail, they have to get through, or the attempt is the one that is broken.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sandboxes.conformance.afterwards import left_in
from sandboxes.conformance.checks import Subject
from sandboxes.conformance.host import Host, host
from sandboxes.conformance.programs import PROGRAM, run

__all__ = ["ATTEMPTS", "Attempt", "program_of", "program_of_all"]

DENIED: Final = frozenset({"EPERM", "EACCES", "ENOSYS"})
ABSENT: Final = frozenset({"ENOENT", "EACCES", "EPERM", "EROFS"})
NOBODY: Final = frozenset({"ESRCH", "EPERM", "ENOSYS", "nobody there"})
KILLED: Final = frozenset({"killed by signal 31", "killed by signal 11"})
"""By the filter (SIGSYS), or since the kernel knows no such calls (SIGSEGV)."""

FILES: Final = ("mount-namespace", "read-only-files")
PROCESSES: Final = ("pid-namespace", "separate-user")
NETWORK: Final = ("no-network", "seccomp")
FILTER: Final = ("seccomp",)
IDENTITY: Final = ("separate-user", "user-namespace")

_PRELUDE: Final = """
import array, ctypes, errno, fcntl, mmap, os, resource, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
MACHINE = os.uname().machine
# Numbers of x86_64 and aarch64, as in the kernel's tables.
NUMBERS = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272), "unshare": (272, 97), "setns": (308, 268), "clone": (56, 220),
    "clone3": (435, 435), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "fsopen": (430, 430), "open_tree": (428, 428), "statmount": (457, 457),
    "listmount": (458, 458), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "keyctl": (250, 219),
    "add_key": (248, 217), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "fanotify_init": (300, 262), "inotify_init1": (294, 26), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "init_module": (175, 105), "kexec_load": (246, 104),
    "reboot": (169, 142), "syslog": (103, 116), "acct": (163, 89), "swapon": (167, 224),
    "sethostname": (170, 161), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "quotactl": (179, 60), "personality": (135, 92), "shmget": (29, 194), "shmctl": (31, 195),
    "semget": (64, 190), "semctl": (66, 191), "msgget": (68, 186), "msgctl": (71, 187),
    "mq_open": (240, 180), "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "prlimit64": (302, 261), "process_madvise": (440, 440), "vmsplice": (278, 75),
    "socket": (41, 198), "bind": (49, 200), "connect": (42, 203), "sync": (162, 81),
    "syncfs": (306, 267), "move_pages": (279, 239), "capget": (125, 90), "getpid": (39, 172),
    "modify_ldt": (154, None), "iopl": (172, None), "open_tree_attr": (467, 467),
}
def call(name, *args):
    number = NUMBERS[name][MACHINE == "aarch64"] if MACHINE in ("x86_64", "aarch64") else None
    if number is None: raise OSError(errno.ENOSYS, name)
    words = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a)
             if isinstance(a, bytes) else a for a in args]
    words += [ctypes.c_long(0)] * (6 - len(words))
    result = libc.syscall(ctypes.c_long(number), *words)
    if result == -1: raise OSError(ctypes.get_errno(), name)
    return result
def others():
    found = {1, os.getppid()} - {0, os.getpid()}
    if not found: raise Told("nobody there")
    return sorted(found)
class Told(Exception): pass
"""

_MAIN: Final = """
def said_by(attempt):
    try: return str(attempt() or "reached")
    except Told as told: return str(told)
    except OSError as error: return errno.errorcode.get(error.errno or 0, str(error))
    except ValueError as error: return "EPERM" if "not allowed" in str(error) else str(error)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, as the body of a function that raises `OSError` or says what it saw."""

    short: str
    body: str
    layers: tuple[str, ...]
    allowed: frozenset[str] = DENIED
    """What may come of it; "reached" is what it says if nothing stops it."""
    harmless: bool = False
    """Whether it does no harm outside of a jail, and must get through there."""

    @property
    def name(self) -> str:
        """Group and name."""
        return f"reach/{self.short}"

    @property
    def expected(self) -> str:
        """The answers that are fine."""
        return " or ".join(sorted(self.allowed))

    async def look(self, subject: Subject) -> tuple[bool, str]:
        """Tries it, and has the next candidate in the same jail look for traces."""
        async with subject.jails.lease(PROGRAM) as jail:
            with host() as canaries:
                ran = await run(jail, program_of(self, canaries))
            said = f"killed by signal {ran.exit.signal}" if ran.exit.signal else ran.said
            left = await left_in(jail)
        if left:
            return False, f"{said}; and it left {'; '.join(left)}"
        return said in self.allowed, said.splitlines()[-1][:200]


def program_of(attempt: Attempt, canaries: Host) -> str:
    """A program that says what came of an attempt."""
    return f"{_program([attempt], canaries)}print(said_by(attempt_0))\n"


def program_of_all(attempts: Sequence[Attempt], canaries: Host) -> str:
    """A program that makes one attempt after another, and says what came of each, in JSON."""
    names = ", ".join(f"attempt_{number}" for number in range(len(attempts)))
    return (
        f"{_program(attempts, canaries)}import json\n"
        f"print(json.dumps([said_by(one) for one in ({names},)]))\n"
    )


def _program(attempts: Sequence[Attempt], canaries: Host) -> str:
    bodies = "".join(
        f"def attempt_{number}():\n{textwrap.indent(attempt.body, '    ')}\n"
        for number, attempt in enumerate(attempts)
    )
    return f"{_PRELUDE}{canaries.as_source()}{bodies}{_MAIN}"


def _files() -> list[Attempt]:
    """Files of the host, and files of the jail that are not to be changed."""
    bodies = {
        "file-of-the-host": ("return open(HOST['file']).read()", True),
        "folder-of-the-host": ("open(HOST['folder'] + '/x', 'w')", True),
        "password-hashes": ("open('/etc/shadow')", False),
        "processes-in-proc": ("os.listdir('/proc/1')", True),
        "memory-of-process-1": ("open('/proc/1/mem', 'r+b')", False),
        "memory-of-its-parent": ("open(f'/proc/{os.getppid()}/mem', 'r+b')", False),
        "environment-of-process-1": ("open('/proc/1/environ').read()", False),
        "own-memory-as-a-file": ("open('/proc/self/mem', 'r+b')", True),
        "system-settings": ("open('/sys/kernel/mm/transparent_hugepage/enabled')", False),
        "control-groups": ("os.listdir('/sys/fs/cgroup')", True),
        "the-services-sources": (
            "open('/verifier/sandboxes/isolation/jailed/begin.py', 'a')",
            False,
        ),
        "the-standard-library": ("open(os.__file__, 'a')", False),
        "bytecode": ("os.mkdir(os.path.dirname(os.__file__) + '/__pycache__/x')", False),
        "a-customization-of-python": (
            "open(os.path.dirname(os.__file__) + '/sitecustomize.py', 'w')",
            False,
        ),
        "the-root": ("open('/x', 'w')", False),
        "devices": ("open('/dev/x', 'w')", False),
        "the-time-of-a-device": ("os.utime('/dev/null')", False),
        "a-terminal": ("open('/dev/tty', 'r+b', buffering=0)", False),
        "shared-memory-folder": ("open('/dev/shm/conformance', 'w')", False),
        "a-device-of-its-own": (
            "os.mknod('/tmp/x', 0o600 | 0o020000, os.makedev(1, 1))",
            False,
        ),
        "another-temporary-folder": ("os.rename('/tmp', '/var')", False),
    }
    allowed = ABSENT | {"ENXIO", "EBUSY", "EXDEV"}
    return [
        Attempt(short=short, body=body, layers=FILES, allowed=allowed, harmless=harmless)
        for short, (body, harmless) in bodies.items()
    ]


def _network() -> list[Attempt]:
    """Sockets of every family, those of the host, and what the one that it has could do."""
    return [
        Attempt(
            short="sockets-of-every-family",
            body=(
                "made = set()\nfor family in range(64):\n    for kind in (1, 2, 3, 4, 5, 10):\n"
                "        for protocol in (0, 1, 3, 6, 16, 17, 58, 255):\n"
                "            try:\n"
                "                os.close(call('socket', family, kind, protocol))\n"
                "                made.add(family)\n            except OSError: pass\n"
                "return f'made {sorted(made)}' if made else 'none'"
            ),
            layers=FILTER,
            allowed=frozenset({"none"}),
            harmless=True,
        ),
        *(
            Attempt(short=short, body=body, layers=NETWORK, allowed=allowed, harmless=True)
            for short, body, allowed in (
                (
                    "listener-of-the-host",
                    "socket.create_connection(('127.0.0.1', HOST['port']), 5)",
                    DENIED | {"ECONNREFUSED", "ENETUNREACH"},
                ),
                (
                    "abstract-socket-of-the-host",
                    "s = socket.socket(socket.AF_UNIX)\ns.connect('\\0' + HOST['abstract'])",
                    DENIED | {"ECONNREFUSED"},
                ),
                (
                    "socket-file-of-the-host",
                    "s = socket.socket(socket.AF_UNIX)\ns.connect(HOST['socket'])",
                    DENIED | {"ENOENT"},
                ),
            )
        ),
        Attempt(
            short="metadata-of-the-cloud",
            body="socket.create_connection(('169.254.169.254', 80), 2)",
            layers=NETWORK,
            allowed=DENIED | {"ENETUNREACH"},
        ),
        Attempt(
            short="names-of-the-internet",
            body="socket.getaddrinfo('example.com', 80)",
            layers=NETWORK,
            allowed=DENIED
            | {"[Errno -3] Temporary failure in name resolution"}
            | {"[Errno -2] Name or service not known"},
        ),
        Attempt(
            short="bound-socket-of-a-pair",
            body=(
                "a, b = socket.socketpair()\n"
                "call('bind', a.fileno(), struct.pack('=H', 1) + b'\\0conformance', 14)"
            ),
            layers=FILTER,
            harmless=True,
        ),
        Attempt(
            short="interfaces-of-the-host",
            body=(
                "a, b = socket.socketpair()\nroom = array.array('B', bytes(4096))\n"
                "asked = struct.pack('iL', 4096, room.buffer_info()[0])\n"
                "return str(struct.unpack('iL', fcntl.ioctl(a.fileno(), 0x8912, asked))[0])"
            ),
            layers=NETWORK,
            allowed=DENIED | {"0"},
        ),
    ]


def _processes() -> list[Attempt]:
    """The jail's first process, the one that started the run, and the service itself."""
    on_others = {
        "ptrace": ("for pid in others(): call('ptrace', 16, pid)", NOBODY),
        "ptrace-seize": ("for pid in others(): call('ptrace', 0x4206, pid)", NOBODY),
        "read-memory": (
            (
                "room = ctypes.create_string_buffer(8)\n"
                "theirs = (ctypes.c_ulong * 2)(ctypes.addressof(ctypes.c_int(7)), 4)\n"
                "ours = (ctypes.c_ulong * 2)(ctypes.addressof(room), 4)\n"
                "for pid in others(): call('process_vm_readv', pid, ours, 1, theirs, 1)"
            ),
            NOBODY,
        ),
        "write-memory": (
            (
                "room = ctypes.create_string_buffer(8)\n"
                "ours = (ctypes.c_ulong * 2)(ctypes.addressof(room), 4)\n"
                "for pid in others(): call('process_vm_writev', pid, ours, 1, ours, 1)"
            ),
            NOBODY,
        ),
        "take-a-descriptor": (
            "for pid in others():\n    call('pidfd_getfd', call('pidfd_open', pid, 0), 0, 0)",
            NOBODY | {"EINVAL"},
        ),
        "advise-its-memory": (
            (
                "for pid in others():\n"
                "    call('process_madvise', call('pidfd_open', pid, 0), 0, 0, 4)"
            ),
            NOBODY | {"EINVAL"},
        ),
        "lower-its-limits": (
            (
                "low = (ctypes.c_ulong * 2)(1, 1)\n"
                "for pid in others():\n"
                "    for which in (0, 1, 6, 7): call('prlimit64', pid, which, low)"
            ),
            NOBODY,
        ),
        "read-its-limits": (
            (
                "room = (ctypes.c_ulong * 2)()\n"
                "for pid in others(): call('prlimit64', pid, 7, None, room)"
            ),
            NOBODY,
        ),
        "pin-it": (
            (
                "one = ctypes.c_ulong(1)\n"
                "for pid in others(): call('sched_setaffinity', pid, 8, ctypes.byref(one))"
            ),
            NOBODY,
        ),
        "starve-it": ("for pid in others(): call('setpriority', 0, pid, 19)", NOBODY),
        "make-it-idle": (
            (
                "none = ctypes.c_int(0)\n"
                "for pid in others(): call('sched_setscheduler', pid, 5, ctypes.byref(none))"
            ),
            NOBODY,
        ),
        "slow-its-disk": ("for pid in others(): call('ioprio_set', 1, pid, 3 << 13)", NOBODY),
        "compare-it": ("for pid in others(): call('kcmp', pid, pid, 0, 0, 0)", NOBODY),
        "move-its-pages": ("for pid in others(): call('move_pages', pid, 0)", NOBODY),
    }
    kills = {
        "kill-process-1": "os.kill(1, signal.SIGKILL)",
        "kill-its-parent": "os.kill(os.getppid() or 1, signal.SIGKILL)",
        "stop-its-parent": "os.kill(os.getppid() or 1, signal.SIGSTOP)",
        "kill-by-descriptor": (
            "for pid in others():\n"
            "    call('pidfd_send_signal', call('pidfd_open', pid, 0), 9, None, 0)"
        ),
        "kill-its-group": "os.killpg(os.getpgid(1), signal.SIGKILL)",
    }
    survived = frozenset({"reached", "ESRCH", "EPERM", "ENOSYS", "EINVAL", "nobody there"})
    every_signal = (
        "for one in range(1, 65):\n    for pid in others():\n        try: os.kill(pid, one)\n"
        "        except OSError: pass\n"
    )
    return [
        *(
            Attempt(
                short=short,
                body=body,
                layers=(*PROCESSES, "seccomp"),
                allowed=allowed,
            )
            for short, (body, allowed) in on_others.items()
        ),
        # The kernel keeps the first process of a namespace from signals out of it: the call may
        # well say that it worked. What counts is that the jail goes on, which comes next.
        *(
            Attempt(
                short=short,
                body=f"if os.getpid() == 1: return 'nobody there'\n{body}",
                layers=PROCESSES,
                allowed=survived | {"killed by signal 9"},
            )
            for short, body in kills.items()
        ),
        Attempt(
            short="every-signal-to-all-it-sees",
            body=every_signal,
            layers=PROCESSES,
            allowed=survived,
        ),
        Attempt(
            short="kill-everybody",
            body="os.kill(-1, signal.SIGKILL)",
            layers=PROCESSES,
            allowed=survived | {"killed by signal 9"},
        ),
        Attempt(
            short="kill-all-numbers",
            body=(
                "for pid in range(1, 70000):\n    if pid != os.getpid():\n"
                "        try: os.kill(pid, signal.SIGKILL)\n        except OSError: pass\n"
            ),
            layers=PROCESSES,
            allowed=survived,
        ),
        Attempt(
            short="process-of-the-service",
            body="os.kill(HOST['pid'], 0)",
            layers=PROCESSES,
            allowed=frozenset({"ESRCH"}),
            harmless=True,
        ),
    ]


def _kernel() -> list[Attempt]:
    """Parts of the kernel that a Python program has no use for."""
    harmless = {
        "user-namespace": "call('unshare', 0x10000000)",
        "user-namespace-by-clone": (
            "pid = call('clone', 0x10000000 | signal.SIGCHLD)\n"
            "if pid == 0: os._exit(0)\nos.waitpid(pid, 0)"
        ),
        "user-namespace-by-clone3": (
            "args = struct.pack('=8Q', 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)\n"
            "pid = call('clone3', args, len(args))\n"
            "if pid == 0: os._exit(0)\nos.waitpid(pid, 0)"
        ),
        "io-uring": "os.close(call('io_uring_setup', 4, ctypes.create_string_buffer(120)))",
        "userfaultfd": "os.close(call('userfaultfd', 1))",
        "performance-events": (
            "event = struct.pack('=IIQ', 1, 112, 9) + struct.pack('=3QQ', 0, 0, 0, 0x63)\n"
            "os.close(call('perf_event_open', event + bytes(112 - len(event)), 0, -1, -1, 0))"
        ),
        "kernel-keyring": "call('keyctl', 0, -3, 1)",
        "memory-files": "os.close(call('memfd_create', b'x', 0))",
        "file-watches": "os.close(call('inotify_init1', 0))",
        "file-handles": (
            "room = ctypes.create_string_buffer(struct.pack('=Ii', 128, 0) + bytes(128))\n"
            "call('name_to_handle_at', -100, b'/tmp', room, ctypes.byref(ctypes.c_int()), 0)"
        ),
        "list-of-mounts": (
            "room = (ctypes.c_uint64 * 256)()\n"
            "call('listmount', struct.pack('=IIQQ', 24, 0, 2**64 - 1, 0), room, 256, 0)"
        ),
        "system-v-memory": "call('shmctl', call('shmget', 0, 4096, 0o1600), 0, 0)",
        "system-v-semaphores": "call('semctl', call('semget', 0, 1, 0o1600), 0, 0)",
        "system-v-messages": "call('msgctl', call('msgget', 0, 0o1600), 0, 0)",
        "personality": "call('personality', 0xffffffff)",
        "pages-given-to-a-pipe": (
            "r, w = os.pipe()\ndata = ctypes.create_string_buffer(4096)\n"
            "call('vmsplice', w, (ctypes.c_ulong * 2)(ctypes.addressof(data), 4096), 1, 8)"
        ),
        "flush-all-disks": "call('sync')",
        "flush-a-disk": "call('syncfs', os.open(os.__file__, os.O_RDONLY))",
    }
    dangerous = {
        "bpf": "call('bpf', 5, struct.pack('=IIQQ', 1, 2, 0, 0) + bytes(100), 120)",
        "foreign-namespace": "call('setns', call('pidfd_open', os.getpid(), 0), 0x10000000)",
        "mount": "call('mount', b'none', b'/tmp', b'tmpfs', 0, None)",
        "unmount": "call('umount2', b'/tmp', 2)",
        "mount-by-descriptor": "call('fsopen', b'tmpfs', 0)",
        "copy-of-the-mounts": "call('open_tree', -100, b'/', 1)",
        "another-root": "os.chroot('/tmp')",
        "pivot-root": "call('pivot_root', b'/tmp', b'/tmp')",
        "kernel-module": "call('init_module', b'x', 1, b'')",
        "another-kernel": "call('kexec_load', 0, 0, None, 0)",
        "kernel-log": "call('syslog', 3, ctypes.create_string_buffer(64), 64)",
        "process-accounting": "call('acct', None)",
        "swap": "call('swapon', b'/tmp', 0)",
        "host-name": "call('sethostname', b'x', 1)",
        "clock": "call('clock_settime', 0, struct.pack('=qq', 0, 0))",
        "clock-speed": "call('adjtimex', struct.pack('=I', 0x4000) + bytes(204))",
        "quotas": "call('quotactl', 0x800007 << 8, None, 0, None)",
        "message-queues": "call('mq_open', b'x', os.O_CREAT | os.O_RDWR, 0o600, None)",
        "all-file-events": "call('fanotify_init', 0, 0)",
        "file-by-handle": (
            "call('open_by_handle_at', -100, struct.pack('=Iii', 8, 1, 2) + bytes(8), 0)"
        ),
        "secret-memory": "os.close(call('memfd_secret', 0))",
        "io-ports": "call('iopl', 3)",
        "descriptor-tables": "call('modify_ldt', 0, ctypes.create_string_buffer(8), 8)",
        "own-priority": "call('setpriority', 0, 0, -5)",
        "own-processors": "call('sched_setaffinity', 0, 8, ctypes.byref(ctypes.c_ulong(1)))",
        "own-scheduling": "call('sched_setscheduler', 0, 3, ctypes.byref(ctypes.c_int(0)))",
        "calls-of-tomorrow": "call('open_tree_attr', -100, b'/', 0, None, 0)",
    }
    return [
        *(
            Attempt(short=short, body=body, layers=FILTER, harmless=True)
            for short, body in harmless.items()
        ),
        *(Attempt(short=short, body=body, layers=FILTER) for short, body in dangerous.items()),
        Attempt(
            # Number 41 is `dup` there and `socket` here: who takes the one for the other denies it.
            short="calls-of-another-architecture",
            body=(
                "if MACHINE != 'x86_64': return 'ENOSYS'\n"
                "code = mmap.mmap(-1, 4096, prot=7)\n"
                "code.write(b'\\xb8\\x29\\0\\0\\0\\xcd\\x80\\xc3')  # mov eax, 41; int 0x80; ret\n"
                "at = ctypes.addressof(ctypes.c_char.from_buffer(code))\n"
                "return f'reached: {ctypes.CFUNCTYPE(ctypes.c_int)(at)()}'"
            ),
            layers=FILTER,
            allowed=KILLED | {"ENOSYS", "reached: -38", "reached: -1"},
        ),
        Attempt(
            short="calls-with-short-pointers",
            body=(
                "if MACHINE != 'x86_64': return 'ENOSYS'\n"
                "libc.syscall(ctypes.c_long(0x40000000 | 39))\n"
                "return errno.errorcode.get(ctypes.get_errno(), 'reached')"
            ),
            layers=FILTER,
            allowed=KILLED | {"ENOSYS"},
        ),
    ]


def _identity() -> list[Attempt]:
    """Who the candidate is, and may become."""
    return [
        Attempt(
            short="root",
            body="return 'root' if 0 in os.getresuid() + os.getresgid() else 'nobody'",
            layers=IDENTITY,
            allowed=frozenset({"nobody"}),
        ),
        Attempt(
            short="become-root",
            body="os.setresuid(0, 0, 0)",
            layers=IDENTITY,
            allowed=DENIED | {"EINVAL"},
        ),
        Attempt(
            short="join-a-group",
            body="os.setgroups([0])",
            layers=IDENTITY,
            allowed=DENIED | {"EINVAL"},
        ),
        Attempt(
            short="capabilities",
            body=(
                "head, sets = struct.pack('=Ii', 0x20080522, 0), ctypes.create_string_buffer(24)\n"
                "call('capget', head, sets)\n"
                "return 'none' if not any(sets.raw) else f'some: {sets.raw.hex()}'"
            ),
            layers=("no-capabilities",),
            allowed=frozenset({"none"}),
        ),
        Attempt(
            short="new-privileges",
            body="return 'none' if libc.prctl(39, 0, 0, 0, 0) == 1 else 'possible'",
            layers=("no-new-privileges",),
            allowed=frozenset({"none"}),
            harmless=True,
        ),
        Attempt(
            short="environment-of-the-service",
            body="return os.environ.get(HOST['variable'], 'none')",
            layers=("empty-environment",),
            allowed=frozenset({"none"}),
            harmless=True,
        ),
        Attempt(
            short="a-limit-raised",
            body=(
                "for which in range(16):\n    try: resource.setrlimit(which, (-1, -1))\n"
                "    except (OSError, ValueError): continue\n"
                "    if which not in UNLIMITED: return f'raised {which}'\n"
                "return 'none'"
            ).replace("UNLIMITED", "(2, 3, 5, 10, 11, 15)"),
            layers=("memory-per-process", "process-count"),
            allowed=frozenset({"none"}),
        ),
    ]


ATTEMPTS: Final = (*_files(), *_network(), *_processes(), *_kernel(), *_identity())
"""All of them."""
