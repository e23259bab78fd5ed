"""Tactics on a real server of Lean's, in a real cell."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.steps import server_runner
from sandboxes.lean.steps.connection import LeanServer
from sandboxes.lean.steps.runner import Finished, Reached, RunnerOutcome
from sandboxes.lean.steps.server_runner import ServerRunner
from tests.lean.conftest import LIMITS
from tests.lean.steps.conftest import ENDLESS, ENOUGH, LITTLE, SWAP, Run
from verifier_service.model import InvalidSpec, LeanTheorem, SandboxLost
from verifier_service.model.lean_steps import (
    ProofGivenUp,
    StopReason,
    TacticFailed,
    TacticFailure,
    TacticStopped,
)


async def outcomes(runner: ServerRunner, *tactics: str) -> list[RunnerOutcome]:
    """Runs tactics one after the other."""
    return [
        (await runner.run(tactics[:count], tactic, ENOUGH)).outcome
        for count, tactic in enumerate(tactics)
    ]


def targets(outcome: RunnerOutcome) -> list[str]:
    assert isinstance(outcome, Reached), outcome
    return [goal.text.rpartition("⊢ ")[2] for goal in outcome.goals]


async def test_a_proof_is_made_step_by_step(runner: Run) -> None:
    async with runner() as steps:
        first, second, last = await outcomes(steps, "constructor", "exact h.2", "exact h.1")
    assert targets(first) == ["q", "p"]
    assert targets(second) == ["p"]
    assert last == Finished()


@pytest.mark.parametrize(
    ("tactics", "left"),
    [
        pytest.param(("obtain ⟨a, b⟩ := h",), ["q ∧ p"], id="one-goal"),
        pytest.param(("constructor", "· exact h.2"), ["p"], id="focused"),
        pytest.param(("constructor", "case right => exact h.1"), ["q"], id="by-case"),
        pytest.param(("have a : p := by\n  exact h.1",), ["q ∧ p"], id="two-lines"),
        pytest.param(("refine ⟨?a, ?b⟩", "case b =>\n  exact h.1"), ["q"], id="named"),
        pytest.param(("skip -- nothing",), ["q ∧ p"], id="comment"),
        pytest.param(("constructor <;> skip", "all_goals skip"), ["q", "p"], id="all"),
    ],
)
async def test_goals_after_tactics_of_all_shapes(
    runner: Run, tactics: tuple[str, ...], left: list[str]
) -> None:
    async with runner() as steps:
        assert targets((await outcomes(steps, *tactics))[-1]) == left


async def test_old_states_stay_as_they_were(runner: Run) -> None:
    async with runner() as steps:
        await outcomes(steps, "constructor", "exact h.2", "exact h.1")
        aside = await steps.run((), "obtain ⟨a, b⟩ := h", ENOUGH)
        back = await steps.run(("constructor", "exact h.2"), "exact h.1", ENOUGH)
        other = await steps.run(("obtain ⟨a, b⟩ := h",), "exact ⟨b, a⟩", ENOUGH)
    assert targets(aside.outcome) == ["q ∧ p"]
    assert back.outcome == other.outcome == Finished()


@pytest.mark.parametrize(
    ("tactic", "kind", "place"),
    [
        pytest.param("exact foo", TacticFailure.TACTIC, (1, 6), id="unknown-name"),
        pytest.param(
            "have \U0001d4b3 := h; exact \U0001d4b4 \U0001d4b3",
            TacticFailure.TACTIC,
            (1, 19),
            id="wide-letters",
        ),
        pytest.param("skip\nexact h.3", TacticFailure.TACTIC, (2, 6), id="second-line"),
        pytest.param("exact (h", TacticFailure.SYNTAX, (1, 8), id="open-parenthesis"),
        pytest.param("fooo", TacticFailure.SYNTAX, (1, 1), id="no-tactic"),
        pytest.param("skip /- and so on", TacticFailure.SYNTAX, (1, 17), id="endless-comment"),
        pytest.param("constructor\n· skip", TacticFailure.TACTIC, (2, 0), id="goals-left-inside"),
    ],
)
async def test_a_tactic_that_fails_says_why_and_spoils_nothing(
    runner: Run, tactic: str, kind: TacticFailure, place: tuple[int, int]
) -> None:
    async with runner() as steps:
        failed = (await steps.run((), tactic, ENOUGH)).outcome
        after = await steps.run((), "constructor", ENOUGH)
    assert isinstance(failed, TacticFailed)
    assert (failed.kind, (failed.line, failed.column)) == (kind, place)
    assert failed.message
    assert targets(after.outcome) == ["q", "p"]


@pytest.mark.parametrize("tactic", ["sorry", "exact ⟨sorry, h.1⟩", "admit", "exact sorryAx _ true"])
async def test_giving_up_is_not_finishing(runner: Run, tactic: str) -> None:
    async with runner() as steps:
        assert isinstance((await steps.run((), tactic, ENOUGH)).outcome, ProofGivenUp)


@pytest.mark.parametrize(
    "tactic",
    [
        pytest.param("skip\n\ntheorem u : True := by trivial", id="another-theorem"),
        pytest.param("skip\n\naxiom cheat : False", id="axiom"),
        pytest.param("skip\n\nexample : True := by\n  skip", id="unfinished-example"),
    ],
)
async def test_a_tactic_that_leaves_the_proof_is_no_step(runner: Run, tactic: str) -> None:
    async with runner() as steps:
        outcome = (await steps.run((), tactic, ENOUGH)).outcome
        after = await steps.run((), "constructor", ENOUGH)
    assert isinstance(outcome, TacticFailed)
    assert targets(after.outcome) == ["q", "p"]


async def test_an_endless_tactic_is_stopped_and_the_session_goes_on(runner: Run) -> None:
    async with runner() as steps:
        for _ in range(2):
            stopped = await steps.run((), ENDLESS, LITTLE)
            assert isinstance(stopped.outcome, TacticStopped)
            assert stopped.outcome.reason in (StopReason.CPU_TIME, StopReason.WALL_TIME)
            after = await steps.run((), "constructor", ENOUGH)
            assert targets(after.outcome) == ["q", "p"]


async def test_a_cancelled_tactic_leaves_the_session_usable(runner: Run) -> None:
    async with runner() as steps:
        endless = asyncio.ensure_future(steps.run((), ENDLESS, ENOUGH))
        await asyncio.sleep(0.3)
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        after = await steps.run((), "constructor", ENOUGH)
    assert targets(after.outcome) == ["q", "p"]


async def test_a_tactic_that_eats_memory_is_stopped_and_no_state_is_lost(
    runtime: LeanRuntime,
) -> None:
    steps = ServerRunner(SWAP, runtime, replace(LIMITS, memory_bytes=256 * 1024**2))
    bomb = "set_option maxRecDepth 1000000 in\nset_option maxHeartbeats 0 in\n"
    bomb += "have : 2 ^ 2 ^ 34 = 2 ^ 2 ^ 34 + 0 := by decide"
    grow = "set_option maxHeartbeats 0 in\nrepeat (have x := h; revert x; intro x)"
    try:
        await steps.open()
        await outcomes(steps, "constructor")
        for tactic in (bomb, grow):
            ended = (await steps.run((), tactic, ENOUGH)).outcome
            assert isinstance(ended, TacticStopped | TacticFailed), ended
        after = await steps.run(("constructor",), "exact h.2", ENOUGH)
    finally:
        await steps.close()
    assert targets(after.outcome) == ["p"]


async def test_a_stack_overflow_ends_the_tactic_and_not_the_session(runner: Run) -> None:
    deep = "exact " + "(" * 8000 + "h" + ")" * 8000
    async with runner() as steps:
        ended = (await steps.run((), deep, ENOUGH)).outcome
        after = await steps.run((), "constructor", ENOUGH)
    assert isinstance(ended, TacticStopped | TacticFailed)
    assert targets(after.outcome) == ["q", "p"]


@pytest.mark.parametrize(
    ("theorem", "word"),
    [
        pytest.param(LeanTheorem(name="t", statement=": fooo"), "fooo", id="statement"),
        pytest.param(
            LeanTheorem(preamble="def x := fooo", name="t", statement=": True"),
            "fooo",
            id="preamble",
        ),
        pytest.param(
            LeanTheorem(preamble="import Foo", name="t", statement=": True"), "Foo", id="import"
        ),
    ],
)
async def test_a_theorem_that_lean_refuses_is_the_callers_mistake(
    runner: Run, theorem: LeanTheorem, word: str
) -> None:
    async with runner(theorem, open_it=False) as steps:
        with pytest.raises(InvalidSpec) as refused:
            await steps.open()
    (violation,) = refused.value.violations
    assert violation.field == "theorem"
    assert word in violation.description


async def test_the_context_of_a_theorem_is_there(runner: Run) -> None:
    theorem = LeanTheorem(
        preamble="namespace N\ntheorem two (p : Prop) (h : p) : p ∧ p := ⟨h, h⟩",
        name="N.three",
        statement="(p : Prop) (h : p) : p ∧ p",
    )
    async with runner(theorem) as steps:
        assert await outcomes(steps, "exact two p h") == [Finished()]


async def test_nothing_runs_once_it_is_closed(runner: Run) -> None:
    async with runner() as steps:
        assert steps._server is not None
        endless = asyncio.ensure_future(steps.run((), ENDLESS, ENOUGH))
        await asyncio.sleep(0.3)
        endless.cancel()
        await asyncio.wait({endless})
        server = steps._server
        assert not server._run.ended.done()
    assert server.gone
    assert server._run.ended.done()


async def test_a_step_after_a_costly_one_does_not_pay_for_it_again(runner: Run) -> None:
    costly = "set_option maxRecDepth 100000 in\nhave : ∀ n : Nat, n < 300 → n + 0 = n := by decide"
    async with runner() as steps:
        first = await steps.run((), costly, ENOUGH)
        following = [await steps.run((costly,), "constructor", ENOUGH) for _ in range(3)]
    assert isinstance(first.outcome, Reached)
    assert all(targets(each.outcome) == ["q", "p"] for each in following)
    assert sum(each.cpu_seconds for each in following) < first.cpu_seconds


async def test_a_process_that_is_ended_from_outside_loses_no_state(runner: Run) -> None:
    async with runner() as steps:
        await outcomes(steps, "constructor", "exact h.2")
        assert steps._server is not None
        steps._server._run.kill()
        await asyncio.wait({asyncio.shield(steps._server._run.ended)})
        after = await steps.run(("constructor", "exact h.2"), "exact h.1", ENOUGH)
    assert after.outcome == Finished()
    assert steps.replaced_count == 1


async def test_a_replacement_that_fails_leaves_what_there_is_in_use(
    runner: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> LeanServer:
        raise SandboxLost("There is no jail to be had.")

    async with runner() as steps:
        with monkeypatch.context() as patched:
            patched.setattr(LeanServer, "start", lost)
            await asyncio.wait({steps._replace()})
            after = await steps.run((), "constructor", ENOUGH)
        assert targets(after.outcome) == ["q", "p"]
        await asyncio.wait({steps._replace()})
        before = steps._server
        again = await steps.run(("constructor",), "exact h.2", ENOUGH)
        assert steps._server is not before
    assert targets(again.outcome) == ["p"]


async def test_a_tactic_that_does_not_end_is_ended_with_its_process(
    runner: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_runner, "LINGERING_CPU_SECONDS", 0.0)
    async with runner() as steps:
        before = steps._server
        endless = await steps.run((), ENDLESS, LITTLE)
        assert isinstance(endless.outcome, TacticStopped)
        assert steps._settling is not None
        await asyncio.wait({steps._settling})
        assert before is not None
        assert steps._server is not before or not before.snapshot().runnable
        after = await steps.run((), "constructor", ENOUGH)
    assert targets(after.outcome) == ["q", "p"]


async def test_a_tactic_is_not_blamed_for_what_a_stopped_one_does_to_the_process(
    runner: Run,
) -> None:
    async with runner() as steps:
        await steps.run((), ENDLESS, LITTLE)
        assert steps._company
        assert steps._server is not None
        steps._server._run.kill()
        after = await steps.run((), "constructor", ENOUGH)
    assert targets(after.outcome) == ["q", "p"]
