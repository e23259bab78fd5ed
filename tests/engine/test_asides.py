"""Work beside verifications: in slots, by turns, and ended with the engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from verifier_service.engine import Engine, Policy
from verifier_service.model import CallOptions, Limits, ShuttingDown
from verifier_service.store.sqlite import SqliteStore

LIMITS = Limits(
    wall_seconds=1,
    cpu_seconds=1,
    memory_bytes=1 << 20,
    max_processes=1,
    max_output_bytes=1,
    deterministic_steps=0,
)
ANY = CallOptions()


@pytest.fixture
async def engine(tmp_path: Path) -> Engine:
    store = SqliteStore.open(tmp_path / "store.sqlite3")
    policy = Policy(slots=2, default_limits=LIMITS, maximum_limits=LIMITS, max_queued=0)
    return Engine(executors=(), store=store, policy=policy)


async def test_work_waits_for_slots_and_gives_them_back(engine: Engine) -> None:
    at_work = most = 0

    async def work() -> int:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1
        return 7

    results = await asyncio.gather(*(engine.aside(work, ANY) for _ in range(9)))
    assert results == [7] * 9
    assert most == 2
    assert (engine.stats().running, engine.stats().queued) == (0, 0)
    await engine.close()


async def test_an_error_comes_out_and_the_slot_is_free_again(engine: Engine) -> None:
    async def work() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await engine.aside(work, ANY)
    assert engine.stats().running == 0
    await engine.close()


async def test_cancelling_ends_the_work_before_it_comes_out(engine: Engine) -> None:
    began, ended = asyncio.Event(), False

    async def work() -> None:
        nonlocal ended
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended = True

    call = asyncio.create_task(engine.aside(work, ANY))
    await began.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended
    assert engine.stats().running == 0
    await engine.close()


async def test_an_engine_that_ends_ends_the_work_and_takes_no_more(engine: Engine) -> None:
    began = asyncio.Event()

    async def work() -> None:
        began.set()
        await asyncio.Event().wait()

    call = asyncio.create_task(engine.aside(work, ANY))
    await began.wait()
    await engine.close()
    with pytest.raises(ShuttingDown):
        await call
    with pytest.raises(ShuttingDown):
        await engine.aside(work, ANY)
