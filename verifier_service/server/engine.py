"""What the server needs of an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from verifier_service.model import (
    CallOptions,
    Capabilities,
    Progress,
    ProgressListener,
    ServiceError,
    StopRule,
    Verdict,
    Verification,
    VerificationFilter,
    VerificationPage,
    VerificationSpec,
)

__all__ = ["VerificationEngine"]


class VerificationEngine(Protocol):
    """Reaches verdicts. Whatever it raises is a `ServiceError` or a bug."""

    async def verify(
        self,
        spec: VerificationSpec,
        options: CallOptions,
        *,
        deadline: float | None,
        progress: ProgressListener | None = None,
        patient: bool = False,
    ) -> Verdict:
        """Judges one candidate; cancelling leaves nothing running that nobody else waits for.

        A patient call waits for a slot however long the queue is. The deadline is one of
        `time.monotonic()`.
        """
        ...

    def batch(
        self,
        specs: Sequence[VerificationSpec],
        options: CallOptions,
        *,
        stop_rule: StopRule | None,
        deadline: float | None = None,
    ) -> AsyncIterator[tuple[int, Verdict | ServiceError]]:
        """Judges many; yields one result for each index, as they are ready."""
        ...

    async def start(
        self, spec: VerificationSpec, options: CallOptions, request_id: str
    ) -> Verification:
        """Starts one that outlives the call."""
        ...

    async def get(self, verification_id: str) -> Verification:
        """A verification as it stands."""
        ...

    def watch(self, verification_id: str) -> AsyncIterator[Verification | Progress]:
        """First its present state, then every event until it is over."""
        ...

    async def cancel(self, verification_id: str) -> None:
        """Ends one; no effect once it has ended."""
        ...

    async def list(
        self, which: VerificationFilter, page_size: int, page_token: str
    ) -> VerificationPage:
        """One page, newest first; a page size of 0 means the default, and large ones are cut."""
        ...

    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def drain(self, grace_seconds: float) -> None:
        """Takes nothing new, and waits for what is running no longer than this."""
        ...
