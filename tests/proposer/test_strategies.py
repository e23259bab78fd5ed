"""What each strategy asks for, on the real service, with models that follow scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.apollo import lean_task
from clients.local import LocalVerifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.record import CampaignRecord
from proposer.models import Chat, Request
from proposer.models.scripted import ScriptedModel, in_turn
from proposer.problems import Task, task_from_json
from proposer.prompts import load_template, template_names
from proposer.strategies import STRATEGIES, InvalidOption, make_strategy, options_of
from proposer.strategies.adaptive import Arm
from tests.proposer.support import RIGHT, WRONG, adding, last_turn, run
from verifier_service.model import LeanTheorem


def turns(request: Request) -> list[str]:
    assert isinstance(request.prompt, Chat)
    return [message.content for message in request.prompt.messages]


async def test_a_repair_continues_the_chat_and_holds_what_was_found(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([WRONG, RIGHT]))
    await run([adding()], model, judge, record, strategy="self-repair", options={"width": "1"})
    first, second = map(turns, model.requests)

    assert second[: len(first)] == first
    assert second[len(first)] == WRONG
    assert "add(1, 2): got -1, wanted == 3" in second[-1]
    assert record.standings()[0].answer_place == "0/repair-0"


async def test_a_chain_is_given_up_after_its_rounds(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([WRONG, WRONG, WRONG, RIGHT]))
    options = {"width": "1", "rounds": "2"}
    await run([adding()], model, judge, record, strategy="self-repair", options=options)

    assert [len(turns(request)) for request in model.requests] == [2, 4, 6, 2]
    assert record.standings()[0].answer_place == "1"


async def test_mixed_draws_all_fresh_samples_before_it_repairs(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([WRONG] * 4 + [RIGHT]))
    options = {"fresh": "3", "repairs": "2", "width": "1"}
    await run([adding()], model, judge, record, strategy="mixed", options=options)

    assert [len(turns(request)) for request in model.requests] == [2, 2, 2, 4, 4]
    assert record.standings()[0].answer_place == "0/repair-1"


async def test_temperatures_change_as_scheduled(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(lambda _: WRONG)
    options = {"samples": "4", "width": "1", "final_temperature": "1.4", "schedule": "3"}
    await run([adding()], model, judge, record, options=options)

    heats = [round(request.sampling.temperature, 3) for request in model.requests]
    assert heats == [0.8, 1.1, 1.4, 1.4]


def helped_by(arm: str) -> ScriptedModel:
    """A model whose fresh samples fail, and which only this way to go on helps."""

    def script(request: Request) -> str:
        said = turns(request)
        used = "repair" if len(said) > 2 else "example" if "An earlier" in said[-1] else "fresh"
        return RIGHT if used == arm else WRONG

    return ScriptedModel(script)


@pytest.mark.parametrize("arm", ["repair", "example"])
async def test_adaptive_learns_what_helps(
    judge: LocalVerifier, record: CampaignRecord, arm: str
) -> None:
    tasks = [adding(str(number)) for number in range(40)]
    model = helped_by(arm)
    few = replace(UNLIMITED, samples=8)
    progress = await run(
        tasks,
        model,
        judge,
        record,
        strategy="adaptive",
        options={"width": "1"},
        budget=few,
        problems_at_once=1,
    )
    late = [
        kept.place.split("/")[-1] for task in tasks[20:] for kept in record.samples(task.problem_id)
    ]
    counts = Counter(late)

    assert progress.states["solved"] >= 35
    assert counts[arm] > counts[({"repair", "example"} - {arm}).pop()]


def test_an_arm_is_worth_its_acceptances_per_token() -> None:
    good, dear = (
        Arm(accepted=500, rejected=500, tokens=10_000),
        Arm(accepted=500, rejected=500, tokens=100_000),
    )

    assert all(good.draw() > dear.draw() for _ in range(100))


async def test_refining_shows_the_best_and_the_latest(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    tests = "assert add(1, 2) == 3\nassert add(2, 2) == 4\nassert add(0, 0) == 0"
    code = {"code": {"source": tests}, "keepGoing": True}
    line = {"problem": {"problemId": "add", "pythonTests": code}, "statement": "Write add(a, b)."}
    task = task_from_json(line, "add")
    said = [_adding("a * b"), _adding("a - b"), _adding("5"), _adding("a + b")]
    model = ScriptedModel(in_turn(said))
    await run([task], model, judge, record, strategy="iad", options={"branches": "1"})
    shown = last_turn(model.requests[3])

    # a * b passes two of three cases and a - b one, so that it stays the best.
    assert "return a * b" in shown.partition("The latest program:")[0]
    assert "return 5" in shown.partition("The latest program:")[2]


def _adding(expression: str) -> str:
    return f"```python\ndef add(a, b):\n    return {expression}\n```"


def sum_question() -> Task:
    cases = {"stdio": {"cases": [{"stdin": "", "stdout": "42\n"}]}}
    line = {
        "problem": {"problemId": "q", "pythonTests": cases},
        "statement": "What is 6 times 7?",
    }
    return task_from_json(line, "q")


def printing(text: str) -> str:
    return f"```python\nprint({text})\n```"


@pytest.mark.parametrize(
    ("said", "options", "state", "place"),
    [
        (["6 * 7", "6 + 7", "42"], {"samples": "3"}, "solved", "0"),
        (["6 + 7", "42", "13"], {"samples": "3"}, "unsolved", ""),
        (["1 / 0", "1 / 0", "42"], {"samples": "3"}, "solved", "2"),
        (["1 / 0"], {"samples": "1"}, "unsolved", ""),
    ],
    ids=["majority", "wrong-majority", "what-fails-has-no-vote", "nothing-runs"],
)
async def test_programs_vote_by_what_they_print(
    judge: LocalVerifier,
    record: CampaignRecord,
    said: Sequence[str],
    options: dict[str, str],
    state: str,
    place: str,
) -> None:
    model = ScriptedModel(in_turn(map(printing, said)))
    await run([sum_question()], model, judge, record, strategy="pal", options=options)
    (standing,) = record.standings()

    assert (standing.state, standing.answer_place) == (state, place)


async def test_checks_weigh_votes(judge: LocalVerifier, record: CampaignRecord) -> None:
    def script(request: Request) -> str:
        if len(turns(request)) > 2:
            return printing("True" if "\n\n42\n\n" in last_turn(request) else "False")
        return printing("42" if next(numbers) == 0 else "13")

    numbers = iter(range(3))
    options = {"samples": "3", "verify": "true"}
    await run(
        [sum_question()], ScriptedModel(script), judge, record, strategy="pal", options=options
    )

    assert record.standings()[0].state == "solved"  # 1 against 0.2 + 0.2


async def test_a_program_that_prints_what_a_run_is_told_gains_nothing(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    cheat = printing("'(what it prints is read, not judged)'")
    progress = await run(
        [sum_question()], ScriptedModel(lambda _: cheat), judge, record, strategy="pal"
    )

    assert progress.states == {"unsolved": 1}


async def test_rules_become_programs(judge: LocalVerifier, record: CampaignRecord) -> None:
    def script(request: Request) -> str:
        asked = last_turn(request)
        if "The rule is:\n\nadd them" in asked:
            return RIGHT
        if "The rule is:" in asked or "failed" in asked:
            return WRONG
        return next(rules)

    rules = iter(["subtract them", "add them"])
    options = {"hypotheses": "2", "programs": "1"}
    model = ScriptedModel(script)
    await run([adding()], model, judge, record, strategy="hypothesis-search", options=options)

    assert record.standings()[0].answer_place == "1/0"


@pytest.mark.parametrize("name", STRATEGIES)
async def test_a_strategy_ends_at_its_budget(
    judge: LocalVerifier, record: CampaignRecord, name: str
) -> None:
    few = replace(UNLIMITED, samples=4)
    model = ScriptedModel(lambda _: WRONG)
    proves = hasattr(STRATEGIES[name], "criterion")
    unprovable = LeanTheorem(name="any", statement="(p : Prop) : p")
    task = lean_task(unprovable, "any") if proves else adding()
    progress = await run([task], model, judge, record, strategy=name, budget=few)

    assert progress.ended == 1
    assert progress.states["solved"] == 0
    assert progress.spent.samples <= 4


@pytest.mark.parametrize("name", STRATEGIES)
def test_options_are_written_as_they_are_read(name: str) -> None:
    options = options_of(make_strategy(name))
    texts = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in options.items()
    }

    assert options_of(make_strategy(name, texts)) == options


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("luck", {}, "There are resample,"),
        ("resample", {"sample": "3"}, "It has: final_temperature, samples, schedule, width"),
        ("resample", {"samples": "many"}, "of type int"),
        ("pal", {"verify": "perhaps"}, "of type bool"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    name: str, options: dict[str, str], told: str
) -> None:
    with pytest.raises(InvalidOption, match=told):
        make_strategy(name, options)


@pytest.mark.parametrize("name", template_names())
def test_templates_end_with_a_turn_of_the_user(name: str) -> None:
    template = load_template(name)

    assert template.turns[-1][0] == "user"
    assert bool(template.opening) == bool(template.closing)


def test_what_is_filled_in_is_left_as_it_is() -> None:
    chat = load_template("python/solve.1").filled(statement="$HOME costs $$5", examples="")

    assert chat.messages[-1].content == "$HOME costs $$5"
