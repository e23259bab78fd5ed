"""The engine: from a spec to a verdict that is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from verifier_service.engine.asides import Asides
from verifier_service.engine.batch import Batch, BatchResult, check_batch
from verifier_service.engine.calibration import estimate_for
from verifier_service.engine.faults import shutting_down
from verifier_service.engine.flight import Waiter
from verifier_service.engine.job import Job, resolve
from verifier_service.engine.ledger import Ledger, check_assurance
from verifier_service.engine.long_running import LongRunning
from verifier_service.engine.policy import Policy
from verifier_service.engine.reporting import reported
from verifier_service.engine.runs import Runs
from verifier_service.engine.scheduler import Scheduler
from verifier_service.engine.tasks import Tasks
from verifier_service.model import (
    CallOptions,
    Capabilities,
    DeadlineExceeded,
    Executor,
    InvalidSpec,
    Progress,
    ProgressListener,
    StopRule,
    Verdict,
    Verification,
    VerificationFilter,
    VerificationPage,
    VerificationSpec,
    Violation,
)
from verifier_service.store import VerdictStore
from verifier_service.validation import check_id, check_options, check_request_id

__all__ = ["Engine", "Stats"]

_NO_OPTIONS: Final = CallOptions()
_NO_FILTER: Final = VerificationFilter()
_NEVER: Final = StopRule()
_T = TypeVar("_T")

_DEFAULT_PAGE_SIZE: Final = 50
_MAXIMUM_PAGE_SIZE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What an engine is busy with."""

    running: int
    """Slots that are taken."""
    queued: int
    """Runs that wait for a slot."""
    flights: int
    """Answers that are being looked up, run or written."""
    cache_hits: int
    """Answers given from the store since the start."""
    verdicts: int
    """Answers given since the start, those from the store included."""


