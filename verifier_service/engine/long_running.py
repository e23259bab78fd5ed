"""Verifications that outlive the call which started them, and the server that ran them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext

from verifier_service.engine.faults import shutting_down
from verifier_service.engine.flight import Waiter
from verifier_service.engine.job import Job
from verifier_service.engine.keyed_locks import KeyedLocks
from verifier_service.engine.ledger import Ledger
from verifier_service.engine.live import Live
from verifier_service.engine.policy import Policy
from verifier_service.engine.runs import Runs
from verifier_service.engine.scheduler import Scheduler
from verifier_service.engine.tasks import Tasks
from verifier_service.model import (
    CallOptions,
    Progress,
    RequestIdReused,
    ServerRestarted,
    ServiceError,
    ShuttingDown,
    State,
    UnknownVerification,
    Verification,
    VerificationSpec,
)

__all__ = ["LongRunning"]

_log = logging.getLogger(__name__)


class LongRunning:
    """Starts, follows, cancels and takes up again."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        runs: Runs,
        scheduler: Scheduler,
        policy: Policy,
        tasks: Tasks,
        resolve: Callable[[VerificationSpec], Job],
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._scheduler = scheduler
        self._policy = policy
        self._tasks = tasks
        self._resolve = resolve
        self._lives: dict[str, Live] = {}
        self._starting = KeyedLocks()

    async def start(self, job: Job, options: CallOptions, *, request_id: str) -> Verification:
        """Starts a job, or finds what was started under this request id.

        Raises:
            RequestIdReused: The request id belongs to another spec.
            QueueFull: There is no room.
        """
        # A task of its own: a call cut off between writing it down and undertaking it would leave
        # a verification that nobody attends to.
        return await asyncio.shield(self._tasks.spawn(self._start(job, options, request_id)))

    async def _start(self, job: Job, options: CallOptions, request_id: str) -> Verification:
        if not request_id:
            return await self._begin(job, options, request_id="")
        async with self._starting.holding(request_id):
            known = await self._ledger.by_request_id(request_id)
            if known is None:
                return await self._begin(job, options, request_id=request_id)
        verification, digest = known
        if digest != job.digest:
            raise _request_id_reused(request_id, verification)
        return self._present(verification)

    async def _begin(self, job: Job, options: CallOptions, *, request_id: str) -> Verification:
        if len(self._lives) >= self._policy.slots + self._policy.max_queued:
            raise self._scheduler.no_room()
        verification = self._ledger.new(
            Verification(
                verification_id="",
                spec=job.spec,
                state=State.QUEUED,
                create_time=time.time(),
                session_id=options.session_id,
            )
        )
        live = await self._ledger.open(verification, digest=job.digest, request_id=request_id)
        self._undertake(live, job, options)
        return live.verification

    async def get(self, verification_id: str) -> Verification:
        """A verification as it stands.

        Raises:
            UnknownVerification: None of this id is kept.
        """
        if (live := self._lives.get(verification_id)) is not None:
            return live.verification
        verification = await self._ledger.verification(verification_id)
        if verification is None:
            raise _unknown(verification_id)
        return verification

    async def watch(self, verification_id: str) -> AsyncGenerator[Verification | Progress, None]:
        """A verification as it stands, then all that happens to it until it is over.

        Raises:
            UnknownVerification: None of this id is kept.
            ShuttingDown: This server stops before it is over.
        """
        live = self._lives.get(verification_id)
        with nullcontext() if live is None else live.watched() as events:
            event: Verification | Progress | None = await self.get(verification_id)
            while event is not None:
                yield event
                if events is None or (isinstance(event, Verification) and event.state.over):
                    return
                event = await events.get()
        raise shutting_down()

    async def cancel(self, verification_id: str) -> None:
        """Ends a verification, and returns when it has ended; no effect once it is over.

        Raises:
            UnknownVerification: None of this id is kept.
        """
        live = self._lives.get(verification_id)
        if live is None:
            await self._cancel_unattended(await self.get(verification_id))
            return
        if live.cancellation is None:
            live.cancellation = self._tasks.spawn(self._cancel(live))
        cancellation = live.cancellation
        await asyncio.wait([cancellation])
        cancellation.result()

    async def recover(self) -> None:
        """Takes up what a former process left unfinished.

        What has ended `max_starts` servers ends as FAILED rather than this one too.
        """
        for verification, begun in await self._ledger.unfinished():
            if verification.verification_id not in self._lives:
                await self._recover(verification, begun)

    def close(self) -> None:
        """Ends all watching; the verifications stay for the next server."""
        for live in self._lives.values():
            live.close()
        self._lives.clear()

    async def _recover(self, verification: Verification, begun: int) -> None:
        live = Live(verification=verification, digest="")
        try:
            job = self._resolve(verification.spec)
        except ServiceError as error:
            await self._ledger.fail(live, error)
            return
        live.digest = job.digest
        if begun >= self._policy.max_starts:
            await self._ledger.fail(live, _restarted(begun))
            return
        _log.info("Verification %s runs again.", verification.verification_id)
        self._undertake(live, job, CallOptions(session_id=verification.session_id))

    def _undertake(self, live: Live, job: Job, options: CallOptions) -> None:
        self._lives[live.verification.verification_id] = live
        live.task = self._tasks.spawn(self._conduct(live, job, options))
        live.task.add_done_callback(lambda _: self._forget(live))

    async def _conduct(self, live: Live, job: Job, options: CallOptions) -> None:
        waiter = Waiter(
            priority=options.priority,
            session_id=options.session_id,
            patient=True,
            cache_policy=options.cache_policy,
            listener=live.hear,
            live=live,
        )
        try:
            verdict = await self._runs.answer(job, waiter)
        except ShuttingDown:
            return  # the next server takes it up
        except ServiceError as error:
            live.settled = True
            await self._ledger.fail(live, error)
        else:
            live.settled = True
            await self._ledger.conclude(live, verdict)

    async def _cancel(self, live: Live) -> None:
        if not live.settled:
            live.task.cancel()
        await asyncio.wait([live.task])
        try:
            await self._ledger.cancel(live)
        finally:
            live.cancellation = None
            self._forget(live)

    async def _cancel_unattended(self, verification: Verification) -> None:
        """Ends one that no task of this process attends to."""
        if not verification.state.over:
            await self._ledger.cancel(Live(verification=verification, digest=""))

    def _forget(self, live: Live) -> None:
        """Leaves it to the store, unless the last word about it is being written."""
        if live.cancellation is None:
            live.close()
            self._lives.pop(live.verification.verification_id, None)

    def _present(self, verification: Verification) -> Verification:
        live = self._lives.get(verification.verification_id)
        return verification if live is None else live.verification


def _unknown(verification_id: str) -> UnknownVerification:
    return UnknownVerification(
        f"No verification {verification_id!a} is kept here. It may have been pruned; "
        "list the verifications to see those that are.",
        verification_id=verification_id,
    )


def _request_id_reused(request_id: str, verification: Verification) -> RequestIdReused:
    return RequestIdReused(
        f"request_id: {request_id} was used to start verification "
        f"{verification.verification_id}, whose spec is another. Use a new UUID for a new spec.",
        request_id=request_id,
        verification_id=verification.verification_id,
    )


def _restarted(begun: int) -> ServerRestarted:
    return ServerRestarted(
        f"The server ended {begun} times while this verification ran, so it is not run again. "
        "Start it anew if the server ended for another reason.",
        begun_count=str(begun),
    )
