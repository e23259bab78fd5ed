"""Repairs over a real server, and the same without one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from clients import AsyncVerifier, Verifier
from clients.local import LocalVerifier
from clients.local_repairs import LocalRepairs
from clients.repairs import AsyncRepairs, Repairs
from sandboxes.lean.executor import LeanExecutor
from sandboxes.lean.runtime import LeanRuntime
from tests.lean.repair.conftest import FIVE_DEFECTS, FIVE_STATEMENT, spec
from verifier_service import lean_repair_wire as wire
from verifier_service.application import application
from verifier_service.engine import Engine
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import CallOptions, CriterionUnavailable, InvalidSpec, Outcome
from verifier_service.model.lean_repair import (
    LemmaPrompt,
    RepairBudget,
    RepairEnding,
    RepairProgress,
    RepairStage,
    SorrifyMode,
)
from verifier_service.server import VerifierServer
from verifier_service.settings import Settings
from verifier_service.v1 import lean_repair_pb2, lean_repair_pb2_grpc

AnyVerifier = AsyncVerifier | LocalVerifier
FIVE = spec(FIVE_STATEMENT, FIVE_DEFECTS)
ORDER = "(a b c : Nat) (h : a ≤ b) (h2 : b ≤ c) : a ≤ c"


@pytest_asyncio.fixture(loop_scope="session")
async def engine_and_server(
    runtime: LeanRuntime, tmp_path: Path
) -> AsyncIterator[tuple[Engine, str]]:
    """A server whose engine judges Lean proofs."""
    settings = Settings(
        address=f"unix:{tmp_path}/service.sock", store_path=tmp_path / "store.sqlite3", slots=2
    )
    async with application(settings, [LeanExecutor([runtime])]) as parts:
        server = VerifierServer(parts.engine, settings, repairs=LeanRepairs(parts.engine))
        async with server:
            yield parts.engine, server.address


@pytest_asyncio.fixture(loop_scope="session", params=["local", "server"])
async def verifier(
    request: pytest.FixtureRequest, engine_and_server: tuple[Engine, str]
) -> AsyncIterator[AnyVerifier]:
    engine, address = engine_and_server
    if request.param == "local":
        yield LocalVerifier(engine)
        return
    async with AsyncVerifier(address) as client:
        yield client


async def test_each_primitive_hands_on_to_the_next(verifier: AnyVerifier) -> None:
    repairs = verifier.repairs
    refined = await repairs.refine(FIVE)
    assert [one.code for one in refined.diagnostics] == ["syntax-error"]
    sorrified = await repairs.sorrify(spec(FIVE_STATEMENT, refined.source))
    assert sorrified.is_clean
    assert [hole.goal.rpartition("\n")[2] for hole in sorrified.holes] == [
        "⊢ a = c",
        "⊢ p",
        "⊢ q",
        "⊢ a + 0 = a",
    ]
    solved = await repairs.auto_solve(
        spec(FIVE_STATEMENT, sorrified.source), tactics=["assumption", "rfl"]
    )
    assert [hole.tactic for hole in solved.holes] == ["", "assumption", "assumption", "rfl"]
    skeleton = spec(FIVE_STATEMENT, solved.source)
    extracted = await repairs.extract_lemmas(skeleton)
    (lemma,) = extracted.lemmas
    assert lemma.spec is not None
    assembled = await repairs.assemble(skeleton, {lemma.name: "h.trans h2"})
    assert assembled.holes == ()
    assert assembled.verdict is not None
    assert assembled.verdict.outcome is Outcome.ACCEPTED


async def test_holes_are_made_in_the_way_that_is_asked_for(verifier: AnyVerifier) -> None:
    for mode in SorrifyMode:
        made = await verifier.repairs.sorrify(FIVE, mode=mode)
        assert (made.is_clean, made.kept_lines, made.total_lines) == (True, 9, 13)
    made = await verifier.repairs.sorrify(FIVE, correct=True)
    assert RepairStage.CORRECT in {edit.stage for edit in made.edits}


async def test_the_whole_loop_with_a_prover_on_the_other_side(verifier: AnyVerifier) -> None:
    seen: list[RepairProgress] = []
    asked: list[LemmaPrompt] = []

    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        asked.extend(prompts)
        return {prompt.lemma.name: ["by rfl", "Nat.le_trans h h2"] for prompt in prompts}

    made = await verifier.repairs.repair(
        spec(ORDER, "by\n  have k := wrong\n  exact k", problem_id="order"),
        propose,
        tactics=["rfl"],
        listener=seen.append,
    )
    assert made.ending is RepairEnding.PROVED
    assert made.verdict is not None
    assert made.verdict.outcome is Outcome.ACCEPTED
    assert seen[0].stage is RepairStage.EXTRACT
    assert seen[-1].stage is RepairStage.ASSEMBLE
    assert asked[0].lemma.hole.goal.endswith("⊢ a ≤ c")


async def test_without_a_prover_the_goals_come_back(verifier: AnyVerifier) -> None:
    made = await verifier.repairs.repair(
        spec(ORDER, "by sorry"), tactics=["rfl"], budget=RepairBudget(seconds=60)
    )
    assert made.ending is RepairEnding.PARTIAL
    assert made.lemmas[0].spec is not None
    assert made.lemmas[0].hole.goal.endswith("⊢ a ≤ c")


async def test_a_budget_without_depth_asks_for_nothing(verifier: AnyVerifier) -> None:
    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        raise AssertionError(prompts)

    for budget in (RepairBudget(depth=0), RepairBudget(rounds=0), RepairBudget(proposals=0)):
        made = await verifier.repairs.repair(
            spec(ORDER, "by sorry"), propose, tactics=["rfl"], budget=budget
        )
        assert made.ending is RepairEnding.PARTIAL


async def test_what_makes_no_sense_is_refused(verifier: AnyVerifier) -> None:
    with pytest.raises(InvalidSpec, match="tactics"):
        await verifier.repairs.auto_solve(spec(ORDER, "by sorry"), tactics=["simp"] * 101)
    with pytest.raises(InvalidSpec, match=r"candidate\.source"):
        await verifier.repairs.refine(spec(ORDER, ""))
    with pytest.raises(InvalidSpec, match=r"budget\.checks"):
        await verifier.repairs.repair(spec(ORDER, "by x"), budget=RepairBudget(checks=10**6))


async def test_a_blocking_client_repairs_too(engine_and_server: tuple[Engine, str]) -> None:
    _, address = engine_and_server

    def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        return {prompt.lemma.name: ["Nat.le_trans h h2"] for prompt in prompts}

    def work() -> None:
        with Verifier(address) as client:
            assert client.repairs.refine(FIVE).edits == ()
            sorrified = client.repairs.sorrify(spec(ORDER, "by\n  exact wrong"))
            skeleton = spec(ORDER, sorrified.source)
            assert client.repairs.auto_solve(skeleton, tactics=["rfl"]).holes[0].tactic == ""
            (lemma,) = client.repairs.extract_lemmas(skeleton).lemmas
            proofs = {lemma.name: "Nat.le_trans h h2"}
            assert client.repairs.assemble(skeleton, proofs).verdict is not None
            made = client.repairs.repair(skeleton, propose, tactics=["rfl"])
            assert made.ending is RepairEnding.PROVED

    await asyncio.to_thread(work)


async def test_a_server_without_lean_says_so(tmp_path: Path) -> None:
    settings = Settings(address=f"unix:{tmp_path}/s.sock", store_path=tmp_path / "store.sqlite3")
    async with (
        application(settings, []) as parts,
        VerifierServer(parts.engine, settings, repairs=LeanRepairs(parts.engine)) as server,
        AsyncVerifier(server.address) as client,
    ):
        with pytest.raises(CriterionUnavailable):
            await client.repairs.refine(FIVE)


async def test_a_call_that_is_cancelled_leaves_nothing_running(
    engine_and_server: tuple[Engine, str],
) -> None:
    engine, address = engine_and_server
    waiting = asyncio.Event()

    async def propose(prompts: Sequence[LemmaPrompt]) -> Mapping[str, Sequence[str]]:
        waiting.set()
        await asyncio.Event().wait()
        return {}

    async with AsyncVerifier(address) as client:
        call = asyncio.create_task(
            client.repairs.repair(spec(ORDER, "by sorry"), propose, tactics=["rfl"])
        )
        await waiting.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await client.verify(spec(ORDER, "Nat.le_trans h h2"))).reward == 1.0
    assert (engine.stats().running, engine.stats().queued) == (0, 0)


def _methods(of: type) -> dict[str, list[str]]:
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in inspect.getmembers(of, inspect.isfunction)
        if not name.startswith("_")
    }


def test_all_clients_have_the_same_repairs() -> None:
    assert _methods(AsyncRepairs) == _methods(LocalRepairs) == _methods(Repairs)
    assert set(_methods(Repairs)) == set(_methods(LeanRepairs))


@pytest_asyncio.fixture(loop_scope="session")
async def stub(
    engine_and_server: tuple[Engine, str],
) -> AsyncIterator[lean_repair_pb2_grpc.LeanRepairServiceAsyncStub]:
    async with grpc.aio.insecure_channel(engine_and_server[1]) as channel:
        yield lean_repair_pb2_grpc.LeanRepairServiceStub(channel)


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        pytest.param([], "start", id="nothing"),
        pytest.param([lean_repair_pb2.RepairRequest()], "start", id="empty"),
        pytest.param(
            [lean_repair_pb2.RepairRequest(proposals=lean_repair_pb2.RepairRequest.Proposals())],
            "start",
            id="proposals-first",
        ),
    ],
)
async def test_a_stream_begins_with_start(
    stub: lean_repair_pb2_grpc.LeanRepairServiceAsyncStub,
    requests: list[lean_repair_pb2.RepairRequest],
    said: str,
) -> None:
    call = stub.Repair(iter(requests))
    with pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
        await call.read()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def _events(call: AsyncIterable[lean_repair_pb2.RepairResponse]) -> list[str | None]:
    return [response.WhichOneof("event") async for response in call]


async def test_proofs_that_were_not_asked_for_end_the_stream(
    stub: lean_repair_pb2_grpc.LeanRepairServiceAsyncStub,
) -> None:
    call = stub.Repair()
    start = wire.RepairStart(spec=spec(ORDER, "by sorry"), options=CallOptions(), tactics=("rfl",))
    await call.write(wire.start_to_proto(start))
    await call.write(wire.proposals_to_proto({"something_else": ["rfl"]}))
    with pytest.raises(grpc.aio.AioRpcError, match="not asked for"):
        await _events(call)


async def test_a_caller_who_sends_no_more_gives_up(
    stub: lean_repair_pb2_grpc.LeanRepairServiceAsyncStub,
) -> None:
    call = stub.Repair()
    start = wire.RepairStart(spec=spec(ORDER, "by sorry"), options=CallOptions(), tactics=("rfl",))
    await call.write(wire.start_to_proto(start))
    await call.done_writing()
    assert (await _events(call))[-2:] == ["need", "result"]
