"""Lean in jails: each text is elaborated by a process of its own, which finds its header loaded.

A jail keeps a process that has loaded Lean and imported a header, and forks a cell of it for each
run. Candidates so share nothing; one that loops or eats memory is ended with its cell, and the next
one finds the header as loaded as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from sandboxes.isolation.capture import Collector
from sandboxes.isolation.interpreter import Interpreter, shared_libraries
from sandboxes.isolation.jail import Exit
from sandboxes.isolation.pool import JailPool
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.isolation.watch import Watch, job_fd, limits_of
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.jailed.header import VARIABLE
from sandboxes.lean.messages import Message
from verifier_service.model import Limits, SandboxLost

__all__ = ["Compilation", "HeaderFailed", "LeanRuntime", "Ran"]

HEADER: Final = "sandboxes.lean.jailed.header"
ELABORATE: Final = "sandboxes.lean.jailed.elaborate"
REPLAY: Final = "sandboxes.lean.jailed.replay"
KERNEL: Final = "sandboxes.lean.jailed.kernel"
MODULES: Final = (ELABORATE, REPLAY, KERNEL)
"""What a jail has imported beside its header: any of them can run in it."""
_IN_JAILS: Final = Path("/verifier/lean")
"""Where jails have an environment, wherever it is outside of them."""
MAX_SAID_BYTES: Final = 16 * 1024**2
_MUCH_BYTES: Final = 256 * 1024
"""More than this is not read while others wait."""
MAX_WORDS_BYTES: Final = 64 * 1024
MAX_MODULE_BYTES: Final = 64 * 1024**2


class HeaderFailed(Exception):
    """The imports of a text can't be loaded here; the message holds Lean's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a process said, and how it ended. Whatever it said may be forged by a candidate."""

    lines: tuple[dict[str, Any], ...]
    """Objects of JSON that came whole, one a line."""
    complete: bool
    """Whether all that it said was kept."""
    file: bytes
    """What it wrote to its file, where it was given one."""
    words: str
    """The heads of standard output and of standard error."""
    ended: Exit
    stopped_for: str | None
    """Why we ended it: "wall-time", "cpu-time", "memory", "output" or "overloaded"."""

    @property
    def trouble(self) -> str:
        """What kept it from its end; empty where nothing did.

        "cpu-time", "wall-time", "memory", "output", "overloaded" or "crashed".
        """
        if self.stopped_for is not None:
            return self.stopped_for
        if self.ended.limit is not None:
            return self.ended.limit
        if self.ended.code != 0:
            return "memory" if "out of memory" in self.words else "crashed"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """What Lean made of a text, in parts. Said by a process that ran it: a hint, not a proof."""

    messages: tuple[tuple[Message, ...], ...]
    """Of each part."""
    reached: tuple[int, ...]
    """Of each part, the bytes of UTF-8 that complete commands take from its beginning."""
    finished: bool
    """Whether Lean says that it came to the end of the last part."""
    module: bytes | None
    """The compiled module, where it was asked for and there was no error."""
    ran: Ran

    @property
    def claims_success(self) -> bool:
        """Whether it came to its end without an error, as far as it says."""
        errors = any(one.severity == "error" for part in self.messages for one in part)
        return self.finished and not errors and not self.ran.trouble


class LeanRuntime:
    """Runs the Lean of one environment in jails."""

    replays: ClassVar[bool] = True
    """Whether its kernel can be asked to check a proof again."""

    def __init__(
        self, environment: LeanEnvironment, interpreter: Interpreter, jails: JailPool
    ) -> None:
        """Runs it in these jails, which were made for it."""
        self.environment = environment
        self.interpreter = interpreter
        self.jails = jails

    @classmethod
    async def create(cls, environment: LeanEnvironment, sandboxes: Sandboxes) -> LeanRuntime:
        """Makes jails for an environment whose Lean can be loaded into a process.

        Raises:
            IsolationUnavailable: This machine offers no sandbox that may be used.
            UnusablePackages: There is no image for the environment.
        """
        assert environment.library is not None
        library = _IN_JAILS / "library"
        path = [_IN_JAILS / str(number) for number in range(len(environment.lean_path))]
        where = {"library": str(library), "path": [str(folder) for folder in path]}
        binaries = sorted(environment.library.glob("*.so"))
        interpreter, jails = await sandboxes.environment(
            environment.name,
            files=shared_libraries(binaries),
            placed=[
                (environment.library, library),
                *zip(environment.lean_path, path, strict=True),
            ],
            variables={VARIABLE: json.dumps(where)},
        )
        return cls(environment, interpreter, jails)

    async def compile(
        self, parts: tuple[str, ...], *, imports: str = "", limits: Limits, module: bool = False
    ) -> Compilation:
        """Elaborates texts, one after the other as if they were one, in a fresh process.

        Cancelling ends the process before the cancellation comes out.

        Args:
            parts: Texts without their header, each with positions of its own.
            imports: The header: lines of `import`, trusted. None means Lean's own `Init`.
            limits: CPU, memory, processes and net wall clock.
            module: Whether to hand out the compiled module if there is no error.

        Raises:
            HeaderFailed: The header can't be imported.
            SandboxLost: The process ended before it had begun, or its jail was lost.
        """
        job = {"parts": [*_steps(limits), *parts], "module": module}
        ran = await self.run(ELABORATE, job, imports=imports, limits=limits, file=module)
        return _compilation(ran, ran.lines, skipped=len(_steps(limits)), parts=len(parts))

    def roles(self, imports: str) -> tuple[str, ...]:
        """What a jail for texts with this header has imported."""
        return (f"{HEADER}:{imports}", *MODULES)

    async def run(
        self, module: str, job: Mapping[str, Any], *, imports: str, limits: Limits, file: bool
    ) -> Ran:
        """Runs one of `MODULES` to its end or to its limits, with a header loaded.

        Args:
            module: What to run.
            job: Its job, on file descriptor 3.
            imports: The header.
            limits: CPU, memory, processes and net wall clock.
            file: Whether it gets a file to write, on file descriptor 5.

        Raises:
            HeaderFailed: The header can't be imported.
            SandboxLost: The process ended before it had begun, or its jail was lost.
        """

        def flooded() -> None:
            watch.stop("output")

        async with self.jails.lease(*self.roles(imports)) as lease:
            with (
                contextlib.closing(_collector(MAX_SAID_BYTES, flooded)) as said,
                contextlib.closing(_collector(MAX_WORDS_BYTES, flooded)) as words,
                job_fd(dict(job)) as job_end,
                _file() as file_end,
            ):
                ends = {"stdout": words.write_fd, "stderr": words.write_fd, "job": job_end}
                ends |= {"said": said.write_fd, **({"file": file_end} if file else {})}
                run = await lease.start(module, fds=ends, limits=limits_of(limits))
                said.close_write_end()
                words.close_write_end()
                watch = Watch(run, lease, limits)
                ended = await watch.until(run)
                written = os.pread(file_end, MAX_MODULE_BYTES + 1, 0) if file else b""
        data = bytes(said.data)
        lines = await asyncio.to_thread(_lines, data) if len(data) > _MUCH_BYTES else _lines(data)
        heard = bytes(words.data).decode("utf-8", "replace")
        if not ended.begun and ended.limit is None and watch.stopped_for is None:
            if ended.code == 0 and lines and "failure" in lines[0]:
                raise HeaderFailed(str(lines[0]["failure"]))
            raise SandboxLost(f"Lean's process ended before it had begun: {ended}. {heard}".strip())
        return Ran(
            lines=lines,
            complete=said.size == len(said.data) and len(written) <= MAX_MODULE_BYTES,
            file=written,
            words=heard,
            ended=ended,
            stopped_for=watch.stopped_for,
        )


def _steps(limits: Limits) -> tuple[str, ...]:
    """What sets Lean's own limit, where one is asked for."""
    steps = limits.deterministic_steps
    return (f"set_option maxHeartbeats {steps}\n",) if steps else ()


