"""What candidates can reach, and what becomes of those that take too much."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.isolation.test_spawner import alive
from tests.python_tests.conftest import Verify, evidence
from verifier_service.model import Outcome, StdioCase, StdioCases, TestCode

TELL = TestCode(source="assert tell() == 'unreachable'")


def telling(body: str) -> str:
    """A candidate that says whether a forbidden step worked."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return (
        "import os, socket, sys, ctypes, signal\n"
        "def tell():\n"
        "    try:\n"
        f"{lines}\n"
        "    except (OSError, ImportError, PermissionError):\n"
        "        return 'unreachable'\n"
        "    return 'reached'\n"
    )


LIBC = "libc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("open('/etc/passwd')", id="password-file"),
        pytest.param("open('/proc/1/environ')", id="environment-of-process-1"),
        pytest.param("os.listdir('/proc')", id="proc"),
        pytest.param("os.listdir('/sys')", id="sys"),
        pytest.param("os.listdir('/home')", id="home"),
        pytest.param("open('/verifier/x', 'w')", id="write-our-sources"),
        pytest.param("open(os.__file__, 'a')", id="write-the-standard-library"),
        pytest.param("open('/dev/x', 'w')", id="write-into-dev"),
        pytest.param("open('/x', 'w')", id="write-into-the-root"),
        pytest.param("os.mknod('/tmp/x', 0o600 | 0o020000, os.makedev(1, 1))", id="device"),
        pytest.param("socket.socket(socket.AF_INET)", id="internet-socket"),
        pytest.param("socket.socket(socket.AF_UNIX)", id="unix-socket"),
        pytest.param("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", id="netlink"),
        pytest.param("socket.socket(40, socket.SOCK_STREAM)", id="vsock"),
        pytest.param("socket.socket(38, 5)", id="af-alg"),
        pytest.param("os.kill(1, 0)\nos.kill(1, 9)\nos.kill(1, 0)\nraise OSError", id="kill-init"),
        pytest.param("os.setuid(0)", id="become-root"),
        pytest.param("os.chroot('/tmp')", id="chroot"),
        pytest.param("os.setpriority(os.PRIO_PROCESS, 0, -5)", id="priority"),
        pytest.param("os.sched_setaffinity(0, {0})", id="affinity"),
        pytest.param("os.memfd_create('x')", id="memfd"),
        pytest.param(
            "import resource\ntry: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
            "except ValueError: raise OSError",
            id="raise-a-limit",
        ),
        pytest.param(LIBC + "if libc.unshare(0x10000000) != 0: raise OSError", id="user-namespace"),
        pytest.param(LIBC + "if libc.ptrace(16, 1, 0, 0) != 0: raise OSError", id="ptrace"),
        pytest.param(
            LIBC + "if libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0) != 0: raise OSError", id="mount"
        ),
        pytest.param(LIBC + "if libc.syscall(321, 0, 0, 0) < 0: raise OSError", id="bpf"),
        pytest.param(LIBC + "if libc.syscall(425, 1, 0) < 0: raise OSError", id="io-uring"),
        pytest.param("import hypothesis", id="packages-of-the-host"),
        pytest.param("if not os.environ: raise OSError", id="environment"),
        pytest.param("if not sys.argv[1:]: raise OSError", id="arguments"),
    ],
)
async def test_out_of_reach(body: str, verify: Verify) -> None:
    verdict = await verify(telling(body), TELL)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_a_socket_of_the_host_is_out_of_reach(verify: Verify, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        body = f"socket.create_connection(('127.0.0.1', {port}), 1)"
        verdict = await verify(telling(body), TELL)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_nothing_of_one_candidate_reaches_the_next(verify: Verify) -> None:
    leaves = "open('/tmp/left', 'w').write('x')\ndef tell(): return 'unreachable'"

    assert (await verify(leaves, TELL)).outcome is Outcome.ACCEPTED
    verdict = await verify(telling("open('/tmp/left')"), TELL)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


@pytest.mark.parametrize(
    ("source", "reasons"),
    [
        pytest.param("def f():\n    while True: pass", {"cpu-time-exceeded"}, id="endless-loop"),
        pytest.param(
            "import re\ndef f(): re.match('(a*)*b', 'a' * 40)", {"cpu-time-exceeded"}, id="regex"
        ),
        pytest.param(
            "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
            "    except (OSError, ValueError): pass\ndef f():\n    while True: time.sleep(9)",
            {"wall-time-exceeded"},
            id="ignores-every-signal",
        ),
        pytest.param("import time\ndef f(): time.sleep(1000)", {"wall-time-exceeded"}, id="sleeps"),
        pytest.param(
            "import sys\ndef f(): sys.stdin.read(); input()", {"exception-raised"}, id="reads"
        ),
        pytest.param("def f(): return bytearray(3 << 30)", {"memory-exceeded"}, id="memory"),
        pytest.param(
            "import os\ndef f():\n    while True: os.fork()",
            {"exception-raised", "cpu-time-exceeded"},
            id="fork-bomb",
        ),
        pytest.param(
            "import os\ndef f():\n    for _ in range(8):\n        if os.fork() == 0:\n"
            "            while True: pass\n    import time; time.sleep(60)",
            {"cpu-time-exceeded", "wall-time-exceeded"},
            id="cpu-of-many-processes",
        ),
        pytest.param(
            "import threading, time\ndef f():\n    for _ in range(3000):\n"
            "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            {"exception-raised"},
            id="thread-bomb",
        ),
        pytest.param(
            "def f():\n    with open('/tmp/x', 'wb') as x:\n        for _ in range(99):"
            " x.write(bytes(1 << 20))",
            {"exception-raised"},
            id="large-file",
        ),
        pytest.param(
            "def f():\n    for i in range(99): open(f'/tmp/{i}', 'wb').write(bytes(1 << 20))",
            {"exception-raised"},
            id="full-disk",
        ),
        pytest.param(
            "import os\ndef f():\n    while True: os.write(1, bytes(1 << 20))",
            {"output-exceeded", "cpu-time-exceeded"},
            id="floods-its-output",
        ),
        pytest.param("def f(): import ctypes; ctypes.string_at(0)", {"crashed"}, id="segfault"),
        pytest.param(
            "import sys\nsys.setrecursionlimit(10**7)\ndef f(): return f()",
            {"crashed", "memory-exceeded", "cpu-time-exceeded"},
            id="recursion",
        ),
    ],
)
async def test_taking_too_much(source: str, reasons: set[str], verify: Verify) -> None:
    verdict = await verify(
        source,
        TestCode(source="assert f() == 1"),
        wall_seconds=2,
        cpu_seconds=1,
        memory_bytes=1 << 30,
    )

    assert verdict.outcome is Outcome.REJECTED
    assert verdict.reason in reasons, verdict.summary


async def test_memory_of_many_processes_counts_together(verify: Verify) -> None:
    source = (
        "import os, time\ndef f():\n    for _ in range(12):\n        if os.fork() == 0:\n"
        "            x = bytearray(200 << 20)\n            time.sleep(60)\n    time.sleep(60)"
    )

    # CPU enough to touch all of it on a slow machine, so that no other limit comes first.
    verdict = await verify(source, TestCode(source="assert f() == 1"), cpu_seconds=60)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, "memory-exceeded")


