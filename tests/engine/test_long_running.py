"""Verifications that outlive their call, their watchers and their server."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import uuid
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.engine.support import (
    Gate,
    ToldExecutor,
    as_told,
    engine_on,
    policy,
    settled,
    spec,
    until,
)
from verifier_service.engine import Engine
from verifier_service.engine.identifiers import Identifiers
from verifier_service.model import (
    CallOptions,
    ExecutorFault,
    InvalidSpec,
    Outcome,
    Progress,
    ProgressListener,
    QueueFull,
    RequestIdReused,
    ServerRestarted,
    ShuttingDown,
    State,
    TestCaseResult,
    UnknownVerification,
    Verdict,
    Verification,
    VerificationFilter,
    VerificationSpec,
)
from verifier_service.store.sqlite import SqliteStore

REQUEST_ID = str(uuid.UUID(int=7))


async def over(engine: Engine, verification_id: str) -> Verification:
    """The verification, once it is over."""
    async for event in engine.watch(verification_id):
        last = event
    assert isinstance(last, Verification)
    assert last.state.over
    assert await engine.get(verification_id) == last
    return last


async def watched(engine: Engine, verification_id: str) -> list[Verification | Progress]:
    return [event async for event in engine.watch(verification_id)]


async def test_what_is_started_is_finished(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        started = await engine.start(spec(), CallOptions(session_id="s"))
        ended = await over(engine, started.verification_id)

        assert (started.state, started.session_id) == (State.QUEUED, "s")
        assert ended.state is State.SUCCEEDED
        assert ended.verdict is not None
        assert ended.verdict.outcome is Outcome.ACCEPTED
        assert ended.end_time is not None
        assert (await engine.list()).verifications == (ended,)


async def test_what_is_known_is_answered_from_the_store(tmp_path: Path) -> None:
    executor = ToldExecutor()
    async with engine_on(tmp_path, executor) as engine:
        await engine.verify(spec())
        ended = await over(engine, (await engine.start(spec())).verification_id)

        assert ended.verdict is not None
        assert ended.verdict.provenance.from_cache
        digest = ended.verdict.provenance.verification_digest
        kept = await engine._ledger._store.verdict(digest)
        assert kept is not None
        assert not kept.provenance.from_cache
    assert len(executor.begun) == 1


async def test_a_failure_is_kept_with_its_reason(tmp_path: Path) -> None:
    async def judge(_: VerificationSpec, __: ProgressListener) -> Verdict:
        raise ValueError

    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        ended = await over(engine, (await engine.start(spec())).verification_id)

    assert (ended.state, type(ended.error)) == (State.FAILED, ExecutorFault)


async def test_what_can_not_work_is_not_started(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        for asked, request_id in ((spec(""), ""), (spec(), "not a UUID")):
            with pytest.raises(InvalidSpec):
                await engine.start(asked, request_id=request_id)

        assert (await engine.list()).verifications == ()


async def test_no_more_are_started_than_there_is_room_for(tmp_path: Path) -> None:
    rules = policy(slots=1, max_queued=1)
    async with engine_on(tmp_path, ToldExecutor(judge=Gate()), rules) as engine:
        for index in range(2):
            await engine.start(spec(f"accept {index}"))
        with pytest.raises(QueueFull):
            await engine.start(spec("accept 2"))


async def test_the_same_request_id_gets_the_same_verification(tmp_path: Path) -> None:
    executor = ToldExecutor()
    async with engine_on(tmp_path, executor) as engine:
        first, second = await asyncio.gather(
            engine.start(spec(), request_id=REQUEST_ID),
            engine.start(spec(), request_id=REQUEST_ID.upper()),
        )
        ended = await over(engine, first.verification_id)
        assert await engine.start(spec(), request_id=REQUEST_ID) == ended
        with pytest.raises(RequestIdReused):
            await engine.start(spec("reject"), request_id=REQUEST_ID)
    async with engine_on(tmp_path) as engine:
        assert await engine.start(spec(), request_id=REQUEST_ID) == ended

    assert first.verification_id == second.verification_id
    assert len(executor.begun) == 1


async def test_a_call_cut_off_while_it_starts_leaves_nothing_unattended(tmp_path: Path) -> None:
    for turns in range(12):
        request_id = str(uuid.UUID(int=turns))
        async with engine_on(tmp_path) as engine:
            call = asyncio.ensure_future(engine.start(spec("unsure"), request_id=request_id))
            for _ in range(turns):
                await asyncio.sleep(0.00001)
            call.cancel()
            await asyncio.wait([call])
            started = await engine.start(spec("unsure"), request_id=request_id)

            assert (await over(engine, started.verification_id)).state is State.SUCCEEDED


async def test_a_run_shared_with_a_call_is_kept_under_the_name_that_was_given_out(
    tmp_path: Path,
) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:
        call = asyncio.ensure_future(engine.verify(spec()))
        await until(lambda: executor.running == 1)
        started = await engine.start(spec(candidate_id="mine"))
        async with aclosing(engine.watch(started.verification_id)) as events:
            async for event in events:
                if event.state is State.RUNNING:
                    break
        gate.opened.set()
        ended = await over(engine, started.verification_id)
        await call

        assert ended.state is State.SUCCEEDED
        assert ended.spec.candidate.candidate_id == "mine"
        assert (await engine.list()).verifications == (ended,)
    assert len(executor.begun) == 1


# Watching ---------------------------------------------------------------------------------------


async def test_a_watcher_sees_the_present_state_and_then_every_change(tmp_path: Path) -> None:
    gate = Gate()
    case = TestCaseResult(name="0", outcome=Outcome.ACCEPTED, reason="passed")

    async def judge(asked: VerificationSpec, progress: ProgressListener) -> Verdict:
        await gate.opened.wait()
        progress(Progress(state=State.RUNNING, finished_case=case))
        return await as_told(asked, progress)

    executor = ToldExecutor(judge=judge)
    async with engine_on(tmp_path, executor, policy(slots=1)) as engine:
        blocking = asyncio.ensure_future(engine.verify(spec("reject")))
        await until(lambda: executor.running == 1)
        started = await engine.start(spec())
        watching = asyncio.ensure_future(watched(engine, started.verification_id))
        await settled()
        gate.opened.set()
        await blocking
        events = await watching

    states = [event.state for event in events if isinstance(event, Verification)]
    assert states == [State.QUEUED, State.RUNNING, State.SUCCEEDED]
    assert events[0] == started
    assert Progress(state=State.RUNNING, finished_case=case) in events


async def test_a_watcher_who_comes_late_sees_the_end(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        ended = await over(engine, (await engine.start(spec())).verification_id)

        assert await watched(engine, ended.verification_id) == [ended]


async def test_a_watcher_who_leaves_changes_nothing(tmp_path: Path) -> None:
    gate = Gate()
    async with engine_on(tmp_path, ToldExecutor(judge=gate)) as engine:
        started = await engine.start(spec())
        watching = asyncio.ensure_future(watched(engine, started.verification_id))
        await settled()
        watching.cancel()
        await asyncio.wait([watching])
        gate.opened.set()

        assert (await over(engine, started.verification_id)).state is State.SUCCEEDED


@pytest.mark.parametrize("name", ["", "nothing", "\ud800", "a" * 10_000, "'; --"])
async def test_what_is_not_kept_is_unknown(tmp_path: Path, name: str) -> None:
    async with engine_on(tmp_path) as engine:
        for attempt in (engine.get(name), engine.cancel(name), anext(engine.watch(name))):
            with pytest.raises(UnknownVerification):
                await attempt


# Cancelling -------------------------------------------------------------------------------------


async def test_cancelling_ends_the_run_before_it_returns(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:
        started = await engine.start(spec())
        watching = asyncio.ensure_future(watched(engine, started.verification_id))
        await until(lambda: executor.running == 1)
        await asyncio.gather(*(engine.cancel(started.verification_id) for _ in range(3)))

        assert (gate.cut_off, executor.running) == (1, 0)
        ended = await engine.get(started.verification_id)
        assert (ended.state, ended.verdict) == (State.CANCELLED, None)
        assert (await watching)[-1] == ended
        await engine.cancel(started.verification_id)
        assert await engine.get(started.verification_id) == ended


async def test_cancelling_what_is_over_has_no_effect(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        ended = await over(engine, (await engine.start(spec())).verification_id)
        await engine.cancel(ended.verification_id)

        assert await engine.get(ended.verification_id) == ended


@pytest.mark.parametrize("kept", [False, True])
async def test_cancelling_at_any_moment_leaves_one_end_that_all_agree_on(
    tmp_path: Path, kept: bool
) -> None:
    async with engine_on(tmp_path) as engine:
        for turns in range(40):
            if kept:
                await engine.verify(spec(f"accept {turns}"))
            started = await engine.start(spec(f"accept {turns}"))
            watching = asyncio.ensure_future(watched(engine, started.verification_id))
            for _ in range(turns):
                await asyncio.sleep(0.00001)
            await engine.cancel(started.verification_id)
            ended = await engine.get(started.verification_id)

            assert ended.state in (State.CANCELLED, State.SUCCEEDED)
            assert (await watching)[-1] == ended
            assert await engine._ledger.verification(started.verification_id) == ended


async def test_a_canceller_who_goes_away_changes_nothing(tmp_path: Path) -> None:
    executor = ToldExecutor(judge=Gate())
    async with engine_on(tmp_path, executor) as engine:
        started = await engine.start(spec())
        await until(lambda: executor.running == 1)
        cancelling = asyncio.ensure_future(engine.cancel(started.verification_id))
        await asyncio.sleep(0)
        cancelling.cancel()
        await asyncio.wait([cancelling])

        assert (await over(engine, started.verification_id)).state is State.CANCELLED


async def test_a_run_that_others_wait_for_goes_on(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:
        started = await engine.start(spec())
        await until(lambda: executor.running == 1)
        call = asyncio.ensure_future(engine.verify(spec()))
        await settled()
        await engine.cancel(started.verification_id)
        gate.opened.set()

        assert (await call).outcome is Outcome.ACCEPTED
        assert (await engine.get(started.verification_id)).state is State.CANCELLED


# Restarts ---------------------------------------------------------------------------------------


async def test_a_server_that_stops_leaves_unfinished_ones_to_the_next(tmp_path: Path) -> None:
    executor = ToldExecutor(judge=Gate())
    async with engine_on(tmp_path, executor) as engine:
        started = await engine.start(spec(), CallOptions(session_id="s"))
        watching = asyncio.ensure_future(watched(engine, started.verification_id))
        await until(lambda: executor.running == 1)
        await engine.drain(0)
        with pytest.raises(ShuttingDown):
            await watching
        assert (await engine.get(started.verification_id)).state is State.RUNNING

    async with engine_on(tmp_path) as engine:
        await engine.recover()
        ended = await over(engine, started.verification_id)

    assert (ended.state, ended.session_id) == (State.SUCCEEDED, "s")
    assert ended.create_time == started.create_time


async def test_what_ends_one_server_after_another_is_given_up(tmp_path: Path) -> None:
    verification_id = ""
    for begun in range(3):
        executor = ToldExecutor(judge=Gate())
        async with engine_on(tmp_path, executor) as engine:
            if begun:
                await engine.recover()
            else:
                verification_id = (await engine.start(spec())).verification_id
            await until(lambda executor=executor: executor.running == 1)  # type: ignore[misc]

    executor = ToldExecutor()
    async with engine_on(tmp_path, executor) as engine:
        await engine.recover()
        ended = await engine.get(verification_id)

    assert (ended.state, type(ended.error)) == (State.FAILED, ServerRestarted)
    assert executor.begun == []


async def test_what_is_not_offered_any_more_fails_with_a_reason(tmp_path: Path) -> None:
    async with engine_on(tmp_path, ToldExecutor(judge=Gate())) as engine:
        started = await engine.start(spec("accept" * 10), request_id=REQUEST_ID)
    async with engine_on(tmp_path, rules=policy(maximum_candidate_bytes=9)) as engine:
        await engine.recover()
        ended = await engine.get(started.verification_id)

    assert (ended.state, type(ended.error)) == (State.FAILED, InvalidSpec)


async def test_one_that_nobody_attends_to_can_be_cancelled(tmp_path: Path) -> None:
    async with engine_on(tmp_path, ToldExecutor(judge=Gate())) as engine:
        started = await engine.start(spec())
    async with engine_on(tmp_path) as engine:
        await engine.cancel(started.verification_id)

        assert (await engine.get(started.verification_id)).state is State.CANCELLED


SERVER = """
import asyncio, sys
from pathlib import Path
from tests.engine.support import Gate, ToldExecutor, engine_on, spec, until

