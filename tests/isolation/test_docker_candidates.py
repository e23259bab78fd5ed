"""Candidates in containers: how they are judged, and what they can't reach."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncIterator, Awaitable, Callable

import docker
import pytest
import pytest_asyncio

from sandboxes.isolation.docker import ContainerLimits, DockerBackend
from sandboxes.isolation.pool import JailPool
from sandboxes.python_tests import PythonTestsExecutor
from verifier_service.model import (
    Candidate,
    Limits,
    Outcome,
    Problem,
    PythonTests,
    SandboxLost,
    StdioCase,
    StdioCases,
    TestCode,
    TestForm,
    Verdict,
    VerificationSpec,
)

Judge = Callable[..., Awaitable[Verdict]]
RUN_LIMITS = Limits(
    wall_seconds=10,
    cpu_seconds=3,
    memory_bytes=1 << 29,
    max_processes=16,
    max_output_bytes=4096,
    deterministic_steps=0,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judge(
    docker_address: str, worker_image: str, docker_runtime: str
) -> AsyncIterator[Judge]:
    own = docker.DockerClient(docker_address)
    backend = await DockerBackend.create(worker_image, runtime=docker_runtime, engine=own)
    pool = JailPool(backend)
    yield functools.partial(judged, PythonTestsExecutor([(backend.interpreter, pool)]))
    await pool.close()


async def judged(
    executor: PythonTestsExecutor, source: str, form: TestForm | str, **limits: float
) -> Verdict:
    tests = TestCode(source=form) if isinstance(form, str) else form
    problem = Problem(criterion=PythonTests(form=tests))
    return await executor.verify(
        VerificationSpec(problem=problem, candidate=Candidate(source=source)),
        environment=executor.environments[0],
        limits=dataclasses.replace(RUN_LIMITS, **limits),  # type: ignore[arg-type]
        progress=lambda _: None,
    )


@pytest.mark.parametrize(
    ("source", "form", "outcome", "reason"),
    [
        pytest.param(
            "def f(x): return x + 1",
            "assert f(1) == 2",
            Outcome.ACCEPTED,
            "tests-passed",
            id="right",
        ),
        pytest.param(
            "def f(x): return x", "assert f(1) == 2", Outcome.REJECTED, "wrong-answer", id="wrong"
        ),
        pytest.param(
            "import os\nos._exit(0)",
            "assert f(1) == 2",
            Outcome.REJECTED,
            "ended-early",
            id="leaves",
        ),
        pytest.param(
            "print(int(input()) * 2)",
            StdioCases(cases=(StdioCase(stdin="4\n", stdout="8\n"),)),
            Outcome.ACCEPTED,
            "tests-passed",
            id="standard-output",
        ),
        pytest.param(
            "import time\ndef f(x): time.sleep(60)",
            "assert f(1) == 2",
            Outcome.REJECTED,
            "wall-time-exceeded",
            id="waits",
        ),
        pytest.param(
            "def f(x):\n    while True: pass",
            "assert f(1) == 2",
            Outcome.REJECTED,
            "cpu-time-exceeded",
            id="works-on",
        ),
    ],
)
async def test_candidates_are_judged(
    judge: Judge, source: str, form: TestForm | str, outcome: Outcome, reason: str
) -> None:
    verdict = await judge(source, form, wall_seconds=4.0, cpu_seconds=1.0)

    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.provenance.sandbox.startswith("docker/")


REACHES = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def reaches(step):
    try:
        exec(step)
    except OSError:
        return False
    return True
"""


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("os.listdir('/proc')", id="processes"),
        pytest.param("os.listdir('/sys')", id="hardware"),
        pytest.param("os.listdir('/run/verifier')", id="meeting-point"),
        pytest.param("open('/proc/1/environ')", id="environment-of-process-1"),
        pytest.param("open('/x', 'w')", id="root-folder"),
        pytest.param("open('/dev/x', 'w')", id="devices"),
        pytest.param("open('/dev/shm/x', 'w')", id="shared-memory"),
        pytest.param("open('/dev/mqueue/x', 'w')", id="message-queues"),
        pytest.param("open('/dev/ptmx')", id="terminals"),
        pytest.param("open('/verifier/x', 'w')", id="our-sources"),
        pytest.param("open(os.__file__, 'a')", id="standard-library"),
        pytest.param("os.mknod('/tmp/x', 0o020600, os.makedev(1, 1))", id="device-file"),
        pytest.param("socket.socket(socket.AF_INET)", id="internet"),
        pytest.param("socket.socket(socket.AF_UNIX)", id="unix-sockets"),
        pytest.param("socket.socket(40, socket.SOCK_STREAM)", id="vsock"),
        pytest.param("os.kill(1, 9)", id="first-process"),
        pytest.param("os.setuid(0)", id="root-user"),
        pytest.param("os.chroot('/tmp')", id="change-of-root"),
        pytest.param("if libc.unshare(0x10000000): raise OSError", id="user-namespace"),
        pytest.param("if libc.mount(b'', b'/tmp', b'tmpfs', 0, 0): raise OSError", id="mount"),
        pytest.param("if libc.umount2(b'/tmp', 2): raise OSError", id="unmount"),
        pytest.param("if libc.ptrace(16, 1, 0, 0): raise OSError", id="ptrace"),
        pytest.param("if libc.syscall(321, 0, 0, 0) < 0: raise OSError", id="bpf"),
        pytest.param("if libc.syscall(425, 1, 0) < 0: raise OSError", id="io-uring"),
    ],
)
async def test_out_of_reach(judge: Judge, step: str) -> None:
    verdict = await judge(REACHES, f"assert reaches({step!r}) == False")

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_what_is_within_reach_is_told_from_it(judge: Judge) -> None:
    steps = ["open('/tmp/x', 'w')", "open('/dev/urandom')", "os.kill(os.getpid(), 0)"]
    tests = "\n".join(f"assert reaches({step!r}) == True" for step in steps)

    assert (await judge(REACHES, tests)).outcome is Outcome.ACCEPTED


BEGETS = """
import os, time
def children():
    count = 0
    try:
        while count < 100:
            if os.fork() == 0:
                time.sleep(60)
            count += 1
    except BlockingIOError:
        return count
    return count
"""


async def test_processes_are_limited(judge: Judge) -> None:
    verdict = await judge(BEGETS, "assert children() == 15", max_processes=16)

    assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_nothing_of_a_run_is_left_for_the_next_one(judge: Judge) -> None:
    leave = "import os\ndef f():\n    open('/tmp/left', 'w').close()\n    return os.listdir('/tmp')"
    for _ in range(3):
        verdict = await judge(leave, "assert f() == ['left']")
        assert verdict.outcome is Outcome.ACCEPTED, verdict.summary


async def test_a_container_that_is_out_of_memory_is_no_verdict(
    docker_address: str, worker_image: str, docker_runtime: str
) -> None:
    own, small = docker.DockerClient(docker_address), ContainerLimits(memory_bytes=192 * 1024**2)
    backend = await DockerBackend.create(
        worker_image, runtime=docker_runtime, engine=own, limits=small
    )
    pool = JailPool(backend)
    executor = PythonTestsExecutor([(backend.interpreter, pool)])
    try:
        with pytest.raises(SandboxLost):
            await judged(executor, "x = b'x' * (400 << 20)", "assert x", memory_bytes=1 << 30)
    finally:
        await pool.close()
