"""Best of n: candidates go out as they are written, and the first accepted one ends the search."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

from clients import AsyncVerifier, python_tests
from verifier_service.model import VerificationSpec

__all__ = ["best_of_n"]


async def best_of_n(
    verifier: AsyncVerifier,
    candidates: AsyncIterator[str],
    spec_of: Callable[[str], VerificationSpec],
) -> str | None:
    """The first candidate that is accepted; None where none is.

    While some are judged, more are drawn: `submit` waits only where the server has no room. Leaving
    the stream takes back all that is still being judged.
    """
    drawn: dict[str, str] = {}
    async with verifier.stream() as session:

        async def draw() -> None:
            async for source in candidates:
                ticket = f"candidate/{len(drawn)}"
                drawn[ticket] = source
                await session.submit(spec_of(source), ticket=ticket)
            session.finish()

        drawing = asyncio.create_task(draw())
        try:
            async for item in session:
                if item.error is not None:
                    continue  # trouble of the service says nothing about the candidate
                if item.unwrap().reward == 1.0:
                    return drawn[item.ticket]
            await drawing  # raises what went wrong with drawing
        finally:
            drawing.cancel()
    return None


async def _counting() -> AsyncIterator[str]:
    """Stands in for a model."""
    for number in range(10):
        await asyncio.sleep(0)
        yield f"def answer():\n    return {number}\n"


async def _main(target: str) -> None:
    async with AsyncVerifier(target) as verifier:
        found = await best_of_n(
            verifier, _counting(), lambda source: python_tests(source, tests="assert answer() == 6")
        )
    sys.stdout.write(found or "None was accepted.\n")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
