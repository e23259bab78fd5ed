"""Tree search: tickets are paths, so that one call takes back everything below a node.

The search writes a program line by line. Each node is a program so far, its children add a line;
the share of test cases that pass is its worth. When a child is worth more than its parent, the
parent's other children, and all that is below them, are taken back.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence

from clients import AsyncVerifier, python_tests
from verifier_service.model import PythonEvidence, Verdict, VerificationSpec

__all__ = ["tree_search"]

Expand = Callable[[str], Sequence[str]]
"""From a program to programs that go on from it."""


async def tree_search(
    verifier: AsyncVerifier,
    root: str,
    expand: Expand,
    spec_of: Callable[[str], VerificationSpec],
    *,
    most_nodes: int = 100,
) -> str | None:
    """The first accepted program; None where there is none among so many nodes."""
    programs = {"0": root}
    worth = {"0": 0.0}
    async with verifier.stream() as session:

        async def grow(path: str) -> None:
            for number, source in enumerate(expand(programs[path])):
                if len(programs) < most_nodes:
                    child = f"{path}/{number}"
                    programs[child] = source
                    await session.submit(spec_of(source), ticket=child)

        await grow("0")
        while session.pending_count:
            item = await session.next()
            if item is None:
                break
            if item.verdict is None:
                continue  # taken back, or trouble of the service
            if item.verdict.reward == 1.0:
                return programs[item.ticket]
            parent = item.ticket.rpartition("/")[0]
            worth[item.ticket] = _worth(item.verdict)
            if worth[item.ticket] > worth[parent]:
                await session.cancel(f"{parent}/*")
                await grow(item.ticket)
    return None


def _worth(verdict: Verdict) -> float:
    evidence = verdict.evidence
    if not isinstance(evidence, PythonEvidence) or not evidence.total_count:
        return 0.0
    return evidence.passed_count / evidence.total_count


def _branches(source: str) -> list[str]:
    """Stands in for a model: goes on with a branch for one more number."""
    known = source.count("if n ==")
    return [f"{source}    if n == {known}:\n        return {guess}\n" for guess in range(4)]


async def _main(target: str) -> None:
    tests = "\n".join(f"assert square({n}) == {n * n}" for n in range(2))

    def spec_of(source: str) -> VerificationSpec:
        return python_tests(source, tests=tests, keep_going=True)

    async with AsyncVerifier(target) as verifier:
        found = await tree_search(verifier, "def square(n):\n", _branches, spec_of)
    sys.stdout.write(found or "None was accepted.\n")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
