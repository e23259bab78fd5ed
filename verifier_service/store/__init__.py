"""Where verdicts and verifications are kept."""

from __future__ import annotations

from typing import Protocol

from verifier_service.model import (
    Verdict,
    Verification,
    VerificationFilter,
    VerificationPage,
)

__all__ = ["StoreError", "VerdictStore"]


class StoreError(Exception):
    """A store that can't be opened, or can't keep or find what it is asked to."""


class VerdictStore(Protocol):
    """Keeps verdicts by digest and verifications by id.

    When a method that writes returns, what it wrote survives the death of this process (`kill -9`
    included). Any method may be called from many tasks at a time.

    Raises:
        StoreError: From every method: the store is closed, full, broken or out of reach.
    """

    async def verdict(self, digest: str) -> Verdict | None:
        """The verdict kept for this verification digest."""
        ...

    async def record(
        self, verification: Verification, *, digest: str, keep_verdict: bool, request_id: str = ""
    ) -> None:
        """Writes a verification, new or changed; with `keep_verdict`, its verdict by digest too.

        Both land in one transaction. What is over never changes any more: a write that comes too
        late, whatever the order in which writes arrive, has no effect on the verification. Each
        write in state RUNNING counts as one beginning.
        """
        ...

    async def verification(self, verification_id: str) -> Verification | None:
        """The verification of this id."""
        ...

    async def by_request_id(self, request_id: str) -> tuple[Verification, str] | None:
        """The verification that was started under this request id, and its digest."""
        ...

    async def page(self, which: VerificationFilter, *, size: int, token: str) -> VerificationPage:
        """One page, newest first.

        Raises:
            InvalidSpec: The token is not one of ours.
        """
        ...

    async def unfinished(self) -> list[tuple[Verification, int]]:
        """Verifications that are QUEUED or RUNNING, and how often each was begun, oldest first."""
        ...

    async def prune(self, keep: int) -> None:
        """Lets go of the oldest finished verifications beyond `keep`, and of as many verdicts.

        Verdicts go by least recent use. The engine calls it from time to time; it takes bounded
        steps, so that a store far beyond its size shrinks over several calls.
        """
        ...

    async def close(self) -> None:
        """Writes what is pending and lets go of the file."""
        ...
