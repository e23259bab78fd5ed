"""One run of a solver: a process in a cell of a jail, with limits that it can't raise."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import Any, Final

from sandboxes.isolation.capture import Collector
from sandboxes.isolation.jail import Exit
from sandboxes.isolation.pool import JailPool
from sandboxes.isolation.watch import Watch, job_fd, limits_of
from verifier_service.model import Limits, SandboxLost

__all__ = ["SOLVER_MODULES", "Ran", "SolverProcesses"]

SOLVER_MODULES: Final = (
    "sandboxes.logic.jailed.z3_worker",
    "sandboxes.logic.jailed.cvc5_worker",
    "sandboxes.logic.jailed.prover",
)
"""What a jail for solvers has imported: any of them can run in it."""

MAX_ANSWER_BYTES: Final = 16 * 1024**2
MAX_WORDS_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a solver's process said, and how it ended."""

    answers: tuple[dict[str, Any], ...]
    """Lines of JSON that came whole, from a worker of ours."""
    output: str
    """Standard output, from a prover's program."""
    complete: bool
    """Whether all that it wrote was kept."""
    errors: str
    """The head of standard error."""
    ended: Exit
    stopped_for: str | None
    """Why we ended it: "wall-time", "cpu-time", "memory", "output" or "overloaded"."""

    @property
    def trouble(self) -> str:
        """What kept it from its end, as a code; empty where nothing did."""
        if self.stopped_for == "overloaded":
            return "overloaded"
        if self.stopped_for is not None:
            return f"{self.stopped_for}-exceeded"
        if self.ended.limit is not None:
            return f"{self.ended.limit}-exceeded"
        if self.ended.code is None:
            return "solver-crashed"
        return ""


class SolverProcesses:
    """Runs solvers in jails from a pool, each run in a cell of its own."""

    def __init__(self, pool: JailPool) -> None:
        self._pool = pool

    async def run(self, module: str, job: dict[str, Any], *, limits: Limits) -> Ran:
        """Runs one of `SOLVER_MODULES` to its end or to its limits.

        Cancelling ends the process before the cancellation comes out.

        Args:
            module: What to run.
            job: Its job. Text under "input" becomes its standard input instead.
            limits: CPU, memory, processes and net wall clock of this run.

        Raises:
            SandboxLost: It ended before it had begun, or its jail was lost.
        """
        text = job.pop("input", "")

        def flooded() -> None:
            watch.stop("output")

        async with self._pool.lease(*SOLVER_MODULES) as lease:
            with (
                contextlib.closing(_collector(MAX_ANSWER_BYTES, flooded)) as answers,
                contextlib.closing(_collector(MAX_ANSWER_BYTES, flooded)) as output,
                contextlib.closing(_collector(MAX_WORDS_BYTES, flooded)) as errors,
                job_fd(job) as job_end,
                _text_fd(text) as text_end,
            ):
                run = await lease.start(
                    module,
                    fds={
                        "stdin": text_end,
                        "stdout": output.write_fd,
                        "stderr": errors.write_fd,
                        "job": job_end,
                        "answer": answers.write_fd,
                    },
                    limits=limits_of(limits),
                )
                for drain in (answers, output, errors):
                    drain.close_write_end()
                watch = Watch(run, lease, limits)
                ended = await watch.until(run)
            if not ended.begun and ended.limit is None and watch.stopped_for is None:
                said = bytes(errors.data).decode("utf-8", "replace").strip()
                raise SandboxLost(f"A solver's process ended before it had begun: {ended}. {said}")
        return Ran(
            answers=_lines(bytes(answers.data)),
            output=bytes(output.data).decode("utf-8", "replace"),
            complete=output.size == len(output.data) and answers.size == len(answers.data),
            errors=bytes(errors.data).decode("utf-8", "replace"),
            ended=ended,
            stopped_for=watch.stopped_for,
        )


def _collector(keep_bytes: int, flooded: Any) -> Collector:
    return Collector(keep_bytes=keep_bytes, flood_bytes=4 * keep_bytes, on_flood=flooded)


def _lines(data: bytes) -> tuple[dict[str, Any], ...]:
    """The lines that are whole: a process may have been ended in the middle of one."""
    whole, _, _ = data.rpartition(b"\n")
    found = [json.loads(line) for line in whole.splitlines()] if whole else []
    return tuple(one for one in found if isinstance(one, dict))


@contextlib.contextmanager
def _text_fd(text: str) -> Any:
    """A file descriptor that a text can be read from, once."""
    fd = os.memfd_create("input")
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(text.encode("ascii"))
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)
