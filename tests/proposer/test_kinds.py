"""Strategies that ask for candidates take every kind of problem."""

from __future__ import annotations

import pytest

from clients.local import LocalVerifier
from proposer.campaigns.record import CampaignRecord
from proposer.models.scripted import ScriptedModel, in_turn
from proposer.problems import Task, task_from_json
from tests.proposer.support import last_turn, run

GENERAL = ["resample", "self-repair", "mixed", "adaptive", "iad"]


async def lean_task(judge: LocalVerifier) -> Task:
    """A theorem, where the service has a Lean."""
    capabilities = await judge.capabilities()
    if not any("lean_theorem" in one.criteria for one in capabilities.environments):
        pytest.skip("the service has no Lean here: docs/lean-environments.md")
    criterion = {"name": "swap", "statement": "(p q : Prop) (h : p ∧ q) : q ∧ p"}
    statement = "theorem swap (p q : Prop) (h : p ∧ q) : q ∧ p := by\n  sorry"
    line = {"problem": {"problemId": "swap", "leanTheorem": criterion}, "statement": statement}
    return task_from_json(line, "swap")


WRONG_PROOF = "```lean\ntheorem swap (p q : Prop) (h : p ∧ q) : q ∧ p := by\n  exact h\n```"
PROOF = "```lean\ntheorem swap (p q : Prop) (h : p ∧ q) : q ∧ p := by\n  exact ⟨h.2, h.1⟩\n```"


@pytest.mark.parametrize("strategy", GENERAL)
async def test_theorems(judge: LocalVerifier, record: CampaignRecord, strategy: str) -> None:
    task = await lean_task(judge)
    said = iter([WRONG_PROOF, WRONG_PROOF])
    model = ScriptedModel(lambda _: next(said, PROOF))
    progress = await run([task], model, judge, record, strategy=strategy)

    assert progress.states == {"solved": 1}, list(record.judgements("swap"))


async def test_a_repair_of_a_proof_is_told_what_lean_said(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    task = await lean_task(judge)
    model = ScriptedModel(in_turn([WRONG_PROOF, PROOF]))
    await run([task], model, judge, record, strategy="self-repair", options={"width": "1"})

    assert "line 2" in last_turn(model.requests[1])
    assert record.standings()[0].state == "solved"


BROKEN = "```\nall x. (Man(x) -> Mortal(x)\n```"
FORMULAS = "```\nall x. (Man(x) -> Mortal(x))\nMan(socrates)\nMortal(socrates)\n```"


@pytest.mark.parametrize("strategy", GENERAL)
async def test_formalisations(judge: LocalVerifier, record: CampaignRecord, strategy: str) -> None:
    statement = "Premises:\nMen are mortal.\nSocrates is a man.\nConclusion:\nHe is mortal."
    line = {"problem": {"problemId": "q", "logic": {}}, "statement": statement}
    said = iter([BROKEN, BROKEN])
    model = ScriptedModel(lambda _: next(said, FORMULAS))
    progress = await run([task_from_json(line, "q")], model, judge, record, strategy=strategy)

    assert progress.states == {"solved": 1}
