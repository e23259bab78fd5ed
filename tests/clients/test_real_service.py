"""Clients of the real engine, in this process and behind the real server: they are alike."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clients import AsyncStepSession, AsyncStream, AsyncVerifier
from clients.local import LocalStepSession, LocalStream, LocalVerifier
from tests.server.scripted import ScriptedExecutor, spec
from verifier_service.application import application
from verifier_service.model import (
    Cancelled,
    DeadlineExceeded,
    DuplicateTicket,
    InvalidSpec,
    Outcome,
    Progress,
    SandboxLost,
    State,
    StopRule,
    UnknownVerification,
    Verification,
)
from verifier_service.server import VerifierServer
from verifier_service.settings import Settings

AnyVerifier = AsyncVerifier | LocalVerifier


@pytest.fixture
def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture(params=["local", "server"])
async def verifier(
    request: pytest.FixtureRequest, executor: ScriptedExecutor, tmp_path: Path
) -> AsyncIterator[AnyVerifier]:
    settings = Settings(
        address=f"unix:{tmp_path}/service.sock", store_path=tmp_path / "store.sqlite3", slots=2
    )
    async with application(settings, [executor]) as parts:
        if request.param == "local":
            yield LocalVerifier(parts.engine)
            return
        async with (
            VerifierServer(parts.engine, settings) as server,
            AsyncVerifier(server.address) as client,
        ):
            yield client


async def test_verdicts_and_progress(verifier: AnyVerifier) -> None:
    seen: list[Progress] = []
    verdict = await verifier.verify(spec("accept"), progress=seen.append)

    assert verdict.outcome is Outcome.ACCEPTED
    assert State.RUNNING in {progress.state for progress in seen}
    assert (await verifier.verify(spec("accept"))).provenance.from_cache


async def test_errors(verifier: AnyVerifier) -> None:
    with pytest.raises(InvalidSpec) as failure:
        await verifier.verify(spec(""))
    assert [v.field.removeprefix("spec.") for v in failure.value.violations] == ["candidate.source"]
    with pytest.raises(DeadlineExceeded):
        await verifier.verify(spec("wait"), timeout_seconds=0.2)


async def test_a_batch_with_a_stop_rule(verifier: AnyVerifier) -> None:
    specs = [spec("wait 0"), spec("accept"), spec("wait 2"), spec("wait 3")]
    rule = StopRule(accepted_count=1)
    items = {item.index: item async for item in verifier.batch(specs, stop_rule=rule)}

    assert items[1].unwrap().outcome is Outcome.ACCEPTED
    assert all(isinstance(items[index].error, Cancelled) for index in (0, 2, 3))


async def test_a_stream_of_many(verifier: AnyVerifier) -> None:
    async with verifier.stream() as session:

        async def submit() -> None:
            for number in range(300):
                word = "accept" if number % 2 else "reject"
                await session.submit(spec(f"{word} {number}"), ticket=str(number))
            session.finish()

        submitting = asyncio.create_task(submit())
        items = {item.ticket: item.unwrap().reward async for item in session}
        await submitting

    assert items == {str(number): float(number % 2) for number in range(300)}


async def test_a_stream_whose_tickets_are_taken_back(
    verifier: AnyVerifier, executor: ScriptedExecutor
) -> None:
    seen: list[str] = []
    async with verifier.stream(progress=lambda ticket, _: seen.append(ticket)) as session:
        await session.submit(spec("wait 1"), ticket="a/1")
        await session.submit(spec("wait 2"), ticket="b/1")
        with pytest.raises(DuplicateTicket):
            await session.submit(spec("accept"), ticket="b/1")
        await executor.is_running(2)
        await session.cancel("a/*")
        item = await session.next()
        assert item is not None
        assert (item.ticket, type(item.error)) == ("a/1", Cancelled)
        executor.release.set()
        session.finish()
        rest = [item async for item in session]

    assert [item.ticket for item in rest] == ["b/1"]
    assert set(seen) == {"a/1", "b/1"}


async def test_leaving_a_stream_leaves_nothing_running(
    verifier: AnyVerifier, executor: ScriptedExecutor
) -> None:
    async with verifier.stream() as session:
        await session.submit(spec("wait"))
        await executor.is_running(1)
        assert session.pending_count == 1

    await asyncio.wait_for(executor.is_running(0), 5)


async def test_errors_of_one_ticket(verifier: AnyVerifier) -> None:
    async with verifier.stream() as session:
        await session.submit(spec("lost"))
        session.finish()
        item = await session.next()

    assert item is not None
    assert isinstance(item.error, SandboxLost)


async def test_kept_verifications(verifier: AnyVerifier) -> None:
    ids = [(await verifier.start(spec(f"accept {n}"))).verification_id for n in range(5)]
    for name in ids:
        *_, last = [event async for event in verifier.watch(name)]
        assert isinstance(last, Verification)
        assert last.state is State.SUCCEEDED
    listed = [kept.verification_id async for kept in verifier.list(page_size=2)]

    assert listed == sorted(ids, reverse=True)
    assert (await verifier.get(f"verifications/{ids[0]}")).verification_id == ids[0]
    with pytest.raises(UnknownVerification):
        await verifier.get("0" * 32)


async def test_cancelling_a_kept_verification(
    verifier: AnyVerifier, executor: ScriptedExecutor
) -> None:
    started = await verifier.start(spec("wait"))
    await executor.is_running(1)
    await verifier.cancel(started.verification_id)

    assert (await verifier.get(started.verification_id)).state is State.CANCELLED


async def test_capabilities(verifier: AnyVerifier) -> None:
    capabilities = await verifier.capabilities()

    assert (capabilities.environments[0].name, capabilities.slot_count) == ("scripted", 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LocalVerifier, AsyncVerifier),
        (LocalStream, AsyncStream),
        (LocalStepSession, AsyncStepSession),
    ],
)
def test_both_have_the_same_methods(one: type, other: type) -> None:
    assert methods_of(one) == methods_of(other)


def methods_of(client: type) -> dict[str, str]:
    return {
        name: re.sub(r"\bLocal(\w+)", r"Async\1", str(inspect.signature(method)))
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_")
    }
