"""StreamVerify, over a real channel."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.server.calls import failure, reported
from tests.server.conftest import Serve, Service
from tests.server.scripted import spec
from verifier_service import wire
from verifier_service.model import (
    Cancelled,
    CreditExceeded,
    DuplicateTicket,
    InvalidSpec,
    SandboxLost,
    ServiceError,
    ShuttingDown,
    Verdict,
)
from verifier_service.v1 import verifier_pb2

if TYPE_CHECKING:
    Call = grpc.aio.StreamStreamCall[
        verifier_pb2.StreamVerifyRequest, verifier_pb2.StreamVerifyResponse
    ]


def submission(ticket: str, source: str) -> verifier_pb2.StreamVerifyRequest:
    return verifier_pb2.StreamVerifyRequest(
        submit=verifier_pb2.StreamVerifyRequest.Submit(
            ticket=ticket, spec=wire.spec_to_proto(spec(source))
        )
    )


class Session:
    """The client's end of a stream."""

    def __init__(self, service: Service) -> None:
        self.call: Call = service.stub.StreamVerify()
        self.credit = 0
        self.progress: list[str] = []
        self.results: dict[str, list[Verdict | ServiceError]] = defaultdict(list)

    async def submit(self, ticket: str, source: str) -> None:
        await self.call.write(submission(ticket, source))

    async def cancel(self, ticket: str) -> None:
        cancel = verifier_pb2.StreamVerifyRequest.Cancel(ticket=ticket)
        await self.call.write(verifier_pb2.StreamVerifyRequest(cancel=cancel))

    async def read(self) -> str:
        """Takes in one event and says its kind; the empty text is the end."""
        response: Any = await self.call.read()
        if response is grpc.aio.EOF:
            return ""
        kind = response.WhichOneof("event")
        match kind:
            case "credit":
                assert not response.ticket
                self.credit += response.credit
            case "progress":
                assert Verdict not in kinds(self, response.ticket)
                self.progress.append(response.ticket)
            case "verdict":
                self.results[response.ticket].append(wire.verdict_from_proto(response.verdict))
            case "error":
                self.results[response.ticket].append(wire.error_from_status(response.error))
        return str(kind)

    async def until(self, *tickets: str) -> None:
        """Reads until each of these has a result."""
        while not all(self.results[ticket] for ticket in tickets):
            assert await self.read()

    async def end(self) -> None:
        """Closes this side and reads to the end."""
        await self.call.done_writing()
        while await self.read():
            pass
        assert await self.call.code() is grpc.StatusCode.OK


def kinds(session: Session, ticket: str) -> list[type]:
    return [type(result) for result in session.results[ticket]]


async def test_credit_comes_first(service: Service) -> None:
    session = Session(service)

    assert await session.read() == "credit"
    assert session.credit == 256
    await session.end()


async def test_each_ticket_gets_its_own_result(service: Service) -> None:
    session = Session(service)
    for ticket, source in (("a", "accept"), ("b", "reject"), ("c", "lost")):
        await session.submit(ticket, source)
    await session.end()

    assert [kinds(session, ticket) for ticket in "abc"] == [[Verdict], [Verdict], [SandboxLost]]


async def test_all_credit_comes_back(serve: Serve) -> None:
    service = await serve(stream_credit=8)
    session = Session(service)
    for index in range(8):
        await session.submit(f"t{index}", f"accept {index}")
    await session.end()

    assert session.credit == 16


async def test_credit_allows_any_number_in_turn(serve: Serve) -> None:
    service = await serve(stream_credit=2)
    session = Session(service)
    for index in range(20):
        while session.credit == 0:
            await session.read()
        session.credit -= 1
        await session.submit(f"t{index}", f"reject {index}")
    await session.end()

    assert [kinds(session, f"t{index}") for index in range(20)] == [[Verdict]] * 20


async def test_more_than_the_credit_is_refused_by_ticket(serve: Serve) -> None:
    service = await serve(stream_credit=2)
    session = Session(service)
    for ticket in "abc":
        await session.submit(ticket, f"wait {ticket}")
    await session.until("c")
    service.executor.release.set()
    await session.end()

    assert [kinds(session, ticket) for ticket in "abc"] == [[Verdict], [Verdict], [CreditExceeded]]
    assert session.credit == 4


