"""Sessions: who holds them, how long they live, and what a finished proof is worth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from sandboxes.lean.executor import LeanExecutor
from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.steps import session
from sandboxes.lean.steps import sessions as all_sessions
from sandboxes.lean.steps.runner import Finished, Path, Ran, TacticLimits
from sandboxes.lean.steps.server_runner import ServerRunner
from sandboxes.lean.steps.sessions import Backend, Choose, SessionPolicy, StepSessions
from tests.lean.conftest import LIMITS
from tests.lean.steps.conftest import ENDLESS, SWAP
from verifier_service.model import (
    Assurance,
    CallOptions,
    DeadlineExceeded,
    InvalidSpec,
    LeanTheorem,
    Outcome,
    QueueFull,
    RequestedLimits,
    SessionFull,
    ShuttingDown,
    UnknownSession,
    Verdict,
    VerificationSpec,
)
from verifier_service.model.lean_steps import (
    MAXIMUM_TACTIC_BYTES,
    MAXIMUM_TACTICS,
    ProofFinished,
    ProofGivenUp,
    StepResult,
    StopReason,
    TacticFailed,
    TacticState,
    TacticStopped,
    TheoremToProve,
)

ASKED = TheoremToProve(theorem=SWAP)
NO_OPTIONS = CallOptions()
NO_LIMITS = RequestedLimits()
T = TypeVar("T")
Make = Callable[..., StepSessions]


@pytest.fixture
def make(runtime: LeanRuntime) -> Make:
    """Sessions on a real Lean, whose finished proofs a real executor judges."""
    executor = LeanExecutor([runtime])
    turn = asyncio.Semaphore(1)
    environment = executor.environments[0]

    async def aside(work: Callable[[], Awaitable[T]], options: CallOptions) -> T:
        async with turn:
            return await work()

    async def verify(spec: VerificationSpec, options: CallOptions) -> Verdict:
        async with turn:
            return await executor.verify(
                spec, environment=environment, limits=LIMITS, progress=lambda _: None
            )

    def lean(asked: TheoremToProve) -> Backend:
        return Backend(
            runner=ServerRunner(asked.theorem, runtime, LIMITS), environment=environment.name
        )

    def made(
        *, maximum: int = 4, idle_seconds: float = 600, choose: Choose | None = None
    ) -> StepSessions:
        return StepSessions(
            choose=choose or lean,
            verify=verify,
            aside=aside,
            policy=SessionPolicy(
                maximum_sessions=maximum,
                idle_seconds=idle_seconds,
                default_limits=LIMITS,
                maximum_limits=LIMITS,
            ),
        )

    return made


def state(result: StepResult) -> TacticState:
    assert isinstance(result.outcome, TacticState), result
    return result.outcome


async def test_a_proof_found_in_a_tree_is_accepted_by_its_verdict(make: Make) -> None:
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        name = held.opened.session_id
        assert held.opened.root.features.goal_count == 1
        both = await sessions.step(name, 0, ["constructor", "exact foo", "cases h"], NO_LIMITS)
        split, failed, aside = both
        assert isinstance(failed.outcome, TacticFailed)
        assert state(aside).state_id != state(split).state_id
        assert state(split).features.case_tags == ("left", "right")
        (one,) = await sessions.step(name, state(split).state_id, ["exact h.2"], NO_LIMITS)
        (last,) = await sessions.step(name, state(one).state_id, ["exact h.1"], NO_LIMITS)
    assert isinstance(last.outcome, ProofFinished)
    assert last.outcome.proof == "by\n  constructor\n  exact h.2\n  exact h.1\n"
    assert last.outcome.verdict.outcome is Outcome.ACCEPTED
    assert last.outcome.verdict.assurance >= Assurance.REPLAYED


async def test_states_are_recognised_and_equal_steps_lead_to_equal_states(make: Make) -> None:
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        name = held.opened.session_id
        first, again, idle = await sessions.step(
            name, 0, ["constructor", "constructor", "skip"], NO_LIMITS
        )
        (other,) = await sessions.step(name, state(idle).state_id, ["constructor"], NO_LIMITS)
    assert state(again).state_id == state(first).state_id
    assert not state(idle).features.changed
    assert state(idle).features.same_as == 0
    assert state(other).features.digest == state(first).features.digest
    assert state(other).features.same_as == state(first).state_id
    assert state(other).features.depth == 2


@pytest.mark.parametrize(
    "tactic",
    [
        pytest.param("exact sorryAx _ true", id="sorry-axiom"),
        pytest.param("exact h.2 |> fun _ => sorry", id="hidden-sorry"),
        pytest.param("decide +kernel", id="not-decidable"),
    ],
)
async def test_what_proves_nothing_is_not_accepted(make: Make, tactic: str) -> None:
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        (result,) = await sessions.step(held.opened.session_id, 0, [tactic], NO_LIMITS)
    assert isinstance(result.outcome, ProofGivenUp | TacticFailed)


async def test_a_proof_that_lean_takes_and_the_judge_does_not_is_rejected(make: Make) -> None:
    """The kernel is told to look away: Lean's server has nothing to say against it."""
    theorem = LeanTheorem(name="wrong", statement=": 1 = 2")
    cheat = "set_option debug.skipKernelTC true in\ndecide +kernel"
    sessions = make()
    async with sessions.open(TheoremToProve(theorem=theorem), NO_OPTIONS) as held:
        (result,) = await sessions.step(held.opened.session_id, 0, [cheat], NO_LIMITS)
    if isinstance(result.outcome, ProofFinished):
        assert result.outcome.verdict.outcome is Outcome.REJECTED
    else:
        assert isinstance(result.outcome, TacticFailed | ProofGivenUp)


