"""Step sessions through the service: a real server, real clients, a real Lean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from clients import AsyncVerifier, Connection, RetryPolicy, Verifier
from clients.local import LocalVerifier
from sandboxes.lean import LeanExecutor
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.steps.sessions import StepSessions
from tests.lean.conftest import LIMITS
from tests.lean.steps.conftest import ENDLESS, SWAP
from verifier_service.engine import Engine, Policy
from verifier_service.engine.lean_steps import step_sessions
from verifier_service.model import (
    CallOptions,
    CriterionUnavailable,
    InvalidSpec,
    LeanTheorem,
    Outcome,
    QueueFull,
    RequestedLimits,
    ServiceError,
    ShuttingDown,
    UnknownEnvironment,
    UnknownSession,
)
from verifier_service.model.lean_steps import (
    ProofFinished,
    ProofGivenUp,
    StepResult,
    StopReason,
    TacticFailed,
    TacticFailure,
    TacticState,
    TacticStopped,
    TheoremToProve,
)
from verifier_service.server import VerifierServer
from verifier_service.settings import Settings
from verifier_service.store.sqlite import SqliteStore
from verifier_service.v1 import lean_steps_pb2, lean_steps_pb2_grpc

ASKED = TheoremToProve(theorem=SWAP, problem_id="swap")
ONE_TRY = RetryPolicy(maximum_attempts=1)


@pytest_asyncio.fixture(loop_scope="session")
async def engine(runtime: LeanRuntime, tmp_path: Path) -> AsyncIterator[Engine]:
    policy = Policy(
        slots=1, default_limits=LIMITS, maximum_limits=LIMITS, version="1", worker="here"
    )
    made = Engine(
        executors=[LeanExecutor([runtime])],
        store=SqliteStore.open(tmp_path / "store.sqlite3"),
        policy=policy,
    )
    yield made
    await made.close()


@pytest.fixture
def sessions(engine: Engine) -> StepSessions:
    return step_sessions(engine, maximum_sessions=2, idle_seconds=600)


@pytest_asyncio.fixture(loop_scope="session")
async def server(
    engine: Engine, sessions: StepSessions, tmp_path: Path
) -> AsyncIterator[VerifierServer]:
    settings = Settings(address=f"unix:{tmp_path}/s", store_path=tmp_path / "unused")
    async with VerifierServer(engine, settings, steps=sessions) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(server: VerifierServer) -> AsyncIterator[AsyncVerifier]:
    async with AsyncVerifier(server.address, retries=ONE_TRY) as made:
        yield made


def kinds(results: list[StepResult]) -> list[type[object]]:
    return [type(result.outcome) for result in results]


async def test_a_search_over_the_wire(verifier: AsyncVerifier) -> None:
    async with verifier.open_session(ASKED) as session:
        assert session.opened.backend == "lean-server"
        assert session.opened.environment.startswith("lean4-core@sha256:")
        assert session.root.state_id == 0
        tried = await session.step(0, ["exact foo", "sorry", "constructor", ENDLESS], limits=LITTLE)
        assert kinds(tried) == [TacticFailed, ProofGivenUp, TacticState, TacticStopped]
        failed, _, split, stopped = (one.outcome for one in tried)
        assert isinstance(failed, TacticFailed)
        assert (failed.kind, failed.line, failed.column) == (TacticFailure.TACTIC, 1, 6)
        assert isinstance(stopped, TacticStopped)
        assert stopped.reason in (StopReason.CPU_TIME, StopReason.WALL_TIME)
        assert isinstance(split, TacticState)
        assert [goal.case for goal in split.goals] == ["left", "right"]
        assert split.features.case_tags == ("left", "right")
        (last,) = await session.step(split.state_id, ["exact h.2 <;> exact h.1"])
        assert isinstance(last.outcome, TacticState)
        (last,) = await session.step(last.outcome.state_id, ["exact h.1"])
    assert isinstance(last.outcome, ProofFinished)
    assert last.outcome.verdict.outcome is Outcome.ACCEPTED
    assert last.outcome.verdict.provenance is not None


LITTLE = RequestedLimits(cpu_seconds=0.5, wall_seconds=5)


async def test_a_client_without_an_event_loop(server: VerifierServer) -> None:
    def prove() -> list[StepResult]:
        with Verifier(server.address, retries=ONE_TRY) as verifier:
            with verifier.open_session(ASKED) as session:
                results = session.step(0, ["exact ⟨h.2, h.1⟩", "skip"])
                with pytest.raises(InvalidSpec):
                    session.step(5, ["skip"])
            with pytest.raises(UnknownSession):
                session.step(0, ["skip"])
        return results

    finished, idle = await asyncio.to_thread(prove)
    assert isinstance(finished.outcome, ProofFinished)
    assert finished.outcome.verdict.outcome is Outcome.ACCEPTED
    assert isinstance(idle.outcome, TacticState)
    assert idle.outcome.features.same_as == 0


async def test_a_client_in_the_same_process(engine: Engine, sessions: StepSessions) -> None:
    async with LocalVerifier(engine, steps=sessions) as verifier:
        async with verifier.open_session(ASKED) as session:
            (finished,) = await session.step(session.root.state_id, ["exact ⟨h.2, h.1⟩"])
        with pytest.raises(UnknownSession):
            await session.step(0, ["skip"])
    assert isinstance(finished.outcome, ProofFinished)
    assert finished.outcome.verdict.outcome is Outcome.ACCEPTED


async def test_a_client_without_sessions_says_so(engine: Engine) -> None:
    with pytest.raises(CriterionUnavailable):
        async with LocalVerifier(engine).open_session(ASKED):
            pass


async def test_a_session_ends_with_the_call_that_holds_it(
    server: VerifierServer, sessions: StepSessions
) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = lean_steps_pb2_grpc.LeanStepServiceStub(channel)
        request = lean_steps_pb2.OpenSessionRequest()
        request.theorem.name, request.theorem.statement = SWAP.name, SWAP.statement
        call = stub.OpenSession(request)
        opened = await call.read()
        assert isinstance(opened, lean_steps_pb2.OpenSessionResponse)
        assert sessions._held
        endless = lean_steps_pb2.StepRequest(session_id=opened.session_id, tactics=[ENDLESS])
        step = stub.Step(endless)
        await asyncio.sleep(0.3)
        call.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await step
        assert ended.value.code() is grpc.StatusCode.NOT_FOUND
    assert not sessions._held


async def test_a_session_ends_when_its_caller_hangs_up(
    server: VerifierServer, sessions: StepSessions
) -> None:
    channel = grpc.aio.insecure_channel(server.address)
    request = lean_steps_pb2.OpenSessionRequest()
    request.theorem.name, request.theorem.statement = SWAP.name, SWAP.statement
    call = lean_steps_pb2_grpc.LeanStepServiceStub(channel).OpenSession(request)
    await call.read()
    (held,) = sessions._held.values()
    await channel.close()
    await held.until_closed()


async def test_a_step_whose_deadline_passes_leaves_the_session_usable(
    verifier: AsyncVerifier,
) -> None:
    async with verifier.open_session(ASKED) as session:
        with pytest.raises(ServiceError):
            await session.step(0, [ENDLESS], timeout_seconds=0.5)
        (after,) = await session.step(0, ["constructor"])
    assert isinstance(after.outcome, TacticState)


async def test_a_third_session_waits_until_there_is_room(verifier: AsyncVerifier) -> None:
    async with verifier.open_session(ASKED), verifier.open_session(ASKED):
        with pytest.raises(QueueFull) as full:
            async with verifier.open_session(ASKED):
                pass
        assert full.value.retry_after_seconds == 1.0
    async with AsyncVerifier(verifier._connection.target) as patient:
        async with patient.open_session(ASKED), patient.open_session(ASKED) as second:
            third = asyncio.ensure_future(first_state(patient))
            await asyncio.sleep(0.2)
            assert not third.done()
            assert second.root.goals
        assert await third == 0


async def first_state(verifier: AsyncVerifier) -> int:
    async with verifier.open_session(ASKED) as session:
        return session.root.state_id


@pytest.mark.parametrize(
    ("asked", "error", "fields"),
    [
        pytest.param(
            TheoremToProve(theorem=LeanTheorem(name="", statement="")),
            InvalidSpec,
            ["theorem.name"],
            id="no-name",
        ),
        pytest.param(
            TheoremToProve(theorem=LeanTheorem(name="", statement="", whole_file=True)),
            InvalidSpec,
            ["theorem.whole_file"],
            id="whole-file",
        ),
        pytest.param(
            TheoremToProve(theorem=LeanTheorem(name="t", statement=": fooo")),
            InvalidSpec,
            ["theorem"],
            id="refused-by-lean",
        ),
        pytest.param(
            TheoremToProve(theorem=SWAP, problem_id="x" * 600),
            InvalidSpec,
            ["problem_id"],
            id="long-id",
        ),
        pytest.param(
            TheoremToProve(theorem=SWAP, environment="lean3"), UnknownEnvironment, [], id="lean3"
        ),
    ],
)
async def test_what_can_not_be_proved_in_steps_names_its_field(
    verifier: AsyncVerifier,
    asked: TheoremToProve,
    error: type[ServiceError],
    fields: list[str],
) -> None:
    with pytest.raises(error) as refused:
        async with verifier.open_session(asked, options=CallOptions(session_id="search")):
            pass
    assert [one.field for one in refused.value.violations] == fields


async def test_a_server_that_drains_closes_its_sessions(
    server: VerifierServer, verifier: AsyncVerifier
) -> None:
    async with verifier.open_session(ASKED) as session:
        await server.drain(5)
        with pytest.raises(ShuttingDown):
            await session.step(0, ["skip"])


@pytest.mark.parametrize(
    ("options", "policy"),
    [("options", "round_robin"), ("session_options", "pick_first")],
)
def test_calls_of_a_session_reach_the_server_that_has_it(options: str, policy: str) -> None:
    connection = Connection(target="verifier.example:443")
    (config,) = [
        json.loads(str(value))
        for name, value in getattr(connection, options)
        if name == "grpc.service_config"
    ]
    assert [list(one) for one in config["loadBalancingConfig"]] == [[policy]]


async def test_a_client_that_is_closed_holds_no_session(
    server: VerifierServer, sessions: StepSessions
) -> None:
    verifier = AsyncVerifier(server.address, retries=ONE_TRY)
    async with verifier.open_session(ASKED) as session:
        (held,) = sessions._held.values()
        await verifier.close()
        await held.until_closed()
        with pytest.raises((ServiceError, grpc.aio.UsageError)):
            await session.step(0, ["skip"])
    assert not verifier._session_channels