async def main():
    executor = ToldExecutor(judge=Gate())
    async with engine_on(Path(sys.argv[1]), executor) as engine:
        for index in range(10):
            print((await engine.start(spec(f"accept {index}"))).verification_id, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def started_before_the_kill(path: Path) -> list[str]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        started = [server.stdout.readline().strip() for _ in range(10)]
        server.send_signal(signal.SIGKILL)
        return started


async def test_what_a_killed_server_had_started_is_finished_by_the_next(tmp_path: Path) -> None:
    started = await asyncio.to_thread(started_before_the_kill, tmp_path)
    async with engine_on(tmp_path) as engine:
        await engine.recover()
        ended = [await over(engine, verification_id) for verification_id in started]

    assert [one.state for one in ended] == [State.SUCCEEDED] * 10


# Listing ----------------------------------------------------------------------------------------


async def test_listings_page_through_all_newest_first(tmp_path: Path) -> None:
    async with engine_on(tmp_path) as engine:
        for index in range(60):
            await engine.verify(spec(f"accept {index}"))
        first = await engine.list()
        second = await engine.list(page_token=first.next_page_token)

    assert (len(first.verifications), len(second.verifications)) == (50, 10)
    sources = [one.spec.candidate.source for one in (*first.verifications, *second.verifications)]
    assert sources == [f"accept {index}" for index in reversed(range(60))]


@pytest.mark.parametrize(
    ("which", "page_size", "token", "field"),
    [
        pytest.param(VerificationFilter(), -1, "", "page_size", id="size"),
        pytest.param(VerificationFilter(), 0, "§", "page_token", id="token"),
        pytest.param(VerificationFilter(problem_id="\0"), 0, "", "problem_id", id="problem"),
        pytest.param(VerificationFilter(session_id="\ud800"), 0, "", "session_id", id="session"),
    ],
)
async def test_a_broken_listing_is_refused(
    tmp_path: Path, which: VerificationFilter, page_size: int, token: str, field: str
) -> None:
    async with engine_on(tmp_path) as engine:
        with pytest.raises(InvalidSpec) as refused:
            await engine.list(which, page_size, token)

    assert refused.value.violations[0].field == field


async def test_a_page_is_never_longer_than_its_maximum(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "store.db")
    await store.close()
    async with engine_on(tmp_path) as engine:
        assert (await engine.list(page_size=2**31 - 1)).verifications == ()


def test_names_sort_by_when_they_were_made() -> None:
    identifiers = Identifiers()
    names = [identifiers.next() for _ in range(10_000)]

    assert names == sorted(set(names))
    assert {uuid.UUID(name).version for name in names} == {7}