async def test_memory_errors_that_are_caught_are_the_candidates_business(verify: Verify) -> None:
    source = "def f():\n    try: bytearray(3 << 30)\n    except MemoryError: return 1"

    assert (await verify(source, TestCode(source="assert f() == 1"))).outcome is Outcome.ACCEPTED


async def test_daemons_die_with_the_candidate(verify: Verify) -> None:
    marker = f"left-behind-{os.getpid()}"
    source = (
        "import os, sys, time\ndef f():\n    if os.fork() == 0:\n        os.setsid()\n"
        "        if os.fork() == 0:\n"
        f"            os.execv(sys.executable, [sys.executable, '-c', 'import time;"
        f" time.sleep(99)', '{marker}'])\n        os._exit(0)\n    time.sleep(0.2)\n    return 1"
    )

    verdict = await verify(source, TestCode(source="assert f() == 1"))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary
    assert alive(marker) == []


async def test_a_daemon_that_holds_the_output_open_delays_nothing(verify: Verify) -> None:
    source = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n"
        "print(input())"
    )

    verdict = await verify(source, StdioCases(cases=(StdioCase(stdin="x", stdout="x"),) * 2))

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_usage_is_the_kernels_word(verify: Verify) -> None:
    source = (
        "import time\nx = bytearray(100 << 20)\ndef f():\n    end = time.process_time() + 0.3\n"
        "    while time.process_time() < end: pass\n    return 1"
    )

    verdict = await verify(source, TestCode(source="assert f() == 1"))

    usage = verdict.provenance.usage
    assert verdict.outcome is Outcome.ACCEPTED
    assert usage.cpu_seconds >= 0.3
    assert usage.peak_memory_bytes >= 100 << 20
    assert usage.wall_seconds >= usage.cpu_seconds * 0.9


async def test_a_candidate_may_be_loud(verify: Verify) -> None:
    source = "import sys\nprint('x' * 200_000)\nprint('é\\udc80\\x00', file=sys.stderr)\ndef f(): return 1"

    verdict = await verify(source, TestCode(source="assert f() == 1"))

    assert verdict.outcome is Outcome.ACCEPTED
    assert evidence(verdict).stdout.size_bytes == 200_001
    assert evidence(verdict).stderr.head == "é\\udc80\x00\n".encode()