class Liar(ServerRunner):
    """Says that every tactic finishes the proof, as a process that was taken over could."""

    async def run(self, path: Path, tactic: str, limits: TacticLimits) -> Ran:  # noqa: ARG002
        return Ran(outcome=Finished())


@pytest.mark.parametrize("tactic", ["skip", "exact foo", "sorry", "axiom x : False"])
async def test_a_server_that_lies_gets_nothing_accepted(
    make: Make, runtime: LeanRuntime, tactic: str
) -> None:
    liar = Backend(runner=Liar(SWAP, runtime, LIMITS), environment="lean4-core")
    sessions = make(choose=lambda _: liar)
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        (result,) = await sessions.step(held.opened.session_id, 0, [tactic], NO_LIMITS)
    assert isinstance(result.outcome, ProofFinished)
    assert result.outcome.verdict.outcome is Outcome.REJECTED


async def test_a_tactic_that_declares_an_axiom_behind_the_proof_gains_nothing(make: Make) -> None:
    sessions = make()
    cheat = "exact cheat p q\n\naxiom cheat (p q : Prop) : q ∧ p"
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        (result,) = await sessions.step(held.opened.session_id, 0, [cheat], NO_LIMITS)
    assert isinstance(result.outcome, TacticFailed)


async def test_the_server_has_room_for_so_many_sessions(make: Make) -> None:
    sessions = make(maximum=1)
    async with sessions.open(ASKED, NO_OPTIONS):
        with pytest.raises(QueueFull) as full:
            async with sessions.open(ASKED, NO_OPTIONS):
                pass
        assert full.value.retry_after_seconds
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        assert held.opened.root.goals


async def test_a_session_that_can_not_be_opened_takes_no_room(make: Make) -> None:
    sessions = make(maximum=1)
    broken = TheoremToProve(theorem=LeanTheorem(name="t", statement=": fooo"))
    for _ in range(3):
        with pytest.raises(InvalidSpec):
            async with sessions.open(broken, NO_OPTIONS):
                pass
    async with sessions.open(ASKED, NO_OPTIONS):
        pass


async def test_an_idle_session_is_closed(make: Make) -> None:
    sessions = make(idle_seconds=0.2)
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        await held.until_end()
        with pytest.raises(UnknownSession):
            await sessions.step(held.opened.session_id, 0, ["skip"], NO_LIMITS)


async def test_a_session_is_gone_with_its_holder(make: Make) -> None:
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        endless = asyncio.ensure_future(
            sessions.step(held.opened.session_id, 0, [ENDLESS], NO_LIMITS)
        )
        await asyncio.sleep(0.3)
    with pytest.raises(UnknownSession):
        await endless
    with pytest.raises(UnknownSession):
        await sessions.step(held.opened.session_id, 0, ["skip"], NO_LIMITS)


async def test_a_closed_session_is_gone_when_close_returns(make: Make) -> None:
    sessions = make()

    async def hold(name: asyncio.Future[str]) -> None:
        async with sessions.open(ASKED, NO_OPTIONS) as held:
            name.set_result(held.opened.session_id)
            await held.until_end()

    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    holder = asyncio.ensure_future(hold(told))
    await sessions.close(await told)
    with pytest.raises(UnknownSession):
        await sessions.step(told.result(), 0, ["skip"], NO_LIMITS)
    await sessions.close(told.result())
    await holder


async def test_a_server_that_drains_answers_what_it_was_asked(make: Make) -> None:
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        asked = asyncio.ensure_future(
            sessions.step(held.opened.session_id, 0, ["constructor"], NO_LIMITS)
        )
        await asyncio.sleep(0)
        sessions.drain()
        assert isinstance((await asked)[0].outcome, TacticState)
        with pytest.raises(ShuttingDown):
            await held.until_end()
    with pytest.raises(ShuttingDown):
        async with sessions.open(ASKED, NO_OPTIONS):
            pass


