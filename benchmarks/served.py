"""A server in a process of its own, and one stream of verdicts from it.

python -m benchmarks.served DIRECTORY
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from benchmarks.measuring import settings, spec
from clients import AsyncStream
from verifier_service.application import serve
from verifier_service.model import Outcome, Verdict

__all__ = ["Streamed", "accepted", "server_process"]


def accepted(verdict: Verdict) -> None:
    """Fails for any other verdict, and for one that nothing was done for."""
    assert verdict.outcome is Outcome.ACCEPTED, verdict
    assert not verdict.provenance.from_cache


class Streamed:
    """Judges through one stream; results go to whoever waits for them."""

    def __init__(self, session: AsyncStream) -> None:
        self._session = session
        self._waiting: dict[str, asyncio.Future[Verdict]] = {}

    async def judge(self, source: str) -> None:
        ticket = await self._session.submit(spec(source))
        self._waiting[ticket] = asyncio.get_running_loop().create_future()
        accepted(await self._waiting[ticket])

    async def read(self) -> None:
        """Reads until it is cancelled; what ends the stream ends whoever waits."""
        try:
            async for item in self._session:
                waiting = self._waiting.pop(item.ticket)
                try:
                    waiting.set_result(item.unwrap())
                except Exception as error:  # noqa: BLE001 - whoever waits gets it
                    waiting.set_exception(error)
        finally:
            for waiting in self._waiting.values():
                waiting.cancel()


@asynccontextmanager
async def server_process(directory: str) -> AsyncIterator[str]:
    """A server with its socket and store in a directory; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.served", directory, stdout=-1
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def main() -> None:
    (directory,) = sys.argv[1:]
    asyncio.run(serve(settings(directory, "served"), ready=lambda a: print(a, flush=True)))


if __name__ == "__main__":
    main()
