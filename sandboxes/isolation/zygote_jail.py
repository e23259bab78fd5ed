"""The supervisor's end of a jail whose first process is our zygote, whatever keeps the jail."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Protocol

from sandboxes.isolation.cgroups import Slot
from sandboxes.isolation.host_processes import (
    descendants,
    file_bytes,
    out_of_memory_kills,
    process_snapshot,
    scheduling_is_known,
)
from sandboxes.isolation.jail import Exit, JailedRun, ProcessLimits, Snapshot
from verifier_service.model import SandboxLost

__all__ = ["ZYGOTE", "Keeper", "ZygoteJail"]

ZYGOTE: Final = "sandboxes.isolation.jailed.zygote"
_MAX_PACKET_BYTES: Final = 65536
_MEMORY_OF_OURS: Final = 32 * 1024**2
"""What a control group counts beside the run's own: page tables, our code's data, kernel memory."""
_RESIDUE_BYTES: Final = 64 * 1024**2
"""What a run left behind in memory, and must not be counted as the next one's."""


class Keeper(Protocol):
    """Whatever keeps a jail: bubblewrap, a container engine."""

    def first_process(self) -> int:
        """Host pid of the zygote, once it has begun; 0 where the host can't see it."""
        ...

    def last_words(self) -> str:
        """What the keeper said about its end, for an error message."""
        ...

    async def end(self) -> None:
        """Ends everything in the jail; when it returns, all of it is gone."""
        ...


