"""One spec: validation, sharing, caching, retries, deadlines, cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.support import (
    ACCEPTED,
    ENVIRONMENT,
    INCONCLUSIVE,
    Gate,
    Heard,
    ToldExecutor,
    as_told,
    engine_on,
    policy,
    settled,
    spec,
    until,
)
from verifier_service.engine import Engine
from verifier_service.model import (
    Assurance,
    AssuranceUnavailable,
    CachePolicy,
    CallOptions,
    CriterionUnavailable,
    DeadlineExceeded,
    ExecutorFault,
    InvalidSpec,
    LogicProblem,
    NotCached,
    Outcome,
    Problem,
    Progress,
    ProgressListener,
    PythonEvidence,
    QueueFull,
    RequestedLimits,
    SandboxLost,
    ServiceError,
    ShuttingDown,
    State,
    TestCaseResult,
    UnknownEnvironment,
    Verdict,
    VerificationSpec,
    Violation,
)

REFRESH = CallOptions(cache_policy=CachePolicy.REFRESH)
ONLY = CallOptions(cache_policy=CachePolicy.ONLY)


# Verdicts ---------------------------------------------------------------------------------------


async def test_a_verdict_says_where_it_comes_from(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        verdict = await engine.verify(spec())

    origin = verdict.provenance
    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "tests-passed")
    assert origin.verification_digest.startswith("sha256:")
    assert origin.environment == f"python3.11@{ENVIRONMENT.digest}"
    assert (origin.sandbox, origin.worker, origin.attempt_count) == ("none/test", "here", 1)
    assert origin.timeline is not None
    assert (
        origin.timeline.create_time
        <= origin.timeline.start_time
        <= origin.timeline.execute_time
        <= origin.timeline.end_time
    )


async def test_a_run_is_kept_as_a_verification_and_a_cached_answer_is_not(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        asked = spec(candidate_id="c")
        fresh = await engine.verify(asked, CallOptions(session_id="s"))
        cached = await engine.verify(asked)
        (kept,) = (await engine.list()).verifications

    assert (kept.state, kept.spec, kept.session_id) == (State.SUCCEEDED, asked, "s")
    assert kept.verdict == fresh
    assert not fresh.provenance.from_cache
    assert cached == replace(fresh, provenance=replace(fresh.provenance, from_cache=True))


@pytest.mark.parametrize(("source", "runs"), [("accept", 1), ("reject", 1), ("unsure", 2)])
async def test_only_conclusions_are_cached(tmp_path: Path, source: str, runs: int) -> None:
    executor = ToldExecutor()
    async with engine_on(tmp_path, executor) as engine:
        await engine.verify(spec(source))
        await engine.verify(spec(source))

    assert len(executor.begun) == runs


async def test_a_refresh_runs_anew_and_replaces_what_is_kept(tmp_path: Path) -> None:
    verdicts = iter([ACCEPTED, replace(ACCEPTED, summary="Again.")])

    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        return next(verdicts)

    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        await engine.verify(spec())
        assert (await engine.verify(spec(), REFRESH)).summary == "Again."
        assert (await engine.verify(spec())).summary == "Again."


async def test_asking_for_kept_verdicts_only_never_runs(tmp_path: Path) -> None:
    executor = ToldExecutor()
    async with engine_on(tmp_path, executor) as engine:
        with pytest.raises(NotCached):
            await engine.verify(spec(), ONLY)
        assert executor.begun == []
        await engine.verify(spec())
        assert (await engine.verify(spec(), ONLY)).provenance.from_cache


async def test_verdicts_outlive_the_engine(tmp_path: Path) -> None:
    for from_cache in (False, True):
        async with engine_on(tmp_path) as engine:
            assert (await engine.verify(spec())).provenance.from_cache is from_cache


CASES = tuple(
    TestCaseResult(
        name=str(index),
        outcome=Outcome.REJECTED if index in (5, 150) else Outcome.ACCEPTED,
        reason="r",
    )
    for index in range(200)
)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param(1, [5], id="failing-first"),
        pytest.param(4, [0, 1, 5, 150], id="order-stays"),
        pytest.param(0, [*range(99), 150], id="default"),
        pytest.param(1000, [*range(200)], id="all"),
    ],
)
async def test_cases_are_cut_in_the_answer_alone(
    tmp_path: Path, asked: int, names: list[int]
) -> None:
    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        return replace(ACCEPTED, evidence=PythonEvidence(cases=CASES))

    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        await engine.verify(spec(), CallOptions(max_cases_reported=2))
        verdict = await engine.verify(spec(), CallOptions(max_cases_reported=asked))

    assert isinstance(verdict.evidence, PythonEvidence)
    assert [int(case.name) for case in verdict.evidence.cases] == names


# Refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        pytest.param(
            replace(spec(), environment="lua"),
            UnknownEnvironment,
            "Offered: python3.11.",
            id="name",
        ),
        pytest.param(
            replace(spec(), environment="python3.11@sha256:00"),
            UnknownEnvironment,
            f"Offered: python3.11@{ENVIRONMENT.digest}.",
            id="digest",
        ),
        pytest.param(
            replace(spec(), problem=Problem(criterion=LogicProblem())),
            CriterionUnavailable,
            "judges logic. Offered: python_tests.",
            id="kind",
        ),
        pytest.param(
            replace(spec(), minimum_assurance=Assurance.SOLVED),
            AssuranceUnavailable,
            "SOLVED is more than the environment python3.11 can give, which is BOUNDED",
            id="assurance-of-the-environment",
        ),
        pytest.param(
            replace(spec(), minimum_assurance=Assurance.BOUNDED),
            AssuranceUnavailable,
            "accepted with TESTED, which is less than BOUNDED",
            id="assurance-of-the-verdict",
        ),
    ],
)
async def test_what_is_not_offered_is_refused(
    tmp_path: Path, asked: VerificationSpec, error: type[ServiceError], words: str
) -> None:
    async with engine_on(tmp_path) as engine:
        with pytest.raises(error) as refused:
            await engine.verify(asked)

    assert words in str(refused.value)


async def test_a_rejection_may_be_weaker_than_the_assurance_asked_for(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        verdict = await engine.verify(replace(spec("reject"), minimum_assurance=Assurance.BOUNDED))

    assert verdict.outcome is Outcome.REJECTED


async def test_all_violations_are_told_at_once(tmp_path: Path) -> None:
    executor = ToldExecutor(broken_rules=(Violation("problem.python_tests.code", "is bad."),))
    async with engine_on(tmp_path, executor) as engine:
        with pytest.raises(InvalidSpec) as refused:
            await engine.verify(
                replace(spec(""), limits=RequestedLimits(wall_seconds=1e9, memory_bytes=-1))
            )

    assert [violation.field for violation in refused.value.violations] == [
        "spec.candidate.source",
        "spec.limits.wall_time",
        "spec.limits.memory_bytes",
        "spec.problem.python_tests.code",
    ]


async def test_broken_options_are_refused(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        with pytest.raises(InvalidSpec, match=r"options\.max_cases_reported"):
            await engine.verify(spec(), CallOptions(max_cases_reported=-1))


# Trouble of ours --------------------------------------------------------------------------------


def losing(times: int) -> ToldExecutor:
    left = iter(range(times))

    async def judge(asked: VerificationSpec, progress: ProgressListener) -> Verdict:
        if next(left, None) is not None:
            raise SandboxLost("The sandbox died.")
        return await as_told(asked, progress)

    return ToldExecutor(judge=judge)


async def test_a_lost_sandbox_is_replaced_once(tmp_path: Path) -> None:
    async with engine_on(tmp_path, losing(1)) as engine:
        assert (await engine.verify(spec())).provenance.attempt_count == 2


async def test_sandboxes_lost_time_and_again_are_an_error(tmp_path: Path) -> None:
    executor = losing(2)
    async with engine_on(tmp_path, executor) as engine:
        with pytest.raises(SandboxLost):
            await engine.verify(spec())
        assert (await engine.list()).verifications == ()

    assert len(executor.begun) == 2


async def raises(asked: VerificationSpec, _: ProgressListener) -> Verdict:
    raise ValueError(asked.candidate.source)


async def cancels_itself(_: VerificationSpec, __: ProgressListener) -> Verdict:
    raise asyncio.CancelledError


async def returns_nothing(_: VerificationSpec, __: ProgressListener) -> Verdict:
    return None  # type: ignore[return-value]


async def times_out(_: VerificationSpec, __: ProgressListener) -> Verdict:
    raise TimeoutError


@pytest.mark.parametrize("judge", [raises, cancels_itself, returns_nothing, times_out])
async def test_a_bug_of_an_executor_is_an_error_and_never_a_verdict(
    tmp_path: Path, judge: object, caplog: pytest.LogCaptureFixture
) -> None:
    executor = ToldExecutor(judge=judge)  # type: ignore[arg-type]
    async with engine_on(tmp_path, executor) as engine:
        with pytest.raises(ExecutorFault, match="executor of python_tests failed") as failed:
            await engine.verify(spec("the candidate's secret"), deadline=time.monotonic() + 60)
        assert (await engine.list()).verifications == ()

    assert len(executor.begun) == 1
    assert failed.value.facts["incident"] in caplog.text
    assert "runs.py" in caplog.text
    assert "secret" not in caplog.text
    assert "secret" not in str(failed.value)


async def test_a_store_that_fails_keeps_the_verdict_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_on(tmp_path) as engine:
        store = engine._ledger._store
        await store.close()
        with pytest.raises(ExecutorFault, match="The store failed"):
            await engine.verify(spec())

    assert "is closed" in caplog.text


async def test_a_broken_listener_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def listen(_: Progress) -> None:
        raise ValueError("broken")

    async with engine_on(tmp_path) as engine:
        assert (await engine.verify(spec(), progress=listen)).outcome is Outcome.ACCEPTED

    assert "A progress listener failed" in caplog.text


# Sharing ----------------------------------------------------------------------------------------


async def waiting(
    engine: Engine, asked: VerificationSpec, *, runs: int = 1
) -> asyncio.Task[Verdict]:
    """A call that has got as far as it can."""
    task = asyncio.ensure_future(engine.verify(asked))
    await until(lambda: engine.stats().running == runs)
    return task


async def test_equal_specs_in_flight_share_one_run(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:
        calls = [asyncio.ensure_future(engine.verify(spec(candidate_id=str(i)))) for i in range(9)]
        calls.append(asyncio.ensure_future(engine.verify(spec(), REFRESH)))
        await until(lambda: bool(executor.begun))
        gate.opened.set()
        verdicts = await asyncio.gather(*calls)
        assert len((await engine.list()).verifications) == 1

    assert len(executor.begun) == 1
    assert len(set(verdicts)) == 1
    assert not verdicts[0].provenance.from_cache


async def test_a_refresh_is_never_answered_from_the_cache(tmp_path: Path) -> None:
    """Whenever it joins one that is: each time a little later than before."""
    async with engine_on(tmp_path) as engine:
        await engine.verify(spec())
        for turns in range(60):
            plain = asyncio.ensure_future(engine.verify(spec()))
            for _ in range(turns):
                await asyncio.sleep(0 if turns % 2 else 0.00001)
            fresh = await engine.verify(spec(), REFRESH)

            assert not fresh.provenance.from_cache
            assert (await plain).outcome is Outcome.ACCEPTED


async def test_one_waiter_leaves_and_the_others_get_their_verdict(tmp_path: Path) -> None:
    gate = Gate()
    async with engine_on(tmp_path, ToldExecutor(judge=gate)) as engine:
        leaving = await waiting(engine, spec())
        staying = asyncio.ensure_future(engine.verify(spec()))
        await settled()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        gate.opened.set()

        assert (await staying).outcome is Outcome.ACCEPTED
    assert gate.cut_off == 0


async def test_the_run_ends_with_the_last_waiter(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:
        calls = [await waiting(engine, spec()) for _ in range(3)]
        for call in calls:
            assert gate.cut_off == 0
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        assert gate.cut_off == 1
        assert executor.running == 0
        assert (engine.stats().running, engine.stats().flights) == (0, 0)


async def test_a_newcomer_does_not_join_a_run_that_is_ending(tmp_path: Path) -> None:
    ending = asyncio.Event()
    first = True

    async def judge(asked: VerificationSpec, progress: ProgressListener) -> Verdict:
        nonlocal first
        if first:
            first = False
            try:
                await asyncio.Event().wait()
            finally:
                await ending.wait()
        return await as_told(asked, progress)

    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        leaving = await waiting(engine, spec())
        leaving.cancel()
        await settled()

        assert (await engine.verify(spec())).outcome is Outcome.ACCEPTED
        assert not leaving.done()
        ending.set()
        with pytest.raises(asyncio.CancelledError):
            await leaving


async def test_an_error_reaches_every_waiter(tmp_path: Path) -> None:
    async with engine_on(tmp_path, losing(2)) as engine:
        errors = await asyncio.gather(
            *(engine.verify(spec()) for _ in range(3)), return_exceptions=True
        )

    assert [type(error) for error in errors] == [SandboxLost] * 3


# Cancellation and deadlines ---------------------------------------------------------------------


async def test_a_second_cancellation_cuts_no_teardown_short(tmp_path: Path) -> None:
    torn_down = False
    release = asyncio.Event()

    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        nonlocal torn_down
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()
            torn_down = True
        raise AssertionError

    async with engine_on(tmp_path, ToldExecutor(judge=judge), policy(slots=1)) as engine:
        call = await waiting(engine, spec())
        for _ in range(3):
            call.cancel()
            await settled()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not torn_down
        assert engine.stats().running == 1  # the slot is held until the run is gone

        release.set()
        await until(lambda: engine.stats().running == 0)
        assert torn_down


async def test_the_servers_end_cuts_no_teardown_short(tmp_path: Path) -> None:
    torn_down = False
    release = asyncio.Event()

    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        nonlocal torn_down
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()
            torn_down = True
        raise AssertionError

    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        call = await waiting(engine, spec())
        call.cancel()
        await settled()
        draining = asyncio.ensure_future(engine.drain(0))
        await settled()
        assert not draining.done()
        release.set()
        await draining
        assert torn_down
        await asyncio.wait([call])


async def test_a_sandbox_lost_by_a_cancellation_is_not_replaced(tmp_path: Path) -> None:
    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise SandboxLost("Killed.") from None
        raise AssertionError

    executor = ToldExecutor(judge=judge)
    async with engine_on(tmp_path, executor) as engine:
        call = await waiting(engine, spec())
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert len(executor.begun) == 1


async def test_cancelling_kills_the_process_that_the_run_started(tmp_path: Path) -> None:
    started: list[asyncio.subprocess.Process] = []

    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        process = await asyncio.create_subprocess_exec("sleep", "60")
        started.append(process)
        try:
            await process.wait()
        finally:
            process.kill()
            await process.wait()
        raise AssertionError

    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        call = await waiting(engine, spec())
        await until(lambda: bool(started))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert started[0].returncode == -9


async def test_a_call_cancelled_in_the_queue_leaves_nothing(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor, policy(slots=1)) as engine:
        running = await waiting(engine, spec("accept 1"))
        queued = asyncio.ensure_future(engine.verify(spec("accept 2")))
        await until(lambda: engine.stats().queued == 1)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        assert (engine.stats().queued, engine.stats().flights) == (0, 1)
        gate.opened.set()
        await running

    assert executor.begun == ["accept 1"]


async def test_cancelling_at_any_moment_leaks_nothing(tmp_path: Path) -> None:
    """Each call is cancelled one turn of the loop later than the one before."""

    async def judge(asked: VerificationSpec, progress: ProgressListener) -> Verdict:
        await asyncio.sleep(0)
        return await as_told(asked, progress)

    async with engine_on(tmp_path, ToldExecutor(judge=judge), policy(slots=1)) as engine:
        for turns in range(60):
            call = asyncio.ensure_future(engine.verify(spec(f"accept {turns}")))
            for _ in range(turns):
                await asyncio.sleep(0.0002 if turns > 20 else 0)
            call.cancel()
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call
        assert (await engine.verify(spec("accept at last"))).outcome is Outcome.ACCEPTED
        await settled()
        assert (engine.stats().running, engine.stats().flights) == (0, 0)


async def test_a_deadline_ends_the_run(tmp_path: Path) -> None:
    gate = Gate()
    async with engine_on(tmp_path, ToldExecutor(judge=gate)) as engine:
        with pytest.raises(DeadlineExceeded):
            await engine.verify(spec(), deadline=time.monotonic() + 0.05)

        assert (engine.stats().running, engine.stats().flights) == (0, 0)


async def test_a_deadline_ends_one_wait_and_not_the_shared_run(tmp_path: Path) -> None:
    gate = Gate()
    async with engine_on(tmp_path, ToldExecutor(judge=gate)) as engine:
        staying = await waiting(engine, spec())
        with pytest.raises(DeadlineExceeded):
            await engine.verify(spec(), deadline=time.monotonic() - 1)
        gate.opened.set()

        assert (await staying).outcome is Outcome.ACCEPTED


# Admission --------------------------------------------------------------------------------------


async def test_a_full_queue_answers_at_once(tmp_path: Path) -> None:
    gate = Gate()
    async with engine_on(
        tmp_path, ToldExecutor(judge=gate), policy(slots=1, max_queued=1)
    ) as engine:
        calls = [asyncio.ensure_future(engine.verify(spec(f"accept {i}"))) for i in range(2)]
        await until(lambda: engine.stats().queued == 1)
        with pytest.raises(QueueFull) as refused:
            await engine.verify(spec("accept 2"))
        patient = asyncio.ensure_future(engine.verify(spec("accept 3"), patient=True))
        joining = asyncio.ensure_future(engine.verify(spec("accept 1")))
        await until(lambda: engine.stats().queued == 2)
        gate.opened.set()
        await asyncio.gather(*calls, patient, joining)

    assert refused.value.retry_after_seconds


async def test_kept_verdicts_are_answered_however_full_the_queue(tmp_path: Path) -> None:
    gate = Gate()
    gate.opened.set()
    async with engine_on(
        tmp_path, ToldExecutor(judge=gate), policy(slots=1, max_queued=0)
    ) as engine:
        await engine.verify(spec())
        gate.opened.clear()
        blocking = await waiting(engine, spec("accept 2"))
        with pytest.raises(QueueFull):
            await engine.verify(spec("accept 3"))

        assert (await engine.verify(spec())).provenance.from_cache
        gate.opened.set()
        await blocking


async def test_an_urgent_waiter_hurries_the_run_that_it_joins(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor, policy(slots=1)) as engine:
        calls = [await waiting(engine, spec("accept 0"))]
        calls += [asyncio.ensure_future(engine.verify(spec(f"accept {i}"))) for i in (1, 2)]
        await until(lambda: engine.stats().queued == 2)
        calls.append(
            asyncio.ensure_future(engine.verify(spec("accept 2"), CallOptions(priority=-1)))
        )
        await settled()
        gate.opened.set()
        await asyncio.gather(*calls)

    assert executor.begun == ["accept 0", "accept 2", "accept 1"]


async def test_no_more_run_than_there_are_slots(tmp_path: Path) -> None:
    async def judge(asked: VerificationSpec, progress: ProgressListener) -> Verdict:
        await asyncio.sleep(0.001)
        return await as_told(asked, progress)

    executor = ToldExecutor(judge=judge)
    async with engine_on(tmp_path, executor, policy(slots=3)) as engine:
        await asyncio.gather(*(engine.verify(spec(f"accept {i}")) for i in range(30)))

    assert executor.most_running == 3


# Progress ---------------------------------------------------------------------------------------

CASE = TestCaseResult(name="0", outcome=Outcome.ACCEPTED, reason="passed")


async def test_progress_reaches_every_waiter_and_late_ones_first_learn_where_it_stands(
    tmp_path: Path,
) -> None:
    gate = Gate()

    async def judge(asked: VerificationSpec, progress: ProgressListener) -> Verdict:
        verdict = await gate(asked, progress)
        progress(Progress(state=State.RUNNING, finished_case=CASE))
        return verdict

    early, late = Heard(), Heard()
    async with engine_on(tmp_path, ToldExecutor(judge=judge), policy(slots=1)) as engine:
        calls = [await waiting(engine, spec("accept 0"))]
        calls.append(asyncio.ensure_future(engine.verify(spec("accept 1"), progress=early)))
        await until(lambda: engine.stats().queued == 1)
        calls.append(asyncio.ensure_future(engine.verify(spec("accept 1"), progress=late)))
        await settled()
        assert late == early == [Progress(state=State.QUEUED, queue_position=1)]
        gate.opened.set()
        await asyncio.gather(*calls)

    assert early == late
    assert early[1:] == [
        Progress(state=State.RUNNING),
        Progress(state=State.RUNNING, finished_case=CASE),
    ]


# The end ----------------------------------------------------------------------------------------


async def test_draining_lets_work_end_and_takes_nothing_new(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor, policy(slots=1)) as engine:
        calls = [await waiting(engine, spec("accept 0"))]
        calls.append(asyncio.ensure_future(engine.verify(spec("accept 1"))))
        await settled()
        draining = asyncio.ensure_future(engine.drain(60))
        await settled()
        for refused in (engine.verify(spec()), engine.start(spec()), anext(engine.batch([spec()]))):
            with pytest.raises(ShuttingDown):
                await refused
        gate.opened.set()
        await draining

        assert [call.result().outcome for call in calls] == [Outcome.ACCEPTED] * 2
        assert executor.closed
        assert len((await engine.list()).verifications) == 2


async def test_what_does_not_end_in_time_is_ended(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor, policy(slots=1)) as engine:
        calls = [await waiting(engine, spec("accept 0"))]
        calls.append(asyncio.ensure_future(engine.verify(spec("accept 1"))))
        await until(lambda: engine.stats().queued == 1)
        await engine.drain(0.01)

        assert gate.cut_off == 1
        assert executor.running == 0
        for call in calls:
            with pytest.raises(ShuttingDown):
                await call


async def test_a_drain_that_is_cut_short_ends_everything_all_the_same(tmp_path: Path) -> None:
    gate = Gate()
    async with engine_on(tmp_path, ToldExecutor(judge=gate)) as engine:
        call = await waiting(engine, spec())
        draining = asyncio.ensure_future(engine.drain(60))
        await settled()
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        with pytest.raises(ShuttingDown):
            await call

    assert gate.cut_off == 1


async def test_an_end_that_is_cut_short_goes_on_and_is_waited_for(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()
        raise AssertionError

    executor = ToldExecutor(judge=judge)
    async with engine_on(tmp_path, executor) as engine:
        call = await waiting(engine, spec())
        draining = asyncio.ensure_future(engine.drain(0))
        await settled()
        draining.cancel()
        await asyncio.wait([draining])
        release.set()
        await engine.close()

        assert executor.closed
        with pytest.raises(ShuttingDown):
            await call


async def test_capabilities_say_what_is_in_force(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        said = engine.capabilities()

    assert (said.environments, said.slot_count, said.version) == ((ENVIRONMENT,), 2, "1")
    assert (said.maximum_batch_size, said.maximum_candidate_bytes) == (1000, 2**20)


async def test_old_verifications_are_pruned_on_the_way(tmp_path: Path) -> None:
    rules = policy(keep_verifications=3, prune_interval=5)
    async with engine_on(tmp_path, rules=rules) as engine:
        for index in range(10):
            await engine.verify(spec(f"accept {index}"))
        await engine.drain(60)

        assert len((await engine.list()).verifications) == 3


async def test_an_inconclusive_run_is_kept_as_a_verification(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        await engine.verify(spec("unsure"))
        (kept,) = (await engine.list()).verifications

    assert kept.verdict is not None
    assert kept.verdict.outcome is INCONCLUSIVE.outcome


def test_a_policy_that_can_not_work_is_refused() -> None:
    with pytest.raises(ValueError, match="slots is 0"):
        policy(slots=0)