def _compilation(
    ran: Ran, lines: tuple[dict[str, Any], ...], *, skipped: int, parts: int
) -> Compilation:
    """Reads what a process said; what makes no sense is left out."""
    messages: list[list[Message]] = [[] for _ in range(parts)]
    reached = [0] * parts
    current, finished = -1, False
    for line in lines:
        if "part" in line:
            current = line["part"] - skipped if type(line["part"]) is int else -1
        elif "end" in line:
            finished = True
        elif not 0 <= current < parts:
            continue
        elif "done" in line:
            reached[current] = line["done"] if type(line["done"]) is int else 0
        else:
            with contextlib.suppress(ValueError):
                messages[current].append(Message.read(line))
    return Compilation(
        messages=tuple(map(tuple, messages)),
        reached=tuple(reached),
        finished=finished and ran.complete,
        module=ran.file or None,
        ran=ran,
    )


def _collector(keep_bytes: int, flooded: Any) -> Collector:
    return Collector(keep_bytes=keep_bytes, flood_bytes=4 * keep_bytes, on_flood=flooded)


def _lines(data: bytes) -> tuple[dict[str, Any], ...]:
    """The objects among the lines that came whole; the writer may be anybody."""
    whole, _, _ = data.rpartition(b"\n")
    found = []
    for line in whole.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            found.append(json.loads(line))
    return tuple(one for one in found if isinstance(one, dict))


@contextlib.contextmanager
def _file() -> Iterator[int]:
    """A file that a process may write, and that is gone afterwards."""
    fd = os.memfd_create("module")
    try:
        yield fd
    finally:
        os.close(fd)
