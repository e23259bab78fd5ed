"""Other tools behind the interface of sessions, answering as they were recorded to."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sandboxes.lean.steps.pantograph import pantograph_runner
from sandboxes.lean.steps.repl import outcome_of, repl_runner
from sandboxes.lean.steps.runner import Finished, Reached, TacticLimits
from sandboxes.lean.steps.tools import ToolLost, ToolRunner
from tests.lean.steps.conftest import SWAP
from verifier_service.model import CriterionUnavailable, InvalidSpec
from verifier_service.model.lean_steps import (
    ProofGivenUp,
    StopReason,
    TacticFailed,
    TacticFailure,
    TacticStopped,
)

RECORDINGS = Path(__file__).parent / "recordings"
ENOUGH = TacticLimits(wall_seconds=60, cpu_seconds=60)
SHORT = TacticLimits(wall_seconds=0.5, cpu_seconds=60)


def replaying(tool: str, count: Path | None = None, recording: Path | None = None) -> ToolRunner:
    make = {"repl": repl_runner, "pantograph": pantograph_runner}[tool]
    command = [
        sys.executable,
        str(RECORDINGS / "replay.py"),
        tool,
        str(recording or RECORDINGS / f"{tool}.json"),
        *([str(count)] if count else []),
    ]
    if tool == "repl":
        return make(SWAP, command)
    return make(SWAP, [*command, *([] if count else ["/dev/null"])])


REPL_STEPS = [
    pytest.param((), "foo", TacticFailed, TacticFailure.SYNTAX, id="parser"),
    pytest.param((), "exact 3", TacticFailed, TacticFailure.TACTIC, id="elaborator"),
    pytest.param(
        ("cases 1", "rfl"),
        "have: true := by\n  apply ?succ\n  trivial",
        TacticFailed,
        TacticFailure.KERNEL,
        id="kernel",
    ),
    pytest.param(("cases 1",), "all_goals sorry", ProofGivenUp, None, id="sorry"),
    pytest.param(("cases 1", "rfl"), "exact done", Finished, None, id="completed"),
    pytest.param(("cases 1",), "rfl", Reached, None, id="goals"),
]


@pytest.mark.parametrize(("path", "tactic", "kind", "failure"), REPL_STEPS)
async def test_what_the_repl_says(
    path: tuple[str, ...], tactic: str, kind: type[object], failure: TacticFailure | None
) -> None:
    runner = replaying("repl")
    try:
        root = await runner.open()
        outcome = (await runner.run(path, tactic, ENOUGH)).outcome
    finally:
        await runner.close()
    assert [goal.text for goal in root.goals] == ["⊢ 1 = 0"]
    assert isinstance(outcome, kind)
    if isinstance(outcome, TacticFailed):
        assert outcome.kind is failure
        assert outcome.message


async def test_goals_of_the_repl_know_their_cases() -> None:
    runner = replaying("repl")
    try:
        await runner.open()
        outcome = (await runner.run((), "cases 1", ENOUGH)).outcome
    finally:
        await runner.close()
    assert isinstance(outcome, Reached)
    assert [goal.case for goal in outcome.goals] == ["zero", "succ"]


async def test_pantograph_s_goals_are_printed_as_lean_prints_them() -> None:
    runner = replaying("pantograph")
    try:
        root = await runner.open()
        split = (await runner.run((), "constructor", ENOUGH)).outcome
        last = (await runner.run(("constructor", "exact h.2"), "exact h.1", ENOUGH)).outcome
    finally:
        await runner.close()
    assert root.goals[0].text == "p : Prop\nq : Prop\nh : p ∧ q\n⊢ q ∧ p"
    assert isinstance(split, Reached)
    assert split.goals[0].text.startswith("case left\np : Prop\n")
    assert last == Finished()


@pytest.mark.parametrize(
    ("path", "tactic", "kind"),
    [
        pytest.param((), "exact foo", TacticFailed, id="elaborator"),
        pytest.param((), "exact (", TacticFailed, id="parser"),
        pytest.param(("constructor", "exact h.2"), "sorry", ProofGivenUp, id="sorry"),
    ],
)
async def test_what_pantograph_says(path: tuple[str, ...], tactic: str, kind: type[object]) -> None:
    runner = replaying("pantograph")
    try:
        await runner.open()
        assert isinstance((await runner.run(path, tactic, ENOUGH)).outcome, kind)
    finally:
        await runner.close()


@pytest.mark.parametrize(
    ("tactic", "reason"),
    [
        pytest.param("not recorded", StopReason.CRASHED, id="crash"),
        pytest.param("hang", StopReason.WALL_TIME, id="hang"),
    ],
)
@pytest.mark.parametrize(
    ("tool", "path", "then"),
    [
        pytest.param("repl", ("cases 1",), "rfl", id="repl"),
        pytest.param("pantograph", ("constructor",), "exact h.2", id="pantograph"),
    ],
)
async def test_a_tool_that_is_lost_is_started_again_and_states_stay_good(
    tmp_path: Path, tool: str, path: tuple[str, ...], then: str, tactic: str, reason: StopReason
) -> None:
    count = tmp_path / "count"
    runner = replaying(tool, count)
    try:
        await runner.open()
        before = (await runner.run((), path[0], ENOUGH)).outcome
        lost = (await runner.run(path, tactic, SHORT)).outcome
        after = (await runner.run(path, then, ENOUGH)).outcome
    finally:
        await runner.close()
    assert isinstance(before, Reached)
    assert lost == TacticStopped(reason=reason)
    assert isinstance(after, Reached)
    assert count.read_text() == "started\n" * 2


async def test_a_cancelled_tactic_leaves_nothing_running(tmp_path: Path) -> None:
    runner = replaying("repl")
    await runner.open()
    assert runner._now is not None
    life: Any = runner._now.life
    hanging = asyncio.ensure_future(runner.run((), "hang", ENOUGH))
    await asyncio.sleep(0.2)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert life._process._process.returncode is not None
    assert isinstance((await runner.run((), "cases 1", ENOUGH)).outcome, Reached)
    await runner.close()


async def test_a_theorem_that_the_repl_refuses_is_the_callers_mistake(tmp_path: Path) -> None:
    refused = [
        {
            "request": {"cmd": "x"},
            "answer": {"env": 0, "messages": [{"severity": "error", "data": "unknown foo"}]},
        }
    ]
    recording = tmp_path / "refused.json"
    recording.write_text(json.dumps(refused))
    with pytest.raises(InvalidSpec, match="unknown foo"):
        await replaying("repl", recording=recording).open()


@pytest.mark.parametrize("make", [repl_runner, pantograph_runner])
async def test_a_program_that_is_not_there_says_so(make: Any) -> None:
    with pytest.raises(CriterionUnavailable, match="/nowhere/repl can't be started"):
        await make(SWAP, ["/nowhere/repl"]).open()


@pytest.mark.parametrize("answer", [{}, {"goals": 5}, {"goals": None}])
def test_nonsense_is_no_outcome(answer: dict[str, Any]) -> None:
    with pytest.raises(ToolLost):
        outcome_of(answer)