class Engine:
    """Judges candidates with the executors given, and keeps what they conclude in the store.

    Made on the event loop that it lives on, which is also the only one that may call it. Whoever
    makes it ends it with `close`, which ends executors and store too.
    """

    def __init__(
        self, *, executors: Sequence[Executor], store: VerdictStore, policy: Policy
    ) -> None:
        self._executors = tuple(executors)
        self._policy = policy
        self._tasks = Tasks()
        self._scheduler = Scheduler(slots=policy.slots, max_queued=policy.max_queued)
        self._ledger = Ledger(store, policy=policy, tasks=self._tasks)
        self._runs = Runs(
            ledger=self._ledger, scheduler=self._scheduler, policy=policy, tasks=self._tasks
        )
        self._long_running = LongRunning(
            ledger=self._ledger,
            runs=self._runs,
            scheduler=self._scheduler,
            policy=policy,
            tasks=self._tasks,
            resolve=self.resolve,
        )
        self._asides = Asides(scheduler=self._scheduler, tasks=self._tasks)
        self._draining = False
        self._ending: asyncio.Task[None] | None = None
        self._closed = False
        self._cache_hits = 0
        self._verdicts = 0

    async def verify(
        self,
        spec: VerificationSpec,
        options: CallOptions = _NO_OPTIONS,
        *,
        deadline: float | None = None,
        progress: ProgressListener | None = None,
        patient: bool = False,
    ) -> Verdict:
        """Judges one candidate and waits for the verdict.

        Equal specs in flight share one run, which ends early once nobody waits for it; when this
        call is cancelled and was the last to wait, it returns after the run has ended.

        Args:
            spec: What to judge.
            options: How to serve it.
            deadline: In seconds of `time.monotonic`.
            progress: Called with each event, first of all with where a shared run stands.
            patient: Waits for room, however long that takes, where others get `QueueFull`.

        Raises:
            DeadlineExceeded: The deadline passed first.
            ServiceError: There is no verdict, for another reason of ours.
        """
        self._check_open()
        _check_options(options)
        return await self._verdict(
            spec, options, deadline=deadline, progress=progress, patient=patient
        )

    async def batch(
        self,
        specs: Sequence[VerificationSpec],
        options: CallOptions = _NO_OPTIONS,
        *,
        stop_rule: StopRule | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[BatchResult, None]:
        """Judges many candidates: index and result of each, as they are ready.

        There is exactly one result for each spec, a `ServiceError` where there is no verdict, and
        `Cancelled` for those that the stop rule made superfluous. Closing the generator
        (`contextlib.aclosing`) ends what still runs.

        Raises:
            InvalidSpec: There are too many specs, or two of the same name.
        """
        self._check_open()
        rule = stop_rule or _NEVER
        maximum = self._policy.maximum_batch_size
        _refuse(check_options(options) + check_batch(specs, rule, maximum_size=maximum))
        batch = Batch(
            specs=specs,
            judge=partial(self._verdict, options=options, deadline=deadline, patient=True),
            stop_rule=rule,
            window=max(self._policy.batch_window, 2 * self._policy.slots),
            tasks=self._tasks,
        )
        async with aclosing(batch.results()) as results:
            async for result in results:
                yield result

    async def start(
        self,
        spec: VerificationSpec,
        options: CallOptions = _NO_OPTIONS,
        request_id: str = "",
    ) -> Verification:
        """Starts a verification that outlives the call.

        The same request id always gets the same verification.

        Raises:
            RequestIdReused: The request id belongs to another spec.
            ServiceError: It was not started, for another reason.
        """
        self._check_open()
        _refuse(check_options(options) + check_request_id(request_id))
        job = self.resolve(spec)
        started = await self._long_running.start(job, options, request_id=request_id.lower())
        return self._shown(started)

    async def get(self, verification_id: str) -> Verification:
        """A verification as it stands.

        Raises:
            UnknownVerification: None of this id is kept.
        """
        return self._shown(await self._long_running.get(verification_id))

    async def watch(self, verification_id: str) -> AsyncGenerator[Verification | Progress, None]:
        """A verification as it stands, then all that happens to it until it is over.

        Raises:
            UnknownVerification: None of this id is kept.
            ShuttingDown: The server stops before it is over.
        """
        async with aclosing(self._long_running.watch(verification_id)) as events:
            async for event in events:
                yield self._shown(event) if isinstance(event, Verification) else event

    async def cancel(self, verification_id: str) -> None:
        """Ends a verification; returns when nothing of it runs any more.

        Raises:
            UnknownVerification: None of this id is kept.
        """
        await self._long_running.cancel(verification_id)

    async def list(
        self,
        which: VerificationFilter = _NO_FILTER,
        page_size: int = 0,
        page_token: str = "",
    ) -> VerificationPage:
        """Kept verifications, newest first; a page may be shorter than asked for.

        Args:
            which: Those to list.
            page_size: At most so many, never more than 1000; 0 means 50.
            page_token: From the page before.

        Raises:
            InvalidSpec: An argument is out of its range.
        """
        _refuse(
            check_id("problem_id", which.problem_id)
            + check_id("session_id", which.session_id)
            + _check_page_size(page_size)
        )
        size = min(page_size or _DEFAULT_PAGE_SIZE, _MAXIMUM_PAGE_SIZE)
        page = await self._ledger.page(which, size=size, token=page_token)
        return replace(page, verifications=tuple(map(self._shown, page.verifications)))

    def resolve(self, spec: VerificationSpec) -> Job:
        """What a spec would be run as, for work that is no verification.

        Raises:
            ServiceError: It breaks rules, or nothing here judges it.
        """
        return resolve(spec, executors=self._executors, policy=self._policy)

    async def aside(self, work: Callable[[], Awaitable[_T]], options: CallOptions) -> _T:
        """Does work that is no verification, in a slot, however long the queue is.

        Whoever calls it bounds how much it asks for at a time. Cancelling ends the work before the
        cancellation comes out.

        Raises:
            ShuttingDown: The engine ends.
        """
        self._check_open()
        return await self._asides.run(work, options)

    async def recover(self) -> None:
        """Takes up what a former server left unfinished; called once, before serving."""
        await self._long_running.recover()

    def capabilities(self) -> Capabilities:
        """What this engine can do."""
        policy = self._policy
        return Capabilities(
            environments=tuple(
                environment for executor in self._executors for environment in executor.environments
            ),
            default_limits=policy.default_limits,
            maximum_limits=policy.maximum_limits,
            maximum_candidate_bytes=policy.maximum_candidate_bytes,
            maximum_batch_size=policy.maximum_batch_size,
            slot_count=policy.slots,
            version=policy.version,
        )

    def stats(self) -> Stats:
        """What it is busy with."""
        return Stats(
            running=self._scheduler.running,
            queued=self._scheduler.queued,
            flights=len(self._runs),
            cache_hits=self._cache_hits,
            verdicts=self._verdicts,
        )

    async def drain(self, grace_seconds: float) -> None:
        """Takes nothing new, lets what it has end for so long, then ends it.

        Verifications that are not over by then stay in the store for the next server. When this
        returns, no task and no process of the engine's or its executors' is left; `get` and
        `list` still work.
        """
        self._draining = True
        try:
            async with asyncio.timeout(grace_seconds):
                await self._tasks.ended()
        except TimeoutError:
            pass
        finally:
            await self._end()

    async def close(self) -> None:
        """Ends everything at once, then lets go of the store; no effect the second time."""
        if self._closed:
            return
        self._closed = True
        await self.drain(0)
        await self._ledger.close()

    async def _end(self) -> None:
        """Ends everything, once, whoever asks for it and goes away meanwhile."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end_all())
        await asyncio.shield(self._ending)

    async def _end_all(self) -> None:
        self._runs.stop()
        self._asides.stop()
        await self._tasks.ended()
        self._long_running.close()
        self._scheduler.close()
        for executor in self._executors:
            await executor.close()

    async def _verdict(
        self,
        spec: VerificationSpec,
        options: CallOptions,
        *,
        deadline: float | None = None,
        progress: ProgressListener | None = None,
        patient: bool = False,
    ) -> Verdict:
        job = self.resolve(spec)
        waiter = Waiter(
            priority=options.priority,
            session_id=options.session_id,
            deadline=deadline,
            patient=patient,
            cache_policy=options.cache_policy,
            listener=progress,
        )
        async with _before(deadline):
            verdict = await self._runs.answer(job, waiter)
        check_assurance(verdict, spec.minimum_assurance)
        self._verdicts += 1
        self._cache_hits += verdict.provenance.from_cache
        shown = reported(verdict, options.max_cases_reported)
        return self._calibrated(shown, spec, options.session_id)

    def _shown(self, verification: Verification) -> Verification:
        """As callers get it: with what is known of its verdict, and the default number of cases."""
        if verification.verdict is None:
            return verification
        verdict = reported(verification.verdict, 0)
        told = self._calibrated(verdict, verification.spec, verification.session_id)
        return replace(verification, verdict=told)

    def _calibrated(self, verdict: Verdict, spec: VerificationSpec, session_id: str) -> Verdict:
        known = self._policy.calibrations
        if not known:
            return verdict
        estimate = estimate_for(verdict, spec, session_id=session_id, calibrations=known)
        return replace(verdict, false_positive=estimate)

    def _check_open(self) -> None:
        if self._draining:
            raise shutting_down()


@asynccontextmanager
async def _before(deadline: float | None) -> AsyncIterator[None]:
    """Ends what is inside when the deadline passes.

    Raises:
        DeadlineExceeded: It did.
    """
    if deadline is None:
        yield
        return
    try:
        async with asyncio.timeout(deadline - time.monotonic()) as scope:
            yield
    except TimeoutError:
        if not scope.expired():
            raise
        raise DeadlineExceeded(
            "The call's deadline passed before there was a verdict. Allow it more time, or start "
            "a verification that outlives the call."
        ) from None


def _check_options(options: CallOptions) -> None:
    _refuse(check_options(options))


def _check_page_size(page_size: int) -> list[Violation]:
    if page_size >= 0:
        return []
    return [Violation("page_size", f"is {page_size}. Ask for 1 or more, or for 0 to get 50.")]


def _refuse(violations: Sequence[Violation]) -> None:
    """Lets a request pass that has no violations.

    Raises:
        InvalidSpec: It has.
    """
    if violations:
        raise InvalidSpec.of([*violations])
