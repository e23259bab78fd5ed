"""AsyncVerifier, over a real channel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import pytest

from clients import AsyncVerifier, RetryPolicy
from tests.clients.conftest import spec_of
from tests.clients.service import CAPABILITIES, MiniatureService
from verifier_service.model import (
    Cancelled,
    DeadlineExceeded,
    DuplicateTicket,
    ExecutorFault,
    InvalidSpec,
    Outcome,
    Progress,
    QueueFull,
    SandboxLost,
    ServerUnreachable,
    ServiceError,
    State,
    StopRule,
    UnknownVerification,
    Verification,
)


@pytest.fixture
async def verifier(target: str) -> AsyncIterator[AsyncVerifier]:
    async with AsyncVerifier(target) as client:
        yield client


async def test_verdict_comes_back(verifier: AsyncVerifier) -> None:
    verdict = await verifier.verify(spec_of("accept"))

    assert (verdict.outcome, verdict.reward) == (Outcome.ACCEPTED, 1.0)


async def test_a_candidate_that_nobody_could_judge_has_no_reward(verifier: AsyncVerifier) -> None:
    assert (await verifier.verify(spec_of("unsure"))).reward is None


@pytest.mark.parametrize("kind", [InvalidSpec, DuplicateTicket, ExecutorFault, Cancelled])
async def test_errors_keep_their_class_and_are_not_retried(
    verifier: AsyncVerifier, service: MiniatureService, kind: type[ServiceError]
) -> None:
    with pytest.raises(kind):
        await verifier.verify(spec_of(kind.reason))

    assert service.calls["Verify"] == 1


async def test_a_full_queue_is_tried_again_when_the_server_says(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    service.failures = [QueueFull("Full.", retry_after_seconds=0.05) for _ in range(7)]
    began = time.monotonic()

    assert (await verifier.verify(spec_of("accept"))).reward == 1.0
    assert service.calls["Verify"] == 8
    assert time.monotonic() - began >= 7 * 0.05


async def test_a_full_queue_is_the_callers_to_see_where_time_is_short(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    service.failures = [QueueFull("Full.", retry_after_seconds=30.0)]
    with pytest.raises(QueueFull) as failure:
        await verifier.verify(spec_of("accept"), timeout_seconds=5.0)

    assert failure.value.retry_after_seconds == 30.0


async def test_a_lost_sandbox_is_tried_again(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    service.failures = [SandboxLost("Lost.")]

    assert (await verifier.verify(spec_of("accept"))).reward == 1.0


async def test_an_unreachable_server_is_named_and_so_is_the_way_out() -> None:
    once = RetryPolicy(maximum_attempts=2, initial_seconds=0.01)
    async with AsyncVerifier("127.0.0.1:1", retries=once) as verifier:
        with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1.*verifier serve"):
            await verifier.verify(spec_of("accept"))


async def test_a_late_answer_is_an_error_and_never_a_verdict(verifier: AsyncVerifier) -> None:
    with pytest.raises(DeadlineExceeded):
        await verifier.verify(spec_of("wait 30 then accept"), timeout_seconds=0.2)


async def test_a_request_that_no_message_can_hold_is_refused_before_it_is_sent(
    target: str, service: MiniatureService
) -> None:
    async with AsyncVerifier(target, maximum_message_bytes=1000) as verifier:
        with pytest.raises(InvalidSpec, match="1000"):
            await verifier.verify(spec_of("accept" * 1000))

    assert service.calls.total() == 0


async def test_the_token_travels_with_every_call(target: str, service: MiniatureService) -> None:
    async with AsyncVerifier(target, token="secret") as verifier:
        await verifier.capabilities()
        await verifier.verify(spec_of("accept"), progress=lambda _: None)

    assert service.tokens == ["Bearer secret"] * 2
    assert "secret" not in repr(verifier._connection)


async def test_progress_is_told_before_the_verdict(verifier: AsyncVerifier) -> None:
    seen: list[Progress] = []
    verdict = await verifier.verify(spec_of("accept"), progress=seen.append)

    assert verdict.reward == 1.0
    assert [progress.state for progress in seen] == [State.RUNNING]


async def test_progress_survives_a_full_queue(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    service.failures = [QueueFull("Full.", retry_after_seconds=0.01)]

    assert (await verifier.verify(spec_of("accept"), progress=lambda _: None)).reward == 1.0


async def test_a_batch_yields_every_spec_once_and_errors_beside_verdicts(
    verifier: AsyncVerifier,
) -> None:
    specs = [spec_of(word) for word in ("accept", "SANDBOX_LOST", "reject")]
    items = {item.index: item async for item in verifier.batch(specs)}

    assert items[0].unwrap().outcome is Outcome.ACCEPTED
    assert isinstance(items[1].error, SandboxLost)
    assert items[2].unwrap().outcome is Outcome.REJECTED


async def test_a_batch_whose_connection_breaks_asks_for_the_rest(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    service.break_stream_after = 3
    specs = [spec_of("accept") for _ in range(10)]
    indices = [item.index async for item in verifier.batch(specs)]

    assert sorted(indices) == list(range(10))
    assert service.calls["BatchVerify"] == 2


async def test_a_broken_batch_does_not_forget_its_stop_rule(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    service.break_stream_after = 3
    specs = [spec_of("accept") for _ in range(10)]
    rule = StopRule(accepted_count=3)
    items = [item async for item in verifier.batch(specs, stop_rule=rule)]

    assert sum(item.verdict is not None for item in items) == 3
    assert sum(isinstance(item.error, Cancelled) for item in items) == 7
    assert service.calls["BatchVerify"] == 1


async def test_a_kept_verification_is_found_watched_cancelled_and_listed(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    started = await verifier.start(spec_of("accept", problem_id="p"))
    name = started.verification_id

    assert (await verifier.get(name)).spec.problem.problem_id == "p"
    assert await verifier.get(f"verifications/{name}") == started
    events = [event async for event in verifier.watch(name)]
    assert isinstance(events[0], Progress)
    assert isinstance(events[-1], Verification)
    await verifier.cancel(name)
    assert service.cancelled == [f"verifications/{name}"]
    with pytest.raises(UnknownVerification):
        await verifier.get("nothing")


async def test_a_listing_asks_for_pages_as_they_are_needed(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    for _ in range(7):
        await verifier.start(spec_of("accept"))
    listed = [kept.verification_id async for kept in verifier.list(page_size=3)]

    assert listed == [f"v{index}" for index in range(7)]
    assert service.calls["ListVerifications"] == 3


async def test_capabilities_come_back_as_they_are(verifier: AsyncVerifier) -> None:
    assert await verifier.capabilities() == CAPABILITIES


# Streams ----------------------------------------------------------------------------------------


async def test_a_stream_holds_submitters_back_to_its_credit(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    async with verifier.stream() as session:
        for _ in range(50):
            await session.submit(spec_of("wait 0.002 then accept"))
        session.finish()
        items = [item async for item in session]

    assert len({item.ticket for item in items}) == 50
    assert service.most_open <= service.credit


async def test_one_task_may_submit_while_results_arrive(verifier: AsyncVerifier) -> None:
    ended = 0
    async with verifier.stream() as session:
        await session.submit(spec_of("accept"))
        async for item in session:
            ended += 1
            assert item.unwrap().reward == 1.0
            if ended < 20:
                await session.submit(spec_of("accept"))
                await session.submit(spec_of("accept"))
            elif session.pending_count == 0:
                session.finish()

    assert ended == 39


async def test_many_tasks_may_submit_at_once(verifier: AsyncVerifier) -> None:
    async with verifier.stream() as session:
        submitting = asyncio.gather(*(session.submit(spec_of("accept")) for _ in range(500)))
        tickets = {(await anext(aiter(session))).ticket for _ in range(500)}
        assert tickets == set(await submitting)


async def test_cancelling_a_prefix_ends_those_tickets_only(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    async with verifier.stream() as session:
        for ticket in ("a/1", "a/2", "b/1"):
            await session.submit(spec_of("wait 0.3 then accept"), ticket=ticket)
        await session.cancel("a/*")
        session.finish()
        items = {item.ticket: item async for item in session}

    assert isinstance(items["a/1"].error, Cancelled)
    assert isinstance(items["a/2"].error, Cancelled)
    assert items["b/1"].unwrap().reward == 1.0


async def test_a_ticket_may_not_be_used_while_it_is_open(verifier: AsyncVerifier) -> None:
    async with verifier.stream() as session:
        await session.submit(spec_of("wait 9 then accept"), ticket="same")
        with pytest.raises(DuplicateTicket, match="same"):
            await session.submit(spec_of("accept"), ticket="same")


async def test_a_stream_that_breaks_loses_no_ticket_and_doubles_none(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    service.break_stream_after = 5
    async with verifier.stream() as session:
        for number in range(30):
            await session.submit(spec_of("accept"), ticket=str(number))
        session.finish()
        tickets = [item.ticket async for item in session if item.unwrap()]

    assert sorted(tickets, key=int) == [str(number) for number in range(30)]
    assert service.calls["StreamVerify"] == 2


async def test_leaving_the_stream_cancels_what_is_open(
    verifier: AsyncVerifier, service: MiniatureService
) -> None:
    async with verifier.stream() as session:
        await session.submit(spec_of("wait 60 then accept"), ticket="left")
        await asyncio.sleep(0.1)
    for _ in range(100):
        if service.cancelled:
            break
        await asyncio.sleep(0.01)

    assert service.cancelled == ["left"]


async def test_a_stream_to_nowhere_says_so_to_submitters_and_readers() -> None:
    never = RetryPolicy(maximum_attempts=1)
    async with (
        AsyncVerifier("127.0.0.1:1", retries=never) as verifier,
        verifier.stream() as session,
    ):
        with pytest.raises(ServerUnreachable):
            await session.submit(spec_of("accept"))
        with pytest.raises(ServerUnreachable):
            await session.next()


async def test_a_listener_that_raises_ends_the_stream_and_hides_nothing(
    verifier: AsyncVerifier,
) -> None:
    def broken(ticket: str, progress: Progress) -> None:
        raise ZeroDivisionError(ticket)

    async with verifier.stream(progress=broken) as session:
        await session.submit(spec_of("accept"))
        with pytest.raises(ExecutorFault, match="ZeroDivisionError"):
            await session.next()


async def test_a_finished_stream_takes_nothing_more(verifier: AsyncVerifier) -> None:
    async with verifier.stream() as session:
        session.finish()
        with pytest.raises(RuntimeError, match="finished"):
            await session.submit(spec_of("accept"))
        assert await session.next() is None


async def test_another_service_at_the_address_is_said_to_be_another(tmp_path: object) -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncVerifier(f"127.0.0.1:{port}") as verifier:
        with pytest.raises(ServiceError, match="another service"):
            await verifier.capabilities()
    await server.stop(grace=None)
