"""Tactics on Lean's own language server: one process for each session, in a cell of its own.

The document is the theorem with the tactics so far. A step changes its end, and Lean elaborates no
more than what is new; a step from an older state changes more of it, and Lean goes there first.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any, Final

from sandboxes.isolation.jail import Snapshot
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.steps.connection import LeanServer, ServerGone, TooMuchSaid
from sandboxes.lean.steps.document import Document, opening_of
from sandboxes.lean.steps.framing import ProtocolViolation
from sandboxes.lean.steps.reading import (
    diagnoses_of,
    goals_of_answer,
    outcome_of,
    own_errors,
)
from sandboxes.lean.steps.runner import Path, Ran, Reached, RunnerOutcome, TacticLimits
from sandboxes.lean.steps.watching import Stopped, TacticWatch
from verifier_service.model import (
    ExecutorFault,
    InvalidSpec,
    LeanTheorem,
    Limits,
    SandboxLost,
    Violation,
)
from verifier_service.model.lean_steps import StopReason, TacticStopped

__all__ = ["ServerRunner"]

OPENING: Final = TacticLimits(wall_seconds=300.0, cpu_seconds=300.0)
"""To import a header and elaborate what is before the proof."""
LIFE_CPU_SECONDS: Final = 7200.0
"""Of one process; it is replaced once half of it is used."""
MINIMUM_THREADS: Final = 64
"""Lean starts one for much of what it does, and ends where it can't have another."""
LINGERING_CPU_SECONDS: Final = 4.0
"""Lean's threads end themselves when they are told to; with one that has not by then, the process
is replaced."""
COMPANY: Final = 8
"""Tactics that were stopped and may not have ended; with more, the process is replaced."""
_LOOK_SECONDS: Final = 0.5
_NO_STATE: Final = (
    "leaves nothing to prove, or is no theorem. Give its signature without `:=`: "
    "`(p : Prop) (h : p) : p`."
)


