"""Where verdicts and verifications are kept."""

from __future__ import annotations

from typing import Protocol

from verifier_service.model import (
    Verdict,
    Verification,
    VerificationFilter,
    VerificationPage,
)

__all__ = ["VerdictStore"]


class VerdictStore(Protocol):
    """Keeps verdicts by digest and verifications by id.

    When a method that writes returns, what it wrote survives the death of this process (`kill -9`
    included). Any method may be called from many tasks at a time.
    """

    async def verdict(self, digest: str) -> Verdict | None:
        """The verdict kept for this verification digest."""
        ...

    async def record(
        self, verification: Verification, *, digest: str, keep_verdict: bool, request_id: str = ""
    ) -> None:
        """Writes a verification, new or changed; with `keep_verdict`, its verdict by digest too.

        Both land in one transaction.
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

    async def close(self) -> None:
        """Writes what is pending and lets go of the file."""
        ...
