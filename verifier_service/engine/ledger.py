"""What the engine writes down, and finds again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from verifier_service.engine.faults import faults
from verifier_service.engine.flight import Flight
from verifier_service.engine.identifiers import Identifiers
from verifier_service.engine.live import Live
from verifier_service.engine.policy import Policy
from verifier_service.engine.tasks import Tasks
from verifier_service.model import (
    Assurance,
    AssuranceUnavailable,
    Outcome,
    ServiceError,
    State,
    Verdict,
    Verification,
    VerificationFilter,
    VerificationPage,
)
from verifier_service.store import VerdictStore
from verifier_service.validation import is_unicode

__all__ = ["Ledger", "check_assurance"]

_STORE = "The store"


class Ledger:
    """The engine's one way to its store.

    Everything written is durable when the method that writes it returns. Trouble of the store is
    an `ExecutorFault`.
    """

    def __init__(self, store: VerdictStore, *, policy: Policy, tasks: Tasks) -> None:
        self._store = store
        self._policy = policy
        self._tasks = tasks
        self._identifiers = Identifiers()
        self._written = 0
        self._pruning: asyncio.Task[None] | None = None

    async def kept(self, digest: str) -> Verdict | None:
        """The kept verdict of this digest, marked as such."""
        with faults(_STORE):
            verdict = await self._store.verdict(digest)
        if verdict is None:
            return None
        return replace(verdict, provenance=replace(verdict.provenance, from_cache=True))

    async def settle(self, flight: Flight, verdict: Verdict) -> None:
        """Writes what a run has shown: for each long-running verification that waits for it, or
        else once for all its callers.
        """
        writes = [self.conclude(live, verdict) for live in flight.lives]
        await asyncio.gather(*(writes or [self._add(flight, verdict)]))

    async def _add(self, flight: Flight, verdict: Verdict) -> None:
        verification = Verification(
            verification_id=self._identifiers.next(),
            spec=flight.job.spec,
            state=State.SUCCEEDED,
            create_time=flight.create_time,
            end_time=time.time(),
            session_id=flight.session_id,
            verdict=verdict,
        )
        await self._record(verification, digest=flight.job.digest, keep_verdict=_lasts(verdict))

    async def open(self, verification: Verification, *, digest: str, request_id: str) -> Live:
        """Writes a verification that is to outlive its call."""
        live = Live(verification=verification, digest=digest, request_id=request_id)
        await self._record(verification, digest=digest, request_id=request_id)
        return live

    def new(self, verification: Verification) -> Verification:
        """The same, under a name of its own."""
        return replace(verification, verification_id=self._identifiers.next())

    async def running(self, live: Live) -> None:
        """Writes that it runs, before it does: a run that ends the server was counted."""
        await self._change(live, replace(live.verification, state=State.RUNNING))

    async def conclude(self, live: Live, verdict: Verdict) -> None:
        """Writes its verdict, or that the verdict is weaker than it asked for."""
        try:
            check_assurance(verdict, live.verification.spec.minimum_assurance)
        except AssuranceUnavailable as error:
            await self.fail(live, error)
            return
        ended = replace(
            live.verification, state=State.SUCCEEDED, end_time=time.time(), verdict=verdict
        )
        lasts = _lasts(verdict) and not verdict.provenance.from_cache
        await self._change(live, ended, keep_verdict=lasts)

    async def fail(self, live: Live, error: ServiceError) -> None:
        """Writes why there is no verdict."""
        ended = replace(live.verification, state=State.FAILED, end_time=time.time(), error=error)
        await self._change(live, ended)

    async def cancel(self, live: Live) -> None:
        """Writes that it was ended on request."""
        ended = replace(live.verification, state=State.CANCELLED, end_time=time.time())
        await self._change(live, ended)

    async def _change(
        self, live: Live, changed: Verification, *, keep_verdict: bool = False
    ) -> None:
        """Writes first and tells second; what is over stays as it is."""
        if live.verification.state.over:
            return
        await self._record(
            changed, digest=live.digest, keep_verdict=keep_verdict, request_id=live.request_id
        )
        if not live.verification.state.over:
            live.become(changed)

    async def _record(
        self,
        verification: Verification,
        *,
        digest: str,
        keep_verdict: bool = False,
        request_id: str = "",
    ) -> None:
        with faults(_STORE):
            await self._store.record(
                verification, digest=digest, keep_verdict=keep_verdict, request_id=request_id
            )
        self._written += 1
        if self._written % self._policy.prune_interval == 0 and self._pruning is None:
            self._pruning = self._tasks.spawn(self._prune())

    async def _prune(self) -> None:
        try:
            with faults(_STORE):
                await self._store.prune(self._policy.keep_verifications)
        finally:
            self._pruning = None

    async def verification(self, verification_id: str) -> Verification | None:
        """The kept verification of this id."""
        if not is_unicode(verification_id):
            return None
        with faults(_STORE):
            return await self._store.verification(verification_id)

    async def by_request_id(self, request_id: str) -> tuple[Verification, str] | None:
        """The verification that was started under this request id, and its digest."""
        with faults(_STORE):
            return await self._store.by_request_id(request_id)

    async def page(self, which: VerificationFilter, *, size: int, token: str) -> VerificationPage:
        """One page, newest first.

        Raises:
            InvalidSpec: The token is not one of ours.
        """
        with faults(_STORE):
            return await self._store.page(which, size=size, token=token)

    async def unfinished(self) -> list[tuple[Verification, int]]:
        """Verifications that are not over, and how often each was begun, oldest first."""
        with faults(_STORE):
            return await self._store.unfinished()

    async def close(self) -> None:
        """Lets go of the store."""
        await self._store.close()


def check_assurance(verdict: Verdict, minimum: Assurance) -> None:
    """Lets no acceptance pass that is weaker than what was asked for.

    Raises:
        AssuranceUnavailable: It is.
    """
    if verdict.outcome is Outcome.ACCEPTED and verdict.assurance < minimum:
        raise AssuranceUnavailable(
            f"spec.minimum_assurance: the candidate was accepted with {verdict.assurance.name}, "
            f"which is less than {minimum.name}. Ask for less, or put the problem in a form that "
            "allows more.",
            minimum_assurance=minimum.name,
            reached_assurance=verdict.assurance.name,
        )


def _lasts(verdict: Verdict) -> bool:
    """Whether the next equal request may be answered with it; could-not-tell may not."""
    return verdict.outcome is not Outcome.INCONCLUSIVE