async def test_a_ticket_twice_is_refused_and_the_first_still_answered(service: Service) -> None:
    session = Session(service)
    await session.submit("a", "wait")
    await session.submit("a", "accept")
    await session.until("a")
    assert kinds(session, "a") == [DuplicateTicket]
    service.executor.release.set()
    await session.end()

    assert kinds(session, "a") == [DuplicateTicket, Verdict]


async def test_an_ended_ticket_is_not_free_again(service: Service) -> None:
    session = Session(service)
    await session.submit("a", "accept")
    await session.until("a")
    await session.submit("a", "accept")
    await session.end()

    assert kinds(session, "a") == [Verdict, DuplicateTicket]


@pytest.mark.parametrize("ticket", ["", "a\n", "t" * 600, "node-*"])
async def test_what_can_t_be_a_ticket_is_refused(service: Service, ticket: str) -> None:
    session = Session(service)
    await session.submit(ticket, "accept")
    await session.end()

    assert kinds(session, ticket[:512]) == [InvalidSpec]
    assert session.credit == 257


async def test_a_bad_spec_is_refused_by_ticket(service: Service) -> None:
    session = Session(service)
    request = submission("a", "accept")
    request.submit.spec.ClearField("problem")
    await session.call.write(request)
    await session.submit("b", "accept")
    await session.end()

    assert [kinds(session, ticket) for ticket in "ab"] == [[InvalidSpec], [Verdict]]


@pytest.mark.parametrize(
    "request_to_send",
    [
        verifier_pb2.StreamVerifyRequest(),
        verifier_pb2.StreamVerifyRequest(cancel=verifier_pb2.StreamVerifyRequest.Cancel()),
    ],
    ids=["no-command", "cancel-of-nothing"],
)
async def test_what_says_nothing_is_refused_without_a_ticket(
    service: Service, request_to_send: verifier_pb2.StreamVerifyRequest
) -> None:
    session = Session(service)
    await session.call.write(request_to_send)
    await session.end()

    assert kinds(session, "") == [InvalidSpec]


async def test_a_ticket_can_be_cancelled(service: Service) -> None:
    session = Session(service)
    for ticket in "ab":
        await session.submit(ticket, f"wait {ticket}")
    await service.executor.is_running(2)
    await session.cancel("a")
    await session.until("a")
    await service.executor.is_running(1)
    service.executor.release.set()
    await session.end()

    assert [kinds(session, ticket) for ticket in "ab"] == [[Cancelled], [Verdict]]


async def test_a_ticket_can_be_cancelled_at_once(service: Service) -> None:
    session = Session(service)
    await session.submit("a", "wait")
    await session.cancel("a")
    await session.end()

    assert kinds(session, "a") == [Cancelled]
    assert service.executor.running == set()


async def test_tickets_can_be_cancelled_by_prefix(service: Service) -> None:
    session = Session(service)
    tickets = ["node-1/a", "node-1/b", "node-12/a", "node-2/a"]
    for ticket in tickets:
        await session.submit(ticket, f"wait {ticket}")
    await service.executor.is_running(4)
    await session.cancel("node-1/*")
    await service.executor.is_running(2)
    service.executor.release.set()
    await session.end()

    assert [kinds(session, ticket) for ticket in tickets] == [
        [Cancelled],
        [Cancelled],
        [Verdict],
        [Verdict],
    ]


async def test_cancelling_what_is_not_there_does_nothing(service: Service) -> None:
    session = Session(service)
    await session.cancel("a")
    await session.cancel("a*")
    await session.submit("a", "accept")
    await session.end()

    assert kinds(session, "a") == [Verdict]


async def test_progress_comes_before_the_result(service: Service) -> None:
    session = Session(service)
    await session.submit("a", "accept")
    await session.end()

    assert set(session.progress) == {"a"}


async def test_half_closing_still_gets_every_answer(service: Service) -> None:
    session = Session(service)
    for index in range(50):
        await session.submit(f"t{index}", f"accept {index}")
    await session.end()

    assert sum(len(results) for results in session.results.values()) == 50


