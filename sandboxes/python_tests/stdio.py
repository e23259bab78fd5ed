"""Runs a candidate as a program, once for each case, and compares what it wrote."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from sandboxes.isolation.capture import Capture, Collector
from sandboxes.isolation.jail import Exit
from sandboxes.isolation.pool import JailPool, Lease
from sandboxes.isolation.watch import Watch, flood_bytes_of, job_fd, limits_of
from sandboxes.python_tests.judge import Facts
from sandboxes.python_tests.report import CaseReport, EndReport, Report
from verifier_service.model import (
    Limits,
    Output,
    PythonTests,
    ResourceUsage,
    SandboxLost,
    StdioCase,
    StdioCases,
)

__all__ = ["compare", "run_stdio"]

PROGRAM: Final = "sandboxes.python_tests.jailed.program"


async def run_stdio(
    jails: JailPool,
    tests: PythonTests,
    source: str,
    *,
    limits: Limits,
    on_case: Callable[[CaseReport], None],
    on_start: Callable[[], None],
) -> Facts:
    """Runs the cases in order, each in a fresh process with limits of its own."""
    assert isinstance(tests.form, StdioCases)
    program = _Program(tests.preamble, source, limits)
    report = Report()
    reasons: list[tuple[str, str, str]] = []
    async with jails.lease(PROGRAM) as jail:
        for index, case in enumerate(tests.form.cases):
            began = time.monotonic()
            name = case.name or str(index)
            reason, message = await program.run(jail, case, on_start if index == 0 else None)
            said = CaseReport(
                name=name, reason=reason, message=message, wall_seconds=time.monotonic() - began
            )
            report.cases.append(said)
            on_case(said)
            if reason != "tests-passed":
                reasons.append((reason, message, name))
                if not tests.keep_going or reason == "overloaded":
                    break
    reason, message, name = reasons[0] if reasons else ("tests-passed", "", "")
    report.end = EndReport(
        reason=reason,
        passed=len(report.cases) - len(reasons),
        failed=len(reasons),
        calls=len(report.cases),
        message=message,
        failed_case=f"case {name}" if name else "",
        exception=None,
    )
    return Facts(
        report=report,
        checker=Exit(code=0),
        candidate=Exit(code=0),
        usage=ResourceUsage(
            wall_seconds=program.wall_seconds,
            cpu_seconds=program.cpu_seconds,
            peak_memory_bytes=program.peak_memory_bytes,
        ),
        stopped_for="overloaded" if reason == "overloaded" else None,
        stdout=program.stdout,
        stderr=program.stderr,
    )


class _Program:
    """A candidate that is run as a program, and what its runs used in all."""

    def __init__(self, preamble: str, source: str, limits: Limits) -> None:
        self._job = {"preamble": preamble, "source": source}
        self._limits = limits
        self.cpu_seconds = 0.0
        self.wall_seconds = 0.0
        self.peak_memory_bytes = 0
        self.stdout = Output()
        self.stderr = Output()

    async def run(
        self, jail: Lease, case: StdioCase, on_start: Callable[[], None] | None
    ) -> tuple[str, str]:
        """Runs one case; returns its reason and a message."""
        expected = case.stdout.encode("utf-8")
        flood = flood_bytes_of(self._limits)

        def flooded() -> None:
            watch.stop("output")

        written = Collector(
            keep_bytes=2 * len(expected) + (1 << 16),
            flood_bytes=2 * len(expected) + flood,
            on_flood=flooded,
        )
        errors = Capture(
            keep_bytes=self._limits.max_output_bytes, flood_bytes=flood, on_flood=flooded
        )
        with (
            contextlib.closing(written),
            contextlib.closing(errors),
            job_fd(self._job) as job,
            _readable(case.stdin.encode("utf-8")) as stdin,
        ):
            fds = {
                "stdin": stdin,
                "stdout": written.write_fd,
                "stderr": errors.write_fd,
                "job": job,
            }
            run = await jail.start(PROGRAM, fds=fds, limits=limits_of(self._limits))
            written.close_write_end()
            errors.close_write_end()
            watch = Watch(run, jail, self._limits)
            if on_start:
                on_start()
            ended = await watch.until(run)
        self._count(ended)
        self.stdout = _kept(bytes(written.data), written.size, self._limits.max_output_bytes)
        self.stderr = errors.output
        if not ended.begun and ended.limit is None and watch.stopped_for is None:
            raise SandboxLost(f"The program's process ended before it had begun: {ended}.")
        return _reason(ended, watch.stopped_for, written, expected, errors.output, self._limits)

    def _count(self, ended: Exit) -> None:
        self.cpu_seconds += ended.cpu_seconds
        self.wall_seconds += ended.wall_seconds
        self.peak_memory_bytes = max(self.peak_memory_bytes, ended.peak_memory_bytes)


def _reason(
    ended: Exit,
    stopped_for: str | None,
    written: Collector,
    expected: bytes,
    stderr: Output,
    limits: Limits,
) -> tuple[str, str]:
    if stopped_for == "overloaded":
        return "overloaded", "The machine was too busy."
    if stopped_for == "wall-time":
        return "wall-time-exceeded", "It waited until its time was up."
    if "memory" in (ended.limit, stopped_for):
        return "memory-exceeded", "Its processes together had more than the limit."
    if stopped_for == "output":
        return "output-exceeded", f"It wrote {written.size} bytes."
    if "cpu-time" in (ended.limit, stopped_for) or ended.cpu_seconds > limits.cpu_seconds:
        return "cpu-time-exceeded", f"It used {ended.cpu_seconds:.2f} s of CPU."
    if ended.signal is not None:
        return "crashed", f"It was ended by signal {ended.signal}."
    if ended.code != 0:
        lines = (stderr.tail or stderr.head).decode(errors="replace").strip().splitlines()
        said = f" Its last words: {lines[-1][:300]}" if lines else ""
        return _exit_reason(said), f"Its exit code was {ended.code}.{said}"
    if written.size > len(written.data):
        return "wrong-answer", f"It wrote {written.size} bytes, far more than expected."
    difference = compare(bytes(written.data), expected)
    return ("wrong-answer", difference) if difference else ("tests-passed", "")


def _exit_reason(said: str) -> str:
    return "memory-exceeded" if "MemoryError" in said else "nonzero-exit"


def compare(written: bytes, expected: bytes) -> str:
    """The first difference between two outputs, in words; empty if they agree.

    White space at the end of a line and empty lines at the end do not count. Everything else does:
    lines that are missing, and lines too many.
    """
    ours, theirs = _lines(expected), _lines(written)
    for number, (wanted, got) in enumerate(zip(ours, theirs, strict=False), start=1):
        if wanted != got:
            return f"Line {number} is {_shown(got)}, expected {_shown(wanted)}."
    if len(theirs) < len(ours):
        missing = ours[len(theirs)]
        return (
            f"It wrote {len(theirs)} of {len(ours)} lines; line {len(theirs) + 1} was to be "
            f"{_shown(missing)}."
        )
    if len(theirs) > len(ours):
        return (
            f"It wrote {len(theirs)} lines instead of {len(ours)}; line {len(ours) + 1} is "
            f"{_shown(theirs[len(ours)])}."
        )
    return ""


def _lines(text: bytes) -> list[bytes]:
    lines = [line.rstrip() for line in text.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _shown(line: bytes) -> str:
    text = line[:200].decode("utf-8", "backslashreplace")
    return repr(text) + ("…" if len(line) > 200 else "")


def _kept(data: bytes, size: int, keep_bytes: int) -> Output:
    head = data[: keep_bytes - keep_bytes // 2]
    tail = data[len(head) :][-(keep_bytes // 2) :] if keep_bytes > 1 else b""
    return Output(head=head, tail=tail, size_bytes=size)


@contextlib.contextmanager
def _readable(data: bytes) -> Iterator[int]:
    """A file descriptor that standard input can be read from."""
    fd = os.memfd_create("stdin")
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(data)
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)
