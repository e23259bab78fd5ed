"""Where jails come from in this process: one kind of sandbox, chosen once."""

from __future__ import annotations

import asyncio

from sandboxes.isolation.bubblewrap import BubblewrapBackend
from sandboxes.isolation.cgroups import CgroupSlots, CgroupsUnavailable
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.pool import JailPool, Recycling

__all__ = ["Sandboxes"]


class Sandboxes:
    """Makes pools of jails, each for one interpreter, and ends them all."""

    def __init__(self, slots: CgroupSlots | None, recycling: Recycling) -> None:
        self._slots = slots
        self._recycling = recycling
        self._pools: list[JailPool] = []

    @classmethod
    async def create(cls, *, idle_jails: int = 4) -> Sandboxes:
        """Finds out what this machine offers.

        Args:
            idle_jails: Jails that are kept warm for each purpose; as many as runs at a time.
        """
        try:
            slots = await asyncio.to_thread(CgroupSlots.find)
        except CgroupsUnavailable:
            slots = None
        return cls(slots, Recycling(idle_jails=idle_jails))

    async def jails(self, interpreter: Interpreter) -> JailPool:
        """A pool of jails with this interpreter in them.

        Raises:
            IsolationUnavailable: No such jail can be made here; the message says what to do.
        """
        pool = JailPool(await BubblewrapBackend.create(interpreter, self._slots), self._recycling)
        self._pools.append(pool)
        return pool

    async def close(self) -> None:
        """Ends all jails, and what keeps them."""
        await asyncio.gather(*(pool.close() for pool in self._pools))
        if self._slots is not None:
            self._slots.close()
