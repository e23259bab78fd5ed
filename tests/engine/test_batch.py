"""Many specs in one call."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.support import Gate, ToldExecutor, engine_on, policy, settled, spec, until
from verifier_service.engine import BatchResult
from verifier_service.model import (
    CallOptions,
    Cancelled,
    DeadlineExceeded,
    InvalidSpec,
    Outcome,
    SandboxLost,
    ServiceError,
    ShuttingDown,
    StopRule,
    Verdict,
    VerificationSpec,
)


def words(results: list[BatchResult]) -> list[str]:
    """What became of each spec, in their order."""
    return [
        result.outcome.value if isinstance(result, Verdict) else result.reason
        for _, result in sorted(results, key=lambda one: one[0])
    ]


async def test_every_spec_gets_one_result_and_errors_stay_with_their_item(tmp_path: Path) -> None:
    async def judge(asked: VerificationSpec, _: object) -> Verdict:
        if asked.candidate.source == "lose":
            raise SandboxLost("The sandbox died.")
        if asked.candidate.source == "fail":
            raise KeyError
        return await ToldExecutor().judge(asked, lambda _: None)

    specs = [spec(word) for word in ("accept", "reject", "", "lose", "unsure", "fail", "accept")]
    specs.append(replace(spec(), environment="lua"))
    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        results = [one async for one in engine.batch(specs)]

    assert words(results) == [
        "accepted",
        "rejected",
        "INVALID_SPEC",
        "SANDBOX_LOST",
        "inconclusive",
        "EXECUTOR_FAULT",
        "accepted",
        "UNKNOWN_ENVIRONMENT",
    ]


async def test_results_come_as_they_are_ready(tmp_path: Path) -> None:
    gate = Gate()

    async def judge(asked: VerificationSpec, progress: object) -> Verdict:
        if asked.candidate.source == "accept slowly":
            await gate.opened.wait()
        return await gate.judge(asked, lambda _: None)

    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        results = engine.batch([spec("accept slowly"), spec("accept")])
        assert (await anext(results))[0] == 1
        gate.opened.set()
        assert (await anext(results))[0] == 0
        await results.aclose()


async def test_a_long_batch_never_fills_the_queue_and_leaves_room_for_others(
    tmp_path: Path,
) -> None:
    gate = Gate()
    rules = policy(slots=1, max_queued=1, batch_window=4)
    async with engine_on(tmp_path, ToldExecutor(judge=gate), rules) as engine:
        batch = asyncio.ensure_future(_all(engine.batch([spec(f"accept {i}") for i in range(50)])))
        await until(lambda: engine.stats().queued == 3)
        other = asyncio.ensure_future(engine.verify(spec("accept other"), CallOptions(priority=-1)))
        await until(lambda: engine.stats().queued == 4)
        gate.opened.set()

        assert (await other).outcome is Outcome.ACCEPTED
        assert words(await batch) == ["accepted"] * 50


async def _all(results: object) -> list[BatchResult]:
    return [one async for one in results]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(StopRule(accepted_count=1), {"accepted": 1, "rejected": 2}, id="accepted"),
        pytest.param(StopRule(rejected_count=2), {"accepted": 0, "rejected": 2}, id="rejected"),
        pytest.param(
            StopRule(accepted_count=9, rejected_count=9), {"accepted": 1, "rejected": 6}, id="unmet"
        ),
    ],
)
async def test_the_rest_is_cancelled_once_the_stop_rule_is_met(
    tmp_path: Path, rule: StopRule, expected: dict[str, int]
) -> None:
    specs = [spec(f"{'accept' if i == 2 else 'reject'} {i}") for i in range(7)]
    async with engine_on(tmp_path, rules=policy(slots=1, batch_window=1)) as engine:
        results = await _all(engine.batch(specs, stop_rule=rule))
        told = words(results)

    assert sorted(index for index, _ in results) == [*range(7)]
    assert told.count("accepted") >= expected["accepted"]
    assert told.count("rejected") >= expected["rejected"]
    assert told.count("CANCELLED") == 7 - told.count("accepted") - told.count("rejected")


async def test_what_runs_when_the_stop_rule_is_met_is_ended(tmp_path: Path) -> None:
    gate = Gate()

    async def judge(asked: VerificationSpec, progress: object) -> Verdict:
        if asked.candidate.source != "accept":
            await gate(asked, lambda _: None)
        return await gate.judge(asked, lambda _: None)

    specs = [spec("accept 1"), spec("accept"), spec("accept 2")]
    async with engine_on(tmp_path, ToldExecutor(judge=judge)) as engine:
        results = await _all(engine.batch(specs, stop_rule=StopRule(accepted_count=1)))

        assert words(results) == ["CANCELLED", "accepted", "CANCELLED"]
        assert isinstance(results[1][1], Cancelled)
        assert engine.stats().flights == 0
    assert gate.cut_off >= 1


@pytest.mark.parametrize("how", ["closed", "cancelled"])
async def test_a_batch_that_is_left_early_leaves_nothing_running(tmp_path: Path, how: str) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:

        async def consume() -> None:
            async with aclosing(
                engine.batch([spec(), *(spec(f"accept {i}") for i in range(30))])
            ) as results:
                async for _ in results:
                    break

        consumer = asyncio.ensure_future(consume())
        await until(lambda: executor.running == 2)
        if how == "cancelled":
            consumer.cancel()
        else:
            gate.opened.set()
        await asyncio.wait([consumer])

        assert executor.running == 0
        assert (engine.stats().running, engine.stats().queued, engine.stats().flights) == (0, 0, 0)


@pytest.mark.parametrize(
    ("specs", "rule", "fields"),
    [
        pytest.param(
            [spec(candidate_id="a"), spec("reject", candidate_id="a"), spec(candidate_id="a")],
            StopRule(),
            ["specs[1].candidate.candidate_id", "specs[2].candidate.candidate_id"],
            id="duplicates",
        ),
        pytest.param([spec()] * 4, StopRule(), ["specs"], id="too-many"),
        pytest.param(
            [spec()],
            StopRule(accepted_count=-1, rejected_count=-2),
            ["stop_rule.accepted_count", "stop_rule.rejected_count"],
            id="negative-counts",
        ),
    ],
)
async def test_a_broken_batch_is_refused_as_a_whole(
    tmp_path: Path, specs: list[VerificationSpec], rule: StopRule, fields: list[str]
) -> None:
    executor = ToldExecutor()
    async with engine_on(tmp_path, executor, policy(maximum_batch_size=3)) as engine:
        with pytest.raises(InvalidSpec) as refused:
            await anext(engine.batch(specs, stop_rule=rule))

    assert [violation.field for violation in refused.value.violations] == fields
    assert executor.begun == []


@pytest.mark.parametrize(
    "specs",
    [
        pytest.param([], id="empty"),
        pytest.param([spec(), spec()], id="without-names"),
        pytest.param(
            [spec(candidate_id="a", problem_id="p"), spec(candidate_id="a", problem_id="q")],
            id="of-different-problems",
        ),
    ],
)
async def test_what_is_no_duplicate_is_judged(
    tmp_path: Path, specs: list[VerificationSpec]
) -> None:
    async with engine_on(tmp_path) as engine:
        assert words(await _all(engine.batch(specs))) == ["accepted"] * len(specs)


async def test_the_deadline_is_an_error_of_each_item(tmp_path: Path) -> None:
    async with engine_on(tmp_path, ToldExecutor(judge=Gate())) as engine:
        deadline = time.monotonic() + 0.05
        results = await _all(
            engine.batch([spec(f"accept {i}") for i in range(40)], deadline=deadline)
        )

    assert words(results) == [DeadlineExceeded.reason] * 40


async def test_a_batch_under_way_ends_with_the_server(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:
        batch = asyncio.ensure_future(_all(engine.batch([spec(f"accept {i}") for i in range(40)])))
        await until(lambda: executor.running == 2)
        await engine.drain(0)
        results = await batch

    assert words(results) == [ShuttingDown.reason] * 40
    assert all(isinstance(result, ServiceError) for _, result in results)


async def test_a_batch_under_way_is_finished_by_a_drain_with_time(tmp_path: Path) -> None:
    gate = Gate()
    executor = ToldExecutor(judge=gate)
    async with engine_on(tmp_path, executor) as engine:
        batch = asyncio.ensure_future(_all(engine.batch([spec(f"accept {i}") for i in range(40)])))
        await until(lambda: executor.running == 2)
        draining = asyncio.ensure_future(engine.drain(60))
        await settled()
        gate.opened.set()
        await draining

        assert words(await batch) == ["accepted"] * 40