class ServerRunner:
    """Runs tactics; the process is replaced when it must be, and no state is lost by that."""

    name = "lean-server"

    def __init__(self, theorem: LeanTheorem, runtime: LeanRuntime, limits: Limits) -> None:
        """Starts nothing yet.

        Args:
            theorem: To prove.
            runtime: With the jails and the Lean.
            limits: Memory and threads of the process.
        """
        self._opening = opening_of(theorem)
        self._runtime = runtime
        self._limits = replace(
            limits,
            cpu_seconds=LIFE_CPU_SECONDS,
            max_processes=max(limits.max_processes, MINIMUM_THREADS),
        )
        self._server: LeanServer | None = None
        self._document = Document(opening=self._opening)
        self._next: asyncio.Task[LeanServer] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._at_rest: Snapshot | None = None
        self._company = 0
        self._stopped_at_cpu = 0.0
        self._busy = asyncio.Lock()
        self._settling: asyncio.Task[None] | None = None
        self.replaced_count = 0
        """Processes that had to be replaced."""

    async def open(self) -> Reached:
        """The first state; see `TacticRunner`."""
        self._server = await LeanServer.start(self._runtime, self._limits)
        return await self._opened(self._server)

    async def run(self, path: Path, tactic: str, limits: TacticLimits) -> Ran:
        """Runs a tactic; see `TacticRunner`."""
        async with self._busy:
            try:
                return await self._run(path, tactic, limits)
            except SandboxLost:  # once, as for any candidate, and in a process of its own
                await self._discard()
                return await self._run(path, tactic, limits)

    async def close(self) -> None:
        """Ends everything; see `TacticRunner`."""
        for task in (self._settling, self._next):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
        if self._next is not None and not self._next.cancelled() and not self._next.exception():
            await self._next.result().close()
        self._next = None
        if self._server is not None:
            await self._server.close()
            self._server = None
        if self._ending:
            await asyncio.wait(self._ending)

    async def _run(self, path: Path, tactic: str, limits: TacticLimits) -> Ran:
        server = await self._in_use()
        watch = self._watch(server, limits, self._at_rest)
        self._at_rest = None
        try:
            if self._document.tactics[: len(path)] != path:
                await self._go_to(server, path, limits)
                watch = self._watch(server, limits)
            outcome = await watch.over(self._asked(server, (*path, tactic)))
        except Stopped as stopped:
            if stopped.reason is StopReason.MEMORY:
                self._check_alone()
            await self._tidy_up(server, path, stopped.reason)
            outcome = TacticStopped(reason=stopped.reason)
        except (ServerGone, ProtocolViolation) as gone:
            self._check_alone()
            outcome = TacticStopped(reason=await self._reason(server, gone))
            await self._discard()
        except asyncio.CancelledError:
            await self._tidy_up(server, path, StopReason.WALL_TIME)
            raise
        else:
            self._look_after(server, watch.last)
        return Ran(outcome=outcome, wall_seconds=watch.wall_seconds, cpu_seconds=watch.cpu_seconds)

    def _check_alone(self) -> None:
        """Blames nobody for what a tactic that was stopped before may have done.

        Raises:
            SandboxLost: There is one.
        """
        if self._company:
            raise SandboxLost("A tactic that had been stopped may have ended Lean's process.")

    def _watch(
        self, server: LeanServer, limits: TacticLimits, before: Snapshot | None = None
    ) -> TacticWatch:
        before = before or server.snapshot()
        return TacticWatch(
            server.snapshot,
            limits,
            memory_bytes=self._limits.memory_bytes,
            before=before,
            company_cpu_seconds=self._company_cpu_seconds(before),
        )

    def _company_cpu_seconds(self, used: Snapshot) -> float:
        """CPU that tactics which were stopped may still use, before that is too much."""
        if not self._company:
            return 0.0
        since = used.cpu_seconds - self._stopped_at_cpu
        return max(0.0, LINGERING_CPU_SECONDS * self._company - since)

    async def _go_to(self, server: LeanServer, path: Path, limits: TacticLimits) -> None:
        """Elaborates the tactics of a path, each of which had its own time once.

        Raises:
            Stopped: That takes longer than it may have taken then, or they do not lead there.
        """
        many = len(path) + 1
        whole = TacticLimits(
            wall_seconds=many * limits.wall_seconds, cpu_seconds=many * limits.cpu_seconds
        )
        try:
            outcome = await self._watch(server, whole).over(self._asked(server, path))
        except Stopped as stopped:
            if stopped.reason is StopReason.MEMORY:
                raise
            raise Stopped(StopReason.OVERLOADED) from stopped
        if not isinstance(outcome, Reached):
            raise Stopped(StopReason.OVERLOADED)

    async def _asked(self, server: LeanServer, tactics: Path) -> RunnerOutcome:
        """Makes the document end in these tactics, and reads what Lean says of it.

        Raises:
            ServerGone: It is gone.
            ProtocolViolation: It says what makes no sense.
        """
        document = Document(opening=self._opening, tactics=tactics)
        change, self._document = self._document.change_to(document), document
        server.change(change)
        said, goals = await asyncio.gather(server.diagnostics(), server.goals(*document.end))
        return outcome_of(document, diagnoses_of(said), goals_of_answer(goals))

    async def _opened(self, server: LeanServer) -> Reached:
        """Opens the document in a process that was just started.

        Raises:
            InvalidSpec: The theorem or what is before it can't be elaborated.
            SandboxLost: The process could not be started.
        """
        document = Document(opening=self._opening)
        watch = TacticWatch(server.snapshot, OPENING, memory_bytes=self._limits.memory_bytes)
        try:
            said, answer = await watch.over(_opening_answers(server, document))
            diagnoses, goals = diagnoses_of(said), goals_of_answer(answer)
        except Stopped as stopped:
            raise InvalidSpec.of([_refused(f"was stopped: {stopped.reason.value}.")]) from stopped
        except (ServerGone, ProtocolViolation) as gone:
            ended, words = await server.ended()
            if ended.code is not None:
                raise ExecutorFault(f"Lean's server ended by itself: {ended}. {words}") from gone
            why = ended.limit or words or gone
            raise InvalidSpec.of([_refused(f"ended Lean: {why}.")]) from gone
        if errors := own_errors(document, diagnoses):
            raise InvalidSpec.of([_refused(f"is refused by Lean: {errors[0].message}")])
        outcome = outcome_of(document, diagnoses, goals)
        if not isinstance(outcome, Reached):
            raise InvalidSpec.of([_refused(_NO_STATE)])
        return outcome

    async def _in_use(self) -> LeanServer:
        """The process to ask: the present one, or the next where it is ready or must be."""
        present, following = self._server, self._next
        if following is not None and following.done() and following.exception() is not None:
            following = self._next = None  # to be tried again when there is need
        if present is not None and not present.gone and (following is None or not following.done()):
            return present
        if following is None:
            following = self._replace()
        try:
            server = await asyncio.shield(following)
        except SandboxLost:
            self._next = None
            raise
        self._next = None
        await self._discard()
        self._server, self._at_rest = server, None
        self._document = Document(opening=self._opening)
        return server

    def _replace(self) -> asyncio.Task[LeanServer]:
        """Gets another process ready, in the background."""
        if self._next is None:
            self.replaced_count += 1
            self._next = asyncio.ensure_future(self._fresh())
            self._next.add_done_callback(_look_at)
        return self._next

    async def _fresh(self) -> LeanServer:
        server = await LeanServer.start(self._runtime, self._limits)
        try:
            await self._opened(server)
        except BaseException as error:
            await server.close()
            if isinstance(error, InvalidSpec):  # it was fine when the session was opened
                raise SandboxLost(f"Lean could not be started again: {error}") from error
            raise
        return server

    async def _discard(self) -> None:
        """Ends the present process."""
        server, self._server, self._company, self._at_rest = self._server, None, 0, None
        if server is not None:
            ending = asyncio.ensure_future(server.close())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _tidy_up(self, server: LeanServer, path: Path, reason: StopReason) -> None:
        """Takes a tactic back; Lean then ends its threads by itself, mostly."""
        if reason is StopReason.MEMORY:
            await self._discard()
            self._replace()
            return
        document = Document(opening=self._opening, tactics=path)
        change, self._document = self._document.change_to(document), document
        with contextlib.suppress(ServerGone):
            server.change(change)
        self._company += 1
        self._stopped_at_cpu = server.snapshot().cpu_seconds
        if self._company > COMPANY:
            self._replace()
        elif self._settling is None or self._settling.done():
            self._settling = asyncio.ensure_future(self._settle())
            self._settling.add_done_callback(_look_at)

    async def _settle(self) -> None:
        """Looks after tactics that were taken back, until they have ended or their process has."""
        while self._company:
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._busy:
                server = await self._in_use()
                self._look_after(server, server.snapshot())

    def _look_after(self, server: LeanServer, used: Snapshot) -> None:
        """Replaces a process that has grown, is near the end of its time, or does not come to rest.

        Args:
            server: The process.
            used: What it looks like when nothing is asked of it.
        """
        self._company = min(self._company, used.runnable)  # each runs in a thread
        if server is self._server and not self._company:
            self._at_rest = used
        if (
            used.resident_bytes > self._limits.memory_bytes // 2
            or used.cpu_seconds > LIFE_CPU_SECONDS / 2
            or (self._company and not self._company_cpu_seconds(used))
        ):
            self._replace()

    async def _reason(self, server: LeanServer, gone: Exception) -> StopReason:
        """Why a process is gone.

        Raises:
            SandboxLost: Not provably through the tactic.
        """
        if isinstance(gone, TooMuchSaid):
            return StopReason.OUTPUT
        ended, words = await server.ended()
        if ended.limit == "memory" or "out of memory" in words:
            return StopReason.MEMORY
        return StopReason.CRASHED


async def _opening_answers(server: LeanServer, document: Document) -> tuple[object, object]:
    server.open(document.text)
    return await asyncio.gather(server.diagnostics(), server.goals(*document.end))


def _refused(why: str) -> Violation:
    return Violation("theorem", why[:4000])


def _look_at(task: asyncio.Task[Any]) -> None:
    """Marks an exception as seen: whoever needs a process gets it."""
    if not task.cancelled():
        task.exception()
