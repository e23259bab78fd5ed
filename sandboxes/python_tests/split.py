"""Runs the tests in one jail and the candidate in another."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable
from typing import Any, Final

from sandboxes.isolation.capture import Collector
from sandboxes.isolation.jail import ProcessLimits
from sandboxes.isolation.pool import JailPool
from sandboxes.isolation.watch import Watch, captured, job_fd, limits_of
from sandboxes.python_tests.judge import Facts
from sandboxes.python_tests.report import MAX_REPORT_BYTES, CaseReport, ReportReader
from verifier_service.model import Limits

__all__ = ["run_split"]

CANDIDATE: Final = "sandboxes.python_tests.jailed.candidate"
CHECKER: Final = "sandboxes.python_tests.jailed.checker"
CHECKER_EXTRA_CPU_SECONDS: Final = 5.0
CHECKER_MEMORY_BYTES: Final = 2 * 1024**3
HANG_UP_SECONDS: Final = 5.0
"""For a candidate that has hung up to be seen to end."""


async def run_split(
    jails: JailPool,
    *,
    candidate_job: dict[str, Any],
    checker_job: dict[str, Any],
    limits: Limits,
    on_case: Callable[[CaseReport], None],
    on_start: Callable[[], None],
) -> Facts:
    """Runs both to their ends.

    The candidate's process gets its code and one socket; the checker's gets the tests, the other
    end of that socket, and the pipe that the report comes from.
    """
    nonce = secrets.token_hex(16)
    checker_cpu = limits.cpu_seconds + CHECKER_EXTRA_CPU_SECONDS
    reader = ReportReader(nonce, on_case)
    async with (
        jails.lease(CANDIDATE) as candidate_jail,
        jails.lease(CHECKER) as checker_jail,
    ):

        def flooded() -> None:
            watch.stop("output")

        with (
            captured(limits, flooded) as (stdout, stderr),
            contextlib.closing(Collector(keep_bytes=MAX_REPORT_BYTES, on_data=reader.feed)) as said,
            _socket_pair() as (ours, theirs),
            job_fd(candidate_job) as code_fd,
            job_fd({**checker_job, "nonce": nonce, "cpu_seconds": checker_cpu}) as tests_fd,
        ):
            checking = await checker_jail.start(
                CHECKER,
                fds={"job": tests_fd, "candidate": ours.fileno(), "report": said.write_fd},
                limits=ProcessLimits(
                    cpu_seconds=checker_cpu,
                    memory_bytes=CHECKER_MEMORY_BYTES,
                    processes=limits.max_processes,
                ),
            )
            run = await candidate_jail.start(
                CANDIDATE,
                fds={
                    "stdout": stdout.write_fd,
                    "stderr": stderr.write_fd,
                    "job": code_fd,
                    "checker": theirs.fileno(),
                },
                limits=limits_of(limits),
            )
            watch = Watch(run, candidate_jail, limits, others=[checker_jail])
            for drain in (stdout, stderr, said):
                drain.close_write_end()
            ours.close()
            theirs.close()
            on_start()
            checker_exit = await watch.until(checking)
            gone = reader.report.end is not None and reader.report.end.reason == "candidate-gone"
            candidate_exit = await watch.end(grace_seconds=HANG_UP_SECONDS if gone else 0)
        return Facts(
            report=reader.report,
            checker=checker_exit,
            candidate=candidate_exit,
            stopped_for=watch.stopped_for,
            outlasted=watch.outlasted,
            stdout=stdout.output,
            stderr=stderr.output,
        )


@contextlib.contextmanager
def _socket_pair() -> Any:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        yield ours, theirs