class ZygoteJail:
    """Sends orders, and hears how runs ended; see `jailed/zygote.py` for the words."""

    def __init__(self, control: socket.socket, keeper: Keeper, slot: Slot | None = None) -> None:
        """Speaks to a zygote.

        Args:
            control: A socket to it.
            keeper: What keeps the jail.
            slot: The control group that cells of this jail enter, to be closed with it.
        """
        self._slot = slot
        self._loop = asyncio.get_running_loop()
        self._control = control
        self._keeper = keeper
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.ready.add_done_callback(_look_at)
        self._zygote_pid = 0
        self._runs: dict[int, _Run] = {}
        self._lost: SandboxLost | None = None
        self._closing: asyncio.Future[None] | None = None
        self.reusable = True
        self.missing = ""
        control.setblocking(False)
        self._loop.add_reader(control.fileno(), self._receive)

    @property
    def lost(self) -> bool:
        """Whether it is known to be gone."""
        return self._lost is not None or self._closing is not None

    def start(self, module: str, *, fds: Mapping[str, int], limits: ProcessLimits) -> JailedRun:
        """Starts `module.main()` in a new cell; see `Jail`."""
        # No run can tell from its number how many there were before.
        run = _Run(self, random.getrandbits(62), counted=self._slot is not None)
        command = {
            "op": "run",
            "id": run.number,
            "module": module,
            "fds": list(fds),
            "limits": asdict(limits),
        }
        self._runs[run.number] = run
        if self._slot is not None:
            try:
                self._slot.limit(
                    memory_bytes=limits.memory_bytes + _MEMORY_OF_OURS,
                    processes=limits.processes,
                )
            except OSError as error:
                self._lose(f"its control group does not take limits: {error}")
        self.send(command, list(fds.values()))
        return run

    def send(self, command: dict[str, object], fds: list[int]) -> None:
        """Sends a command; a jail that is gone loses its runs instead."""
        if self._lost is None and self._closing is None:
            try:
                socket.send_fds(self._control, [json.dumps(command).encode()], fds)
            except ConnectionError:
                pass  # it has ended; what it said before that is still to be heard, then the end
            except OSError as error:
                self._lose(f"it does not take commands: {error}")
        elif self._lost is not None:
            self._lose(str(self._lost))

    def snapshot(self) -> Snapshot:
        """What the processes of the current run have used so far."""
        if not self._zygote_pid:
            return Snapshot(
                cpu_seconds=0.0, waiting_seconds=0.0, runnable=0, resident_bytes=0, known=False
            )
        pids = list(descendants(self._zygote_pid))
        seen = [process_snapshot(pid) for pid in pids[1:]]  # the first one holds the cell
        cell = pids[0] if pids and self.reusable else self._zygote_pid
        return Snapshot(
            cpu_seconds=sum(one.cpu_seconds for one in seen),
            waiting_seconds=max((one.waiting_seconds for one in seen), default=0.0),
            runnable=sum(one.runnable for one in seen),
            resident_bytes=sum(one.resident_bytes for one in seen) + file_bytes(cell),
            out_of_memory=self._slot is not None and self._slot.usage().memory_kills > 0,
            known=scheduling_is_known(),
        )

    async def close(self) -> None:
        """Ends everything in the jail; when it returns, all of it is gone. May be repeated."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._end())
        cancelled: asyncio.CancelledError | None = None
        while not self._closing.done():
            try:
                await asyncio.shield(self._closing)
            except asyncio.CancelledError as error:  # passed on, once the jail is closed
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _receive(self) -> None:
        try:
            packet = self._control.recv(_MAX_PACKET_BYTES)
        except (BlockingIOError, ConnectionResetError):
            return  # a reset is told once, before what was sent ahead of it
        except OSError as error:
            self._lose(f"its socket failed: {error}")
            return
        if not packet:
            self._lose("its first process ended")
            return
        try:
            self._take(json.loads(packet))
        except Exception as error:  # noqa: BLE001 - or whoever waits for the run waits for ever
            self._lose(f"it said what makes no sense: {error!r}")

    def _take(self, event: dict[str, Any]) -> None:
        match event.pop("event"):
            case "ready":
                self._zygote_pid = self._keeper.first_process()
                self.reusable = event["reusable"]
                self.missing = event["missing"]
                self.ready.set_result(None)
            case "exit":
                self.reusable = self.reusable and not event.pop("spent", False)
                number = event.pop("id")
                run, ended = self._runs[number], Exit(**event)
                del self._runs[number]
                if self._slot is not None:
                    ended, lost = self._counted(ended, self._slot)
                else:
                    lost = run.ended_by_want_of_memory(ended)
                if lost:
                    run.lose(SandboxLost("The machine ran out of memory and ended the run."))
                elif not run.ended.done():
                    run.ended.set_result(ended)

    def _counted(self, ended: Exit, slot: Slot) -> tuple[Exit, bool]:
        """The end of a run as its control group saw it, and whether the machine ended it."""
        used = slot.usage()
        if slot.reset() > _RESIDUE_BYTES:
            self.reusable = False
        if not used.memory_kills:
            return ended, False
        return replace(ended, limit=ended.limit or "memory"), used.limit_hits == 0

    def _lose(self, how: str) -> None:
        if self._lost is None:
            self._loop.remove_reader(self._control.fileno())
            said = self._keeper.last_words()
            self._lost = SandboxLost(f"The sandbox was lost: {how}. {said}".rstrip())
        self._lose_runs(self._lost)

    def _lose_runs(self, error: SandboxLost) -> None:
        for run in self._runs.values():
            run.lose(error)
        self._runs.clear()
        if not self.ready.done():
            self.ready.set_exception(error)

    async def _end(self) -> None:
        if self._lost is None:
            self._loop.remove_reader(self._control.fileno())
        self._control.close()
        await self._keeper.end()
        if self._slot is not None:
            self._slot.close()
        self._lose_runs(SandboxLost("The sandbox was closed before the run had ended."))


class _Run:
    """A run as the supervisor sees it."""

    def __init__(self, jail: ZygoteJail, number: int, *, counted: bool) -> None:
        """Knows of a run.

        Args:
            jail: Where it runs.
            number: What the jail calls it.
            counted: Whether a control group tells what ended it.
        """
        self._jail = jail
        self.number = number
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._killed = False
        self._kills_before = 0 if counted else out_of_memory_kills()
        self.ended.add_done_callback(_look_at)

    def lose(self, error: SandboxLost) -> None:
        """Ends what still waits for news of it."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def ended_by_want_of_memory(self, ended: Exit) -> bool:
        """Whether the machine, not a limit of the run's, may have ended it."""
        unexplained = ended.signal == signal.SIGKILL and ended.limit is None and not self._killed
        return unexplained and out_of_memory_kills() > self._kills_before

    def kill(self) -> None:
        self._killed = True
        self._jail.send({"op": "kill", "id": self.number}, [])


def _look_at(news: asyncio.Future[Any]) -> None:
    """Marks an exception as seen: whoever still waits gets it, nobody has to."""
    if not news.cancelled():
        news.exception()
