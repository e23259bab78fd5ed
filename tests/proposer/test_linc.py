"""LINC's vote, on the real service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clients.local import LocalVerifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.record import CampaignRecord
from proposer.extraction import formulas
from proposer.models.scripted import ScriptedModel, in_turn
from proposer.problems import Task, task_from_json
from proposer.strategies import InvalidOption, make_strategy
from proposer.strategies.linc import calibration_from_json, calibration_json
from tests.proposer.support import run
from verifier_service.model import Entailment
from verifier_service.voting import Calibration

YES = "```\nall x. (Man(x) -> Mortal(x))\nMan(socrates)\nMortal(socrates)\n```"
NO = "```\nall x. (Man(x) -> -Mortal(x))\nMan(socrates)\nMortal(socrates)\n```"
OPEN = "```\nMan(socrates) & Old(socrates)\nMortal(socrates) | -Old(socrates)\n```"
BROKEN = "```\nall x. (Man(x) -> Mortal(x)\n```"
EXPLODES = "```\nMan(socrates)\n-Man(socrates)\nMan(socrates) -> Mortal(socrates)\n```"
QUOTED = """TEXT:\tMen are mortal.
FOL:\tall x. (Man(x) -> Mortal(x))
FOL:\tMan(socrates)
FOL:\tMortal(socrates)
"""


def question() -> Task:
    statement = "Premises:\nMen are mortal.\nSocrates is a man.\nConclusion:\nHe is mortal."
    return task_from_json({"problem": {"problemId": "q", "logic": {}}, "statement": statement}, "q")


@pytest.mark.parametrize(
    ("said", "options", "answer", "asked"),
    [
        pytest.param([YES, NO, NO], {"width": "3"}, "contradicted", 3, id="majority"),
        pytest.param([YES, NO, QUOTED], {"width": "3"}, "entailed", 3, id="first-of-equals"),
        pytest.param([YES, YES, NO, NO], {"samples": "3", "width": "1"}, "entailed", 2, id="early"),
        pytest.param([BROKEN, "", OPEN, BROKEN], {"samples": "3"}, "independent", 3, id="unread"),
        pytest.param([BROKEN] * 3, {"samples": "3"}, "", 3, id="nothing-said"),
        pytest.param([EXPLODES] * 2, {"samples": "2"}, "", 2, id="contradictory"),
        pytest.param([EXPLODES] * 2, {"samples": "2", "rule": "linc"}, "entailed", 2, id="as-linc"),
        pytest.param([BROKEN, YES], {"samples": "1", "repairs": "2"}, "entailed", 2, id="repaired"),
    ],
)
async def test_translations_vote(
    judge: LocalVerifier,
    record: CampaignRecord,
    said: Sequence[str],
    options: dict[str, str],
    answer: str,
    asked: int,
) -> None:
    given = {"samples": str(len(said)), **options}
    model = ScriptedModel(in_turn(said))
    await run([question()], model, judge, record, strategy="linc", options=given)
    (standing,) = record.standings()

    assert (standing.answer, standing.state) == (answer, "answered" if answer else "unsolved")
    assert len(model.requests) == asked


async def test_a_vote_is_no_acceptance(judge: LocalVerifier, record: CampaignRecord) -> None:
    model = ScriptedModel(lambda _: YES)
    progress = await run([question()], model, judge, record, strategy="linc")

    assert progress.states == {"answered": 1}
    assert progress.solved_rate is None


async def test_what_was_voted_counts_when_the_budget_ends(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    few = replace(UNLIMITED, samples=3)
    model = ScriptedModel(lambda _: NO)
    await run([question()], model, judge, record, strategy="linc", budget=few)

    assert record.standings()[0].answer == "contradicted"


async def test_a_repair_is_told_where_it_can_not_be_read(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([BROKEN, YES]))
    options = {"samples": "1", "repairs": "1"}
    await run([question()], model, judge, record, strategy="linc", options=options)
    turn = model.requests[1].prompt.messages[-1].content  # type: ignore[union-attr]

    assert "line 1" in turn


async def test_votes_are_weighed_by_what_they_were_worth(
    judge: LocalVerifier, record: CampaignRecord, tmp_path: Path
) -> None:
    open_, yes, no = Entailment.INDEPENDENT, Entailment.ENTAILED, Entailment.CONTRADICTED
    known = [(yes, [open_] * 6 + [yes] * 4), (no, [open_] * 6 + [no] * 4), (open_, [open_] * 10)]
    weights = Calibration.fitted(known * 10)
    (tmp_path / "weights.json").write_text(calibration_json(weights))
    options = {
        "rule": "calibrated",
        "calibration": str(tmp_path / "weights.json"),
        "samples": "5",
    }
    model = ScriptedModel(in_turn([OPEN, YES, OPEN, YES, OPEN]))
    await run([question()], model, judge, record, strategy="linc", options=options)

    assert record.standings()[0].answer == "entailed"


def test_a_calibration_is_read_as_it_was_written() -> None:
    weights = Calibration.fitted([(Entailment.ENTAILED, [Entailment.UNKNOWN])])

    assert calibration_from_json(calibration_json(weights)).posterior([]) == weights.posterior([])
    with pytest.raises(ValueError, match="no calibration"):
        calibration_from_json("{}")


@pytest.mark.parametrize("options", [{"rule": "luck"}, {"rule": "calibrated"}, {"samples": "x"}])
def test_options_that_can_not_work_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InvalidOption):
        make_strategy("linc", options)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (QUOTED, "all x. (Man(x) -> Mortal(x))\nMan(socrates)\nMortal(socrates)\n"),
        ("```\nP(a)\n```\nor rather\n```fol\nQ(a)\n```", "Q(a)\n"),
        ("```\nP(a)", "P(a)\n"),
        ("P(a)\nQ(a)", "P(a)\nQ(a)\n"),
        ("", None),
    ],
)
def test_formulas_are_found(text: str, found: str | None) -> None:
    assert formulas(text) == found