async def test_a_client_that_cancels_leaves_nothing_running(service: Service) -> None:
    session = Session(service)
    for ticket in "abc":
        await session.submit(ticket, f"wait {ticket}")
    await service.executor.is_running(3)

    session.call.cancel()

    await service.executor.is_running(0)


async def test_a_client_that_disconnects_leaves_nothing_running(service: Service) -> None:
    session = Session(service)
    for ticket in "abc":
        await session.submit(ticket, f"wait {ticket}")
    await service.executor.is_running(3)

    await service.channel.close()

    await service.executor.is_running(0)


async def test_a_stream_s_deadline_leaves_nothing_running(service: Service) -> None:
    call = service.stub.StreamVerify(timeout=0.2)
    await call.write(submission("a", "wait"))

    assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await service.executor.is_running(0)


async def test_what_can_t_be_read_ends_the_stream(service: Service) -> None:
    method = "/verifier_service.v1.VerifierService/StreamVerify"
    send_raw: Any = service.channel.stream_stream(method, request_serializer=lambda raw: raw)
    call = send_raw()
    await call.write(submission("a", "wait").SerializeToString())
    await service.executor.is_running(1)
    await call.write(b"\xff\xff")

    assert isinstance(await failure(call), InvalidSpec)
    await service.executor.is_running(0)


async def test_a_reader_that_is_slow_loses_progress_but_no_verdict(serve: Serve) -> None:
    service = await serve(stream_credit=4)
    service.executor.progress_count = 20_000
    session = Session(service)
    for index in range(4):
        await session.submit(f"t{index}", f"accept {index}")
    await session.call.done_writing()
    await service.executor.has_ended(4)
    await session.end()

    assert [kinds(session, f"t{index}") for index in range(4)] == [[Verdict]] * 4
    assert len(session.progress) < 20_000


async def test_a_flood_beyond_the_credit_is_answered_whole(serve: Serve) -> None:
    service = await serve(stream_credit=1)
    session = Session(service)
    await session.submit("first", "wait")

    async def flood() -> None:
        for index in range(500):
            await session.submit(f"t{index}", "accept")
        await session.cancel("first")

    flooding = asyncio.create_task(flood())
    await session.until("first")
    await flooding
    await session.end()

    assert kinds(session, "first") == [Cancelled]
    assert sum(CreditExceeded in kinds(session, f"t{index}") for index in range(500)) >= 499


async def test_with_random_cancels_every_ticket_ends_once(serve: Serve) -> None:
    service = await serve(stream_credit=32)
    session, dice = Session(service), random.Random(7)
    count = 1000

    async def submit_and_cancel() -> None:
        for index in range(count):
            while session.credit <= 0:  # noqa: ASYNC110 - the reader below brings it
                await asyncio.sleep(0)
            session.credit -= 1
            fate = dice.choice(["accept", "reject", "wait"])
            await session.submit(f"{index % 7}/{index}", f"{fate} {index}")
            if dice.random() < 0.5 or fate == "wait":
                doomed = dice.randrange(index + 1) if fate != "wait" else index
                await session.cancel(f"{doomed % 7}/{doomed}")
            if dice.random() < 0.02:
                await session.cancel(f"{dice.randrange(7)}/*")
        await session.call.done_writing()

    commanding = asyncio.create_task(submit_and_cancel())
    while await session.read():
        pass
    await commanding

    assert all(len(session.results[f"{index % 7}/{index}"]) == 1 for index in range(count))
    assert session.credit == 32
    assert service.executor.running == set()
    assert (service.engine.stats().running, service.engine.stats().queued) == (0, 0)


async def test_a_stream_without_work_ends_when_the_server_drains(service: Service) -> None:
    session = Session(service)
    await session.read()
    await service.server.drain(5.0)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await session.until("never")
    assert isinstance(reported(raised.value), ShuttingDown)


async def test_a_stream_with_work_ends_after_it_when_the_server_drains(service: Service) -> None:
    session = Session(service)
    await session.submit("a", "wait")
    await service.executor.is_running(1)
    draining = asyncio.create_task(service.server.drain(5.0))
    await asyncio.sleep(0)
    await session.submit("b", "accept")
    await session.until("b")
    service.executor.release.set()
    await draining
    await session.until("a")

    assert [kinds(session, ticket) for ticket in "ab"] == [[Verdict], [ShuttingDown]]
