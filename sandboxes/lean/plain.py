"""Toolchains whose library this project does not know: their own program, `lean --json`, in jails.

Slower than a process that is forked with its header loaded, since each text imports its header
anew; the facts are the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from sandboxes.isolation.interpreter import Interpreter, shared_libraries
from sandboxes.isolation.pool import JailPool
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.lean.environments import LeanEnvironment, LeanUnavailable
from sandboxes.lean.jailed.library import SUPPORTED
from sandboxes.lean.messages import Message, Position
from sandboxes.lean.runtime import Compilation, HeaderFailed, LeanRuntime
from verifier_service.model import Limits, SandboxLost

__all__ = ["PlainRuntime", "by_part", "open_runtime", "whole_lines"]

PLAIN: Final = "sandboxes.lean.jailed.plain"
_TRIAL: Final = Limits(
    wall_seconds=60,
    cpu_seconds=60,
    memory_bytes=4 * 1024**3,
    max_processes=64,
    max_output_bytes=64 * 1024,
    deterministic_steps=0,
)
_ALLOCATOR_BYTES: Final = 32 * 1024**3
"""Address space that Lean's allocator sets aside, and mostly never uses."""


async def open_runtime(environment: LeanEnvironment, sandboxes: Sandboxes) -> LeanRuntime:
    """Runs an environment by its library where this is one that is known, else by its program.

    Raises:
        IsolationUnavailable: This machine offers no sandbox that may be used.
        LeanUnavailable: Neither can be used in jails.
        UnusablePackages: There is no image for the environment.
    """
    if environment.library is not None and environment.version in SUPPORTED:
        return await LeanRuntime.create(environment, sandboxes)
    if environment.binary is None:
        raise LeanUnavailable(f"{environment.name} has neither a library that is known nor `lean`.")
    environment.check_visible()
    return await PlainRuntime.create(environment, sandboxes)


class PlainRuntime(LeanRuntime):
    """Runs the program of one toolchain in jails."""

    replays: ClassVar[bool] = False

    def __init__(
        self, environment: LeanEnvironment, interpreter: Interpreter, jails: JailPool
    ) -> None:
        """Runs it in these jails, which were made for it."""
        super().__init__(environment, interpreter, jails)
        self._reserved_bytes = _ALLOCATOR_BYTES + sum(
            module.stat().st_size
            for folder in environment.lean_path
            for module in folder.rglob("*.olean*")
        )
        self._good_headers: set[str] = set()

    @classmethod
    async def create(cls, environment: LeanEnvironment, sandboxes: Sandboxes) -> PlainRuntime:
        """Makes jails for an environment with a program.

        Raises:
            IsolationUnavailable: This machine offers no sandbox that may be used.
            LeanUnavailable: It does not work in them.
            UnusablePackages: There is no image for the environment.
        """
        assert environment.binary is not None
        prefix = environment.binary.parent.parent
        libraries = shared_libraries([environment.binary, *_libraries(prefix)])
        outside = [one for one in libraries if not one.is_relative_to(prefix)]
        interpreter, jails = await sandboxes.environment(
            environment.name, files=[prefix, *_beyond(prefix, environment.lean_path), *outside]
        )
        runtime = cls(environment, interpreter, jails)
        await runtime._try_out()
        return runtime

    async def _try_out(self) -> None:
        """Compiles nothing.

        Raises:
            LeanUnavailable: It can't be done.
        """
        try:
            tried = await self._elaborate(("",), "", _TRIAL, module=True)
        except SandboxLost as error:
            raise LeanUnavailable(
                f"{self.environment.name} can't run in a jail: {error}"
            ) from error
        if tried.module is None:
            raise LeanUnavailable(
                f"{self.environment.name} can't compile an empty file in a jail: "
                f"{tried.ran.words.strip() or tried.ran.ended}"
            )

    def roles(self, imports: str) -> tuple[str, ...]:
        """What a jail has imported; the same for all headers."""
        del imports
        return (f"{PLAIN}:{self._reserved_bytes}:{self.environment.binary}",)

    async def compile(
        self, parts: tuple[str, ...], *, imports: str = "", limits: Limits, module: bool = False
    ) -> Compilation:
        """Elaborates texts; see `LeanRuntime.compile`. Nothing is known of how far they came."""
        if imports and imports not in self._good_headers:
            await self._try_header(imports, limits)
        return await self._elaborate(parts, imports, limits, module=module)

    async def _try_header(self, imports: str, limits: Limits) -> None:
        """Imports a header without a candidate, who could make it seem to fail.

        Raises:
            HeaderFailed: It can't be imported.
        """
        tried = await self._elaborate(("",), imports, limits, module=False)
        if not tried.finished:
            raise HeaderFailed(f"Importing it ended for {tried.ran.trouble or 'no known reason'}.")
        if errors := [Message.read(line) for line in tried.ran.lines if "data" in line]:
            raise HeaderFailed(errors[0].text)
        self._good_headers.add(imports)

    async def _elaborate(
        self, parts: tuple[str, ...], imports: str, limits: Limits, *, module: bool
    ) -> Compilation:
        texts = [whole_lines(imports), *map(whole_lines, parts)]
        job = {
            "text": "".join(texts),
            "path": ":".join(map(str, self.environment.lean_path)),
            "options": _options(limits),
            "module": module,
        }
        ran = await self.run(PLAIN, job, imports=imports, limits=limits, file=module)
        ends = [line["end"] for line in ran.lines if "end" in line]
        errors = any(line.get("severity") == "error" for line in ran.lines)
        # An exit code that says otherwise than the messages is no end of Lean's.
        finished = ran.complete and ends[-1:] == [{"errors": errors}]
        return Compilation(
            messages=by_part(ran.lines, texts),
            reached=tuple(len(part.encode()) if finished else 0 for part in parts),
            finished=finished,
            module=ran.file or None,
            ran=ran,
        )


def _libraries(prefix: Path) -> list[Path]:
    return sorted((prefix / "lib" / "lean").glob("*.so"))


def _beyond(prefix: Path, folders: Sequence[Path]) -> list[Path]:
    return [folder for folder in folders if not folder.is_relative_to(prefix)]


def _options(limits: Limits) -> list[str]:
    steps = limits.deterministic_steps
    return [f"-DmaxHeartbeats={steps}"] if steps else []


def whole_lines(text: str) -> str:
    """A text that ends with its last line; another may follow."""
    return text if not text or text.endswith("\n") else text + "\n"


def by_part(
    lines: Sequence[dict[str, Any]], texts: Sequence[str]
) -> tuple[tuple[Message, ...], ...]:
    """Messages of each text but the first, with places in it; what makes no sense is left out.

    What is said of the first text, a header, is at the beginning of the second.

    Args:
        lines: As `lean --json` says them of the texts as one.
        texts: Each of whole lines.
    """
    found: list[list[Message]] = [[] for _ in texts]
    firsts = [1 + sum(text.count("\n") for text in texts[:n]) for n in range(len(texts))]
    for line in lines:
        with contextlib.suppress(ValueError):
            message = Message.read(line)
            part = max(n for n, first in enumerate(firsts) if n < 2 or first <= message.start.line)
            found[part].append(_moved(message, 1 - firsts[part]))
    return tuple(map(tuple, found[1:]))


def _moved(message: Message, lines: int) -> Message:
    return dataclasses.replace(
        message,
        start=_moved_place(message.start, lines),
        end=None if message.end is None else _moved_place(message.end, lines),
    )


def _moved_place(place: Position, lines: int) -> Position:
    line = place.line + lines
    return Position(line, place.column) if line > 0 else Position(1, 0)