async def test_sessions_know_nothing_of_each_other(make: Make) -> None:
    sessions = make()
    async with (
        sessions.open(ASKED, NO_OPTIONS) as one,
        sessions.open(ASKED, NO_OPTIONS) as other,
    ):
        names = [one.opened.session_id, other.opened.session_id]
        assert names[0] != names[1]
        declared = await sessions.step(names[0], 0, ["have secret := h.1"], NO_LIMITS)
        used = await sessions.step(names[1], 0, ["exact ⟨h.2, secret⟩"], NO_LIMITS)
        stopped = await sessions.step(names[0], 0, [ENDLESS], RequestedLimits(cpu_seconds=0.3))
        after = await sessions.step(names[1], 0, ["exact ⟨h.2, h.1⟩"], NO_LIMITS)
    assert state(declared[0]).goals
    assert isinstance(used[0].outcome, TacticFailed)
    assert isinstance(stopped[0].outcome, TacticStopped)
    assert isinstance(after[0].outcome, ProofFinished)


@pytest.mark.parametrize(
    ("state_id", "tactics", "limits", "field"),
    [
        pytest.param(7, ["skip"], NO_LIMITS, "state_id", id="no-state"),
        pytest.param(0, [], NO_LIMITS, "tactics", id="no-tactics"),
        pytest.param(0, ["skip"] * (MAXIMUM_TACTICS + 1), NO_LIMITS, "tactics", id="many"),
        pytest.param(0, ["skip", " \n"], NO_LIMITS, "tactics[1]", id="empty"),
        pytest.param(0, ["x" * (MAXIMUM_TACTIC_BYTES + 1)], NO_LIMITS, "tactics[0]", id="long"),
        pytest.param(0, ["skip\0"], NO_LIMITS, "tactics[0]", id="nul"),
        pytest.param(0, ["\ud800"], NO_LIMITS, "tactics[0]", id="half-a-character"),
        pytest.param(
            0, ["skip"], RequestedLimits(wall_seconds=1e9), "limits.wall_time", id="long-wall"
        ),
        pytest.param(0, ["skip"], RequestedLimits(cpu_seconds=-1), "limits.cpu_time", id="no-cpu"),
    ],
)
async def test_what_can_not_be_asked_names_its_field(
    make: Make, state_id: int, tactics: list[str], limits: RequestedLimits, field: str
) -> None:
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        with pytest.raises(InvalidSpec) as refused:
            await sessions.step(held.opened.session_id, state_id, tactics, limits)
    assert [one.field for one in refused.value.violations] == [field]


async def test_a_state_that_is_too_large_to_show_is_none(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MAXIMUM_STATE_CHARACTERS", 100)
    sessions = make()
    large = "have long : " + " ∧ ".join(["p"] * 50) + " → p := fun all => all.1"
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        name = held.opened.session_id
        (stopped, fine) = await sessions.step(name, 0, [large, "constructor"], NO_LIMITS)
    assert stopped.outcome == TacticStopped(reason=StopReason.OUTPUT)
    assert isinstance(fine.outcome, TacticState)


async def test_an_answer_that_is_too_large_is_asked_for_in_parts(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_sessions, "MAXIMUM_ANSWER_CHARACTERS", 100)
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        name = held.opened.session_id
        with pytest.raises(InvalidSpec) as refused:
            await sessions.step(name, 0, ["constructor", "cases h"], NO_LIMITS)
        assert [one.field for one in refused.value.violations] == ["tactics"]
        (part,) = await sessions.step(name, 0, ["constructor"], NO_LIMITS)
    assert state(part).state_id == 1


async def test_a_session_keeps_so_many_states(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAXIMUM_STATES", 2)
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        name = held.opened.session_id
        await sessions.step(name, 0, ["constructor"], NO_LIMITS)
        with pytest.raises(SessionFull):
            await sessions.step(name, 0, ["cases h"], NO_LIMITS)
        (known,) = await sessions.step(name, 0, ["constructor"], NO_LIMITS)
    assert state(known).state_id == 1


async def test_a_call_that_takes_too_long_ends_and_the_session_goes_on(make: Make) -> None:
    sessions = make()
    async with sessions.open(ASKED, NO_OPTIONS) as held:
        name = held.opened.session_id
        with pytest.raises(DeadlineExceeded):
            await sessions.step(name, 0, [ENDLESS], NO_LIMITS, timeout_seconds=0.3)
        (after,) = await sessions.step(name, 0, ["constructor"], NO_LIMITS)
    assert state(after).features.goal_count == 2
