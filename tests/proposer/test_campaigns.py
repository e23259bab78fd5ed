"""Campaigns on the real service, with models that follow scripts."""

from __future__ import annotations

from clients.local import LocalVerifier
from proposer.campaigns.record import CampaignRecord
from proposer.models.scripted import ScriptedModel, in_turn
from tests.proposer.support import RIGHT, WRONG, adding, run


async def test_the_first_accepted_sample_solves(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([WRONG, RIGHT]))
    progress = await run([adding()], model, judge, record, options={"width": "1"})
    (standing,) = record.standings()

    assert progress.states == {"solved": 1}
    assert (standing.state, standing.answer_place) == ("solved", "1")
    assert standing.answer == "def add(a, b):\n    return a + b\n"
    assert [kept.outcome for kept in record.judgements("add")] == ["REJECTED", "ACCEPTED"]
