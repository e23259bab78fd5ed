"""Runs, each shared by all who ask for the same."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial

from verifier_service.engine.faults import faults, shutting_down
from verifier_service.engine.flight import Flight, Waiter
from verifier_service.engine.job import Job
from verifier_service.engine.ledger import Ledger
from verifier_service.engine.policy import Policy
from verifier_service.engine.scheduler import Scheduler
from verifier_service.engine.tasks import Tasks
from verifier_service.model import (
    CachePolicy,
    NotCached,
    Progress,
    SandboxLost,
    State,
    Timeline,
    Verdict,
)
from verifier_service.validation import CRITERION_NAMES

__all__ = ["Runs"]


class Runs:
    """Answers jobs from the cache, from a run in flight, or by a run of their own."""

    def __init__(
        self, *, ledger: Ledger, scheduler: Scheduler, policy: Policy, tasks: Tasks
    ) -> None:
        self._ledger = ledger
        self._scheduler = scheduler
        self._policy = policy
        self._tasks = tasks
        self._shared: dict[str, Flight] = {}
        self._flights: set[Flight] = set()
        self._stopped = False

    def __len__(self) -> int:
        return len(self._flights)

    async def answer(self, job: Job, waiter: Waiter) -> Verdict:
        """The verdict, kept durably before this returns.

        When it ends in any way, and nobody else waits for the same, nothing runs any more.

        Raises:
            ServiceError: No verdict was reached.
        """
        if waiter.cache_policy is CachePolicy.ONLY:
            return await self._kept(job.digest)
        flight = self._flight(job, waiter)
        flight.join(waiter)
        try:
            if waiter.live is not None and flight.running:
                await self._ledger.running(waiter.live)
            await asyncio.wait([flight.task])
        finally:
            flight.leave(waiter)
            await self._abandon(flight)
        return flight.verdict()

    def stop(self) -> None:
        """Ends all runs, and takes no more; their tasks tell when they have ended."""
        self._stopped = True
        for flight in self._flights:
            flight.cancel()

    async def _kept(self, digest: str) -> Verdict:
        verdict = await self._ledger.kept(digest)
        if verdict is None:
            raise NotCached(
                "No verdict is kept for this spec. Leave out the cache policy ONLY to run it.",
                verification_digest=digest,
            )
        return verdict

    def _flight(self, job: Job, waiter: Waiter) -> Flight:
        """The flight for this digest that can still serve, else one that begins here."""
        if self._stopped:
            raise shutting_down()
        flight = self._shared.get(job.digest)
        if flight is not None and not flight.task.done():
            return flight
        flight = Flight(
            job=job,
            session_id=waiter.session_id,
            create_time=time.time(),
            scheduler=self._scheduler,
        )
        flight.task = self._tasks.spawn(self._fly(flight))
        flight.task.add_done_callback(partial(self._landed, flight))
        self._shared[job.digest] = flight
        self._flights.add(flight)
        return flight

    def _landed(self, flight: Flight, _: asyncio.Task[Verdict]) -> None:
        self._flights.discard(flight)
        self._unshare(flight)

    def _unshare(self, flight: Flight) -> None:
        if self._shared.get(flight.job.digest) is flight:
            del self._shared[flight.job.digest]

    async def _abandon(self, flight: Flight) -> None:
        """Ends a flight that nobody waits for, and returns when it has ended.

        A cancellation that comes meanwhile ends this wait and not the teardown, which is the
        flight's own.
        """
        if flight.waiters or flight.task.done():
            return
        flight.cancel()
        if flight.cancelled:
            self._unshare(flight)
        await asyncio.wait([flight.task])

    async def _fly(self, flight: Flight) -> Verdict:
        if not flight.refresh:
            kept = await self._ledger.kept(flight.job.digest)
            if kept is not None and not flight.refresh:
                return kept
        verdict = await self._run(flight)
        flight.settled = True
        await self._ledger.settle(flight, verdict)
        return verdict

    async def _run(self, flight: Flight) -> Verdict:
        """Holds a slot until everything that ran in it is gone."""
        ticket = flight.enter()
        try:
            await ticket.granted
            start_time = time.time()
            for live in flight.lives:
                await self._ledger.running(live)
            flight.publish(Progress(state=State.RUNNING))
            verdict, attempts = await self._attempt(flight)
            return self._signed(flight, verdict, start_time=start_time, attempts=attempts)
        finally:
            self._scheduler.leave(ticket)

    async def _attempt(self, flight: Flight) -> tuple[Verdict, int]:
        """Runs it, and once more while its sandboxes get lost; the verdict, and runs it took."""
        for attempt in range(1, self._policy.max_attempts):
            try:
                return await self._execute(flight), attempt
            except SandboxLost:
                if _asked_to_end():
                    raise
        return await self._execute(flight), self._policy.max_attempts

    async def _execute(self, flight: Flight) -> Verdict:
        job = flight.job
        what = f"The executor of {CRITERION_NAMES[type(job.spec.problem.criterion)]}"
        with faults(what):
            try:
                verdict: object = await job.executor.verify(
                    job.spec,
                    environment=job.environment,
                    limits=job.limits,
                    progress=flight.publish,
                )
            except asyncio.CancelledError as error:
                if _asked_to_end():
                    raise
                raise RuntimeError("It cancelled itself.") from error
            if not isinstance(verdict, Verdict):
                raise TypeError(f"It returned a {type(verdict).__name__}.")
            return verdict

    def _signed(
        self, flight: Flight, verdict: Verdict, *, start_time: float, attempts: int
    ) -> Verdict:
        """The verdict with what only the engine knows of its origin."""
        told = verdict.provenance
        timeline = Timeline(
            create_time=flight.create_time,
            start_time=start_time,
            execute_time=start_time if told.timeline is None else told.timeline.execute_time,
            end_time=time.time(),
        )
        environment = flight.job.environment
        provenance = replace(
            told,
            verification_digest=flight.job.digest,
            environment=told.environment or f"{environment.name}@{environment.digest}",
            sandbox=told.sandbox or environment.sandbox,
            worker=self._policy.worker,
            from_cache=False,
            timeline=timeline,
            attempt_count=attempts,
        )
        return replace(verdict, provenance=provenance)


def _asked_to_end() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
