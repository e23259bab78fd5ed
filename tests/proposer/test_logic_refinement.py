"""Translations that are refined, and truth tables beside them, on the real service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from clients.local import LocalVerifier
from clients.truth_tables import MAX_ROWS, table_answer
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.record import CampaignRecord
from proposer.models.scripted import ScriptedModel, in_turn
from proposer.problems import Task, task_from_json
from tests.proposer.support import last_turn, python_task, run
from tests.proposer.test_linc import BROKEN, EXPLODES, NO, YES, question
from verifier_service.model import Entailment

FREE = "```\nMan(x) -> Mortal(x)\nMan(socrates)\nMortal(socrates)\n```"
ASSUMED = "```\nMortal(socrates)\nMan(socrates)\nMortal(socrates)\n```"
FORGETS = "```\nMan(socrates)\nMortal(plato) -> Man(plato)\nMortal(socrates)\n```"
"""Can be read, and has no premise that men are mortal."""
RULE = "all x. (Man(x) -> Mortal(x))\nMan(socrates)\nMortal(socrates)\n"
FACTS = "Man(socrates)\nMortal(socrates)\n"
HOLDS = "```\nMan(socrates) | Mortal(socrates)\nT | T\n```"
FAILS = "```\nMan(socrates) | Mortal(socrates)\nT | F\n```"


@pytest.mark.parametrize(
    ("said", "options", "answer", "asked"),
    [
        pytest.param([YES], {}, "entailed", 1, id="sound-at-once"),
        pytest.param([BROKEN, YES], {}, "entailed", 2, id="unreadable"),
        pytest.param([FREE, YES], {}, "entailed", 2, id="free-variables"),
        pytest.param([EXPLODES, NO], {}, "contradicted", 2, id="contradictory"),
        pytest.param(["", YES], {}, "entailed", 2, id="empty"),
        pytest.param([BROKEN, NO, YES], {"rounds": "0"}, "contradicted", 2, id="next-translation"),
        pytest.param([FREE] * 6, {"samples": "2", "rounds": "2"}, "", 6, id="doubts-stay"),
        pytest.param([BROKEN] * 2, {"samples": "1", "rounds": "1"}, "", 2, id="never-read"),
    ],
)
async def test_faults_are_mended_until_there_is_an_answer(
    judge: LocalVerifier,
    record: CampaignRecord,
    said: Sequence[str],
    options: dict[str, str],
    answer: str,
    asked: int,
) -> None:
    model = ScriptedModel(in_turn(said))
    await run([question()], model, judge, record, strategy="logic-refinement", options=options)
    (standing,) = record.standings()

    assert (standing.answer, standing.state) == (answer, "answered" if answer else "unsolved")
    assert len(model.requests) == asked


@pytest.mark.parametrize(
    ("first", "told"),
    [
        pytest.param(
            BROKEN,
            "\nline 1: all x. (Man(x) -> Mortal(x)\n               ^\nThe bracket `(` is never",
            id="bracket",
        ),
        pytest.param(
            FREE, "\nline 1: Man(x) -> Mortal(x)\n        ^^^^^^^^^^^^^^^^^^^\nNothing binds `x`.",
            id="variable",
        ),
        pytest.param(EXPLODES, "\n  Man(socrates)\n  -Man(socrates)\n", id="contradiction"),
        pytest.param(ASSUMED, "\nline 1: Mortal(socrates)\n", id="conclusion-assumed"),
        pytest.param("", "no formulas", id="empty"),
    ],
)  # fmt: skip
async def test_each_fault_is_shown_at_its_place(
    judge: LocalVerifier, record: CampaignRecord, first: str, told: str
) -> None:
    assert told in await told_of(judge, record, first, question())


async def test_the_model_is_not_told_where_a_repair_leads(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    told = await told_of(judge, record, FREE, question())
    doubted = next(kept for kept in record.judgements("q") if kept.reason == "free-variables")

    assert b"Then the answer is: entailed" in (doubted.verdict or b"")  # callers are told
    assert "answer" not in told
    assert "entailed" not in told


async def test_a_translation_with_another_answer_than_expected_is_not_refined_towards_it(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    line = dict(question().source)
    line["problem"] = {"problemId": "q", "logic": {"expected": "ENTAILMENT_CONTRADICTED"}}
    model = ScriptedModel(lambda _: YES)
    await run(
        [task_from_json(line, "q")], model, judge, record, strategy="logic-refinement"
    )  # fmt: skip

    assert record.standings()[0].answer == "entailed"
    assert len(model.requests) == 1


async def test_a_refinement_that_is_worse_is_not_gone_on_from(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([FREE, BROKEN, YES]))
    await run([question()], model, judge, record, strategy="logic-refinement")

    assert "Nothing binds `x`" in last_turn(model.requests[2])
    assert record.standings()[0].answer == "entailed"


async def test_what_is_no_question_of_logic_gets_no_answer(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    task = python_task("add", "Write add(a, b).", "assert add(1, 2) == 3")
    model = ScriptedModel(lambda _: YES)
    progress = await run([task], model, judge, record, strategy="logic-refinement")

    assert progress.states == {"unsolved": 1}


@pytest.mark.parametrize(
    ("formulas", "table", "answer"),
    [
        (RULE, "Man(socrates) | Mortal(socrates)\nT | T", Entailment.ENTAILED),
        (FACTS, "| Mortal(socrates) |\n|---|\n| T |", Entailment.ENTAILED),
        (FACTS, "| Mortal(socrates) |\n|---|\n| F |", Entailment.CONTRADICTED),
        (FACTS, "| Mortal(socrates) |\n|---|\n| F |\n| T |", Entailment.INDEPENDENT),
        (FACTS, "| Man(socrates) |\n|---|\n| T |", Entailment.INDEPENDENT),
        pytest.param(
            RULE, "Man(socrates) | Mortal(socrates)\nT | F", Entailment.UNKNOWN, id="excluded"
        ),
        pytest.param(
            FACTS,
            "Man(socrates) | Mortal(socrates)\nF | T\nT | T",
            Entailment.UNKNOWN,
            id="one-row-excluded",
        ),
        pytest.param(FACTS, "| Mortal(socrates) |", Entailment.UNKNOWN, id="no-rows"),
        pytest.param(
            FACTS,
            "| Mortal(socrates) |\n" + "| T |\n" * (MAX_ROWS + 1),
            Entailment.UNKNOWN,
            id="too-many-rows",
        ),
        pytest.param(FACTS, "It is true.", Entailment.UNKNOWN, id="no-table"),
        pytest.param("Man(", "| Man(a) |\n| T |", Entailment.UNKNOWN, id="no-formulas"),
        pytest.param("P(f(a))\nP(a)\n", "| P(a) |\n| T |", Entailment.UNKNOWN, id="functions"),
    ],
)
def test_a_table_says_what_its_rows_do(formulas: str, table: str, answer: Entailment) -> None:
    assert table_answer(formulas, table) is answer


@pytest.mark.parametrize(
    ("said", "samples", "answer", "asked"),
    [
        pytest.param([YES, HOLDS], 1, "entailed", 2, id="agree"),
        pytest.param([FORGETS, HOLDS, FORGETS, HOLDS, YES, HOLDS], 3, "entailed", 6, id="forgets"),
        pytest.param([YES, FAILS], 1, "entailed", 2, id="table-does-not-fit"),
        pytest.param([NO, "no table"], 1, "contradicted", 2, id="no-table"),
        pytest.param([BROKEN, YES, HOLDS], 1, "entailed", 3, id="refined-first"),
        pytest.param([BROKEN, BROKEN], 1, "", 2, id="nothing-to-tabulate"),
        pytest.param([YES, HOLDS] * 2 + [NO, FAILS], 3, "entailed", 4, id="ends-early"),
    ],
)
async def test_translations_and_tables_vote(
    judge: LocalVerifier,
    record: CampaignRecord,
    said: Sequence[str],
    samples: int,
    answer: str,
    asked: int,
) -> None:
    model = ScriptedModel(in_turn(said))
    options = {"samples": str(samples), "width": "1"}
    await run([question()], model, judge, record, strategy="mixture", options=options)
    (standing,) = record.standings()

    assert (standing.answer, standing.state) == (answer, "answered" if answer else "unsolved")
    assert len(model.requests) == asked


async def test_tables_know_what_a_translation_forgets(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    said = [FORGETS, HOLDS, FORGETS, FAILS, FORGETS, HOLDS, YES, HOLDS]
    options = {"samples": "4", "width": "1"}
    model = ScriptedModel(in_turn(said))
    await run([question()], model, judge, record, strategy="mixture", options=options)
    by_translations = ScriptedModel(in_turn(said[::2]))
    with CampaignRecord(":memory:") as alone:
        await run([question()], by_translations, judge, alone, strategy="linc", options=options)

        assert alone.standings()[0].answer == "independent"
    assert record.standings()[0].answer == "entailed"


async def test_a_translation_votes_without_a_table_that_can_not_be_paid(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(lambda _: NO)
    one = replace(UNLIMITED, samples=1)
    await run([question()], model, judge, record, strategy="mixture", budget=one)

    assert record.standings()[0].answer == "contradicted"


async def told_of(judge: LocalVerifier, record: CampaignRecord, first: str, task: Task) -> str:
    """What the model is told of its first answer."""
    model = ScriptedModel(in_turn([first, YES]))
    await run([task], model, judge, record, strategy="logic-refinement")
    return last_turn(model.requests[1])
