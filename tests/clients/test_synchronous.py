"""Verifier, over a real channel, in a thread beside the server's loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from clients import AsyncStream, AsyncVerifier, RetryPolicy, Stream, Verifier
from tests.clients.conftest import spec_of
from tests.clients.service import CAPABILITIES, MiniatureService
from verifier_service.model import (
    Cancelled,
    DeadlineExceeded,
    DuplicateTicket,
    ExecutorFault,
    InvalidSpec,
    Progress,
    QueueFull,
    ServerUnreachable,
    State,
    StopRule,
    UnknownVerification,
    Verification,
)

_T = TypeVar("_T")


async def use(target: str, what: Callable[[Verifier], _T]) -> _T:
    """Runs `what` in a thread, with a client."""

    def run() -> _T:
        with Verifier(target) as verifier:
            return what(verifier)

    return await asyncio.to_thread(run)


async def test_verdict_comes_back(target: str) -> None:
    verdict = await use(target, lambda verifier: verifier.verify(spec_of("reject")))

    assert verdict.reward == 0.0


async def test_errors_keep_their_class(target: str) -> None:
    with pytest.raises(InvalidSpec):
        await use(target, lambda verifier: verifier.verify(spec_of("INVALID_SPEC")))


async def test_a_full_queue_is_tried_again(target: str, service: MiniatureService) -> None:
    service.failures = [QueueFull("Full.", retry_after_seconds=0.01)]
    verdict = await use(target, lambda verifier: verifier.verify(spec_of("accept")))

    assert (verdict.reward, service.calls["Verify"]) == (1.0, 2)


async def test_a_late_answer_is_an_error(target: str) -> None:
    with pytest.raises(DeadlineExceeded):
        await use(
            target,
            lambda verifier: verifier.verify(spec_of("wait 9 then accept"), timeout_seconds=0.2),
        )


def test_an_unreachable_server_is_named() -> None:
    never = RetryPolicy(maximum_attempts=1)
    with (
        Verifier("127.0.0.1:1", retries=never) as verifier,
        pytest.raises(ServerUnreachable, match="verifier serve"),
    ):
        verifier.capabilities()


async def test_progress_is_told_before_the_verdict(target: str) -> None:
    seen: list[Progress] = []
    await use(target, lambda verifier: verifier.verify(spec_of("accept"), progress=seen.append))

    assert [progress.state for progress in seen] == [State.RUNNING]


async def test_a_batch_whose_connection_breaks_asks_for_the_rest(
    target: str, service: MiniatureService
) -> None:
    service.break_stream_after = 3
    specs = [spec_of("accept") for _ in range(10)]
    items = await use(target, lambda verifier: list(verifier.batch(specs)))

    assert sorted(item.index for item in items) == list(range(10))


async def test_a_batch_obeys_its_stop_rule_over_a_broken_connection(
    target: str, service: MiniatureService
) -> None:
    service.break_stream_after = 2
    specs = [spec_of("reject") for _ in range(4)]
    rule = StopRule(rejected_count=2)
    items = await use(target, lambda verifier: list(verifier.batch(specs, stop_rule=rule)))

    assert [isinstance(item.error, Cancelled) for item in items] == [False, False, True, True]


async def test_kept_verifications_are_found(target: str, service: MiniatureService) -> None:
    def run(verifier: Verifier) -> None:
        started = verifier.start(spec_of("accept"))
        assert verifier.get(started.verification_id) == started
        events = list(verifier.watch(started.verification_id))
        assert [type(event) for event in events] == [Progress, Verification]
        assert list(verifier.list(page_size=1)) == [started]
        verifier.cancel(started.verification_id)
        assert verifier.capabilities() == CAPABILITIES
        with pytest.raises(UnknownVerification):
            verifier.get("nothing")

    await use(target, run)
    assert service.cancelled == ["verifications/v0"]


# Streams ----------------------------------------------------------------------------------------


async def test_one_thread_may_submit_while_results_arrive(
    target: str, service: MiniatureService
) -> None:
    def run(verifier: Verifier) -> int:
        ended = 0
        with verifier.stream() as session:
            session.submit(spec_of("accept"))
            for item in session:
                ended += 1
                assert item.unwrap().reward == 1.0
                if ended < 20:
                    session.submit(spec_of("accept"))
                    session.submit(spec_of("accept"))
                elif session.pending_count == 0:
                    session.finish()
        return ended

    assert await use(target, run) == 39
    assert service.most_open <= service.credit


async def test_one_thread_may_submit_while_another_reads(target: str) -> None:
    def run(verifier: Verifier) -> int:
        with verifier.stream() as session:

            def submit() -> None:
                for _ in range(200):
                    session.submit(spec_of("accept"))
                session.finish()

            submitter = threading.Thread(target=submit)
            submitter.start()
            count = len({item.ticket for item in session})
            submitter.join()
            return count

    assert await use(target, run) == 200


async def test_a_stream_that_breaks_loses_no_ticket_and_doubles_none(
    target: str, service: MiniatureService
) -> None:
    def run(verifier: Verifier) -> list[str]:
        with verifier.stream() as session:
            for number in range(30):
                session.submit(spec_of("accept"), ticket=str(number))
            session.finish()
            return [item.ticket for item in session if item.unwrap()]

    service.break_stream_after = 5
    tickets = await use(target, run)

    assert sorted(tickets, key=int) == [str(number) for number in range(30)]
    assert service.calls["StreamVerify"] == 2


async def test_cancel_duplicate_and_leaving(target: str, service: MiniatureService) -> None:
    def run(verifier: Verifier) -> None:
        with verifier.stream() as session:
            session.submit(spec_of("wait 60 then accept"), ticket="a/1")
            session.submit(spec_of("wait 60 then accept"), ticket="b/1")
            with pytest.raises(DuplicateTicket):
                session.submit(spec_of("accept"), ticket="b/1")
            session.cancel("a/*")
            item = session.next()
            assert item is not None
            assert isinstance(item.error, Cancelled)

    await use(target, run)
    for _ in range(100):
        if len(service.cancelled) == 2:
            break
        await asyncio.sleep(0.01)
    assert service.cancelled == ["a/1", "b/1"]


async def test_a_listener_that_raises_ends_the_stream_and_hides_nothing(target: str) -> None:
    def broken(ticket: str, progress: Progress) -> None:
        raise ZeroDivisionError(ticket)

    def run(verifier: Verifier) -> None:
        with verifier.stream(progress=broken) as session:
            session.submit(spec_of("accept"))
            with pytest.raises(ExecutorFault, match="ZeroDivisionError"):
                session.next()

    await use(target, run)


# The same methods -------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [(Verifier, AsyncVerifier), (Stream, AsyncStream)])
def test_both_clients_have_the_same_methods(one: type, other: type) -> None:
    assert methods_of(one) == methods_of(other)


def methods_of(client: type) -> dict[str, list[tuple[str, object, object]]]:
    return {
        name: [(p.name, p.kind, p.default) for p in inspect.signature(method).parameters.values()]
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_")
    }
