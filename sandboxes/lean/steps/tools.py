"""Other tools that run tactics, behind the interface of sessions.

They run tactics as the user who starts them, outside of any jail: for tactics of one's own, and no
part of the server. Whatever they say of a proof is a reason to have it judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sandboxes.isolation.pool import to_its_end
from sandboxes.lean.steps.runner import Path, Ran, Reached, RunnerOutcome, TacticLimits
from verifier_service.model import CriterionUnavailable
from verifier_service.model.lean_steps import StopReason, TacticStopped

__all__ = ["JsonProcess", "State", "ToolLife", "ToolLost", "ToolRunner"]

_MAXIMUM_ANSWER_BYTES: Final = 16 * 1024**2

State = Any
"""What a tool calls a state: meant for that tool alone."""


class ToolLost(Exception):
    """The tool ended, or answers what makes no sense."""

    def __init__(self, reason: StopReason = StopReason.CRASHED) -> None:
        """Carries why, as far as the tool tells."""
        super().__init__(reason.value)
        self.reason = reason


class ToolLife(Protocol):
    """A tool from its start to its end. States of one life mean nothing in another."""

    async def run(self, state: State, tactic: str) -> tuple[State, RunnerOutcome]:
        """Runs a tactic on a state.

        Returns:
            The state that it leads to, of use where the outcome is `Reached`, and the outcome.

        Raises:
            ToolLost: The life is over.
        """
        ...

    async def end(self) -> None:
        """Ends everything that runs for it. May be repeated."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    life: ToolLife
    states: dict[Path, State]
    """What is known in this life."""


Begin = Callable[[], Awaitable[tuple[ToolLife, State, Reached]]]
"""Starts the tool on the theorem: its first state. Raises as `TacticRunner.open` does."""


class ToolRunner:
    """A `TacticRunner` on a tool.

    A tool that is lost is started again, and goes to states by the tactics that led to them.
    """

    def __init__(self, name: str, begin: Begin) -> None:
        """Starts nothing yet.

        Args:
            name: Of the tool.
            begin: Starts it.
        """
        self.name = name
        self._begin = begin
        self._now: _Begun | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> Reached:
        """The first state; see `TacticRunner`."""
        life, state, reached = await self._begin()
        self._now = _Begun(life=life, states={(): state})
        return reached

    async def run(self, path: Path, tactic: str, limits: TacticLimits) -> Ran:
        """Runs a tactic; see `TacticRunner`. The limit on CPU is not enforced."""
        async with self._turn:
            began = time.monotonic()
            try:
                now, state = await self._at(path, limits)
                began = time.monotonic()
                async with asyncio.timeout(limits.wall_seconds):
                    after, outcome = await now.life.run(state, tactic)
                if isinstance(outcome, Reached):
                    now.states[(*path, tactic)] = after
            except TimeoutError:
                outcome = TacticStopped(reason=StopReason.WALL_TIME)
                await self._end()
            except ToolLost as lost:
                outcome = TacticStopped(reason=lost.reason)
                await self._end()
            except asyncio.CancelledError:
                await to_its_end(self._end())
                raise
            return Ran(outcome=outcome, wall_seconds=time.monotonic() - began)

    async def close(self) -> None:
        """Ends the tool; see `TacticRunner`."""
        await self._end()

    async def _at(self, path: Path, limits: TacticLimits) -> tuple[_Begun, State]:
        """The tool in the state that a path leads to.

        Raises:
            ToolLost: It does not get there, though it once did.
        """
        if self._now is None:
            await self.open()
        assert self._now is not None
        now = self._now
        known = next(n for n in range(len(path), -1, -1) if path[:n] in now.states)
        for length in range(known, len(path)):
            try:
                async with asyncio.timeout(limits.wall_seconds):
                    after, outcome = await now.life.run(now.states[path[:length]], path[length])
            except TimeoutError:
                raise ToolLost(StopReason.OVERLOADED) from None
            if not isinstance(outcome, Reached):
                raise ToolLost(StopReason.OVERLOADED)
            now.states[path[: length + 1]] = after
        return now, now.states[path]

    async def _end(self) -> None:
        now, self._now = self._now, None
        if now is not None:
            await now.life.end()


class JsonProcess:
    """A program that answers objects of JSON with objects of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Made by `start`."""
        self._process = process

    @classmethod
    async def start(
        cls, command: Sequence[str], *, folder: str | None, environment: Mapping[str, str] | None
    ) -> JsonProcess:
        """Starts it.

        Args:
            command: Program and arguments.
            folder: Where it works; None is the present one.
            environment: Its variables; None are the present ones.

        Raises:
            CriterionUnavailable: It can't be started.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=folder,
                env=environment,
                limit=_MAXIMUM_ANSWER_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise CriterionUnavailable(f"{command[0]} can't be started: {error}.") from error
        return cls(process)

    async def say(self, text: str) -> None:
        """Writes a text.

        Raises:
            ToolLost: It has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(text.encode())
            await self._process.stdin.drain()
        except ConnectionError:
            raise ToolLost from None

    async def line(self) -> bytes:
        """Reads a line.

        Raises:
            ToolLost: It has ended, or the line does not.
        """
        assert self._process.stdout is not None
        try:
            line = await self._process.stdout.readline()
        except ValueError:
            raise ToolLost(StopReason.OUTPUT) from None
        if not line:
            raise ToolLost
        return line

    async def end(self) -> None:
        """Ends the process and what it started."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


def parsed(data: bytes) -> dict[str, Any]:
    """An answer.

    Raises:
        ToolLost: It is none.
    """
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        raise ToolLost from None
    if not isinstance(answer, dict):
        raise ToolLost
    return answer
