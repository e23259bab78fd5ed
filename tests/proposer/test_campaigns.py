"""Campaigns on the real service, with models that follow scripts."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clients.local import LocalVerifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.export import export_lines
from proposer.campaigns.record import CampaignRecord, RecordError
from proposer.models import (
    BrokenAnswer,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    Request,
    Sampling,
)
from proposer.models.recordings import ReplayingModel
from proposer.models.scripted import Reply, ScriptedModel, in_turn
from proposer.problems import InvalidProblems
from tests.proposer.support import RIGHT, WRONG, adding, campaign, run
from verifier_service.model import Outcome, RequestedLimits, SandboxLost, Verdict

ONE = {"width": "1"}


def say(text: str) -> ScriptedModel:
    return ScriptedModel(lambda _: text)


async def test_the_first_accepted_sample_solves(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([WRONG, RIGHT]))
    progress = await run([adding()], model, judge, record, options=ONE)
    (standing,) = record.standings()

    assert progress.states == {"solved": 1}
    assert (standing.state, standing.answer_place) == ("solved", "1")
    assert standing.answer == "def add(a, b):\n    return a + b\n"
    assert [kept.outcome for kept in record.judgements("add")] == ["REJECTED", "ACCEPTED"]


async def test_a_solved_problem_cancels_what_still_decodes(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    begun, cancelled = 0, 0

    class Slow(ScriptedModel):
        async def complete(self, request: Request) -> Any:
            nonlocal begun, cancelled
            begun += 1
            if begun == 1:
                return await super().complete(request)
            try:
                await asyncio.Event().wait()  # decodes for ever
            except asyncio.CancelledError:
                cancelled += 1
                raise

    progress = await run([adding()], Slow(lambda _: RIGHT), judge, record, options={"width": "4"})
    states = Counter(kept.state for kept in record.samples("add"))

    assert progress.states == {"solved": 1}
    assert (begun, cancelled) == (4, 3)
    assert states == {"complete": 1, "cancelled": 3}


@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        pytest.param("", "NO_CANDIDATE", "empty-completion", id="empty"),
        pytest.param("I can't do that.", "NO_CANDIDATE", "no-candidate", id="prose"),
        pytest.param("```python\n\0\n```", "REJECTED", "", id="nul"),
        pytest.param("```python\n\u202e\ud7ff((((\n```", "REJECTED", "", id="garbage"),
        pytest.param("```\n" + "😀" * 500_000, "UNUSABLE", "", id="more-than-the-service-takes"),
        pytest.param("```\n" + "#" * (1 << 21), "NO_CANDIDATE", "no-candidate", id="endless"),
    ],
)
async def test_what_is_no_candidate_is_recorded_with_its_reason(
    judge: LocalVerifier, record: CampaignRecord, said: str, outcome: str, reason: str
) -> None:
    options = {"width": "1", "samples": "1"}
    progress = await run([adding()], say(said), judge, record, options=options)
    (kept,) = record.judgements("add")

    assert progress.states == {"unsolved": 1}
    assert kept.outcome == outcome
    assert reason in ("", kept.reason)
    assert kept.message


@pytest.mark.parametrize(
    ("errors", "state", "reason"),
    [
        pytest.param([ModelBusy("429", retry_after_seconds=0)], "solved", "", id="429"),
        pytest.param([BrokenAnswer("cut")] * 2, "solved", "", id="truncated-twice"),
        pytest.param(
            [ModelUnreachable("gone")] * 3, "failed", "model-unreachable", id="dead-endpoint"
        ),
        pytest.param([BrokenAnswer("cut")] * 3, "failed", "model-broken-answer", id="truncated"),
        pytest.param([ModelRefused("too long")], "failed", "model-refused", id="refused"),
    ],
)
async def test_trouble_of_the_model_is_tried_again_and_recorded(
    judge: LocalVerifier,
    record: CampaignRecord,
    errors: list[ModelError],
    state: str,
    reason: str,
) -> None:
    model = ScriptedModel(in_turn([*errors, RIGHT]))
    await run([adding()], model, judge, record, options=ONE)
    (standing,) = record.standings()
    (kept,) = record.samples("add")

    assert (standing.state, standing.reason) == (state, reason)
    assert kept.failures == tuple(f"{error.reason}: {error}" for error in errors)


async def test_a_dead_endpoint_ends_the_campaign_and_the_rest_stays_open(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    tasks = [adding(str(number)) for number in range(20)]
    dead = ScriptedModel(lambda _: ModelUnreachable("Nobody is there."))
    with pytest.raises(ModelUnreachable):
        await run(tasks, dead, judge, record, options=ONE, problems_at_once=1)

    assert Counter(one.state for one in record.standings()) == {"failed": 3, "pending": 17}

    progress = await run(tasks, say(RIGHT), judge, record, options=ONE)
    assert progress.states == {"solved": 20}


class _Lost:
    """A service that has lost its sandbox."""

    async def verify(self, *_: Any, **__: Any) -> Verdict:
        raise SandboxLost("The sandbox is gone.")


async def test_trouble_of_the_service_is_no_verdict(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    await run([adding()], say(RIGHT), _Lost(), record, options=ONE)
    (standing,) = record.standings()
    (kept,) = record.judgements("add")

    assert (standing.state, standing.reason) == ("failed", "service-sandbox-lost")
    assert (kept.outcome, kept.verdict) == ("ERROR", None)

    asked_again = ScriptedModel(in_turn([]))  # the sample is there, and is judged now
    progress = await run([adding()], asked_again, judge, record, options=ONE)
    assert progress.states == {"solved": 1}


async def test_a_problem_that_the_service_refuses_costs_one_sample(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    task = adding()
    spec = replace(task.spec, limits=RequestedLimits(cpu_seconds=99999))
    options = {"width": "1"}
    await run([replace(task, spec=spec)], say(RIGHT), judge, record, options=options)
    (standing,) = record.standings()

    assert (standing.state, standing.reason) == ("failed", "service-invalid-spec")
    assert "cpu_time" in standing.message
    assert len(list(record.samples("add"))) == 1


class _Unsure:
    """A service that can't tell."""

    async def verify(self, *_: Any, **__: Any) -> Verdict:
        return Verdict(outcome=Outcome.INCONCLUSIVE, reason="overloaded", summary="Busy.")


@pytest.mark.parametrize("strategy", ["resample", "self-repair", "mixed", "adaptive", "iad"])
async def test_an_inconclusive_verdict_solves_nothing_and_is_not_repaired(
    record: CampaignRecord, strategy: str
) -> None:
    model = say(RIGHT)
    few = replace(UNLIMITED, samples=6)
    progress = await run([adding()], model, _Unsure(), record, strategy=strategy, budget=few)

    assert progress.states == {"unsolved": 1}
    if strategy != "iad":
        assert {len(asked.prompt.messages) for asked in model.requests} == {2}  # type: ignore[union-attr]


async def test_budgets_are_never_exceeded(judge: LocalVerifier, record: CampaignRecord) -> None:
    tasks = [adding(str(number)) for number in range(3)]
    progress = await run(
        tasks,
        say(WRONG),
        judge,
        record,
        budget=replace(UNLIMITED, samples=5),
        total_budget=replace(UNLIMITED, samples=12),
    )
    counts = [len(list(record.samples(task.problem_id))) for task in tasks]

    assert sum(counts) == 12
    assert max(counts) <= 5
    assert progress.spent.samples == 12
    assert {one.reason for one in record.standings()} == {"budget-spent"}


async def test_tokens_are_set_aside_before_they_are_spent(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    told = len(WRONG.split())
    budget = replace(UNLIMITED, tokens=100 + 2 * told)
    sampling = Sampling(max_tokens=100)
    progress = await run([adding()], say(WRONG), judge, record, budget=budget, sampling=sampling)

    assert progress.spent.samples == 3
    assert progress.spent.tokens == 3 * told <= budget.tokens


async def test_more_budget_opens_a_problem_again(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    few, more = (replace(UNLIMITED, samples=count) for count in (2, 3))
    await run([adding()], say(WRONG), judge, record, options=ONE, budget=few)
    model = ScriptedModel(in_turn([RIGHT]))
    progress = await run([adding()], model, judge, record, options=ONE, budget=more)

    assert progress.states == {"solved": 1}
    assert progress.spent.samples == 3


async def test_another_campaign_does_not_get_the_record(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    await run([adding()], say(RIGHT), judge, record)
    with pytest.raises(RecordError, match="seed differ"):
        campaign([adding()], say(RIGHT), judge, record, seed=1)
    with pytest.raises(RecordError, match="problems differ"):
        campaign([adding("other")], say(RIGHT), judge, record)


def test_two_campaigns_do_not_share_a_record(record: CampaignRecord, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="another campaign uses it"):
        CampaignRecord(tmp_path / "campaign.db")


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to look like a page" * 99)
    with pytest.raises(RecordError, match="give another file"):
        CampaignRecord(tmp_path / "text")


async def test_two_problems_of_one_name_are_refused(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    with pytest.raises(InvalidProblems, match="'add'"):
        campaign([adding(), adding()], say(RIGHT), judge, record)


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        pytest.param("resample", ONE, id="resample"),
        pytest.param("self-repair", ONE, id="self-repair"),
        pytest.param("mixed", ONE, id="mixed"),
        pytest.param("adaptive", ONE, id="adaptive"),
        pytest.param("iad", {"branches": "1"}, id="iad"),
    ],
)
async def test_a_replay_is_the_same_byte_by_byte(
    judge: LocalVerifier, tmp_path: Path, strategy: str, options: dict[str, str]
) -> None:
    tasks = [adding(str(number)) for number in range(4)]
    plan: dict[str, Any] = {
        "strategy": strategy,
        "options": options,
        "budget": replace(UNLIMITED, samples=9),
    }
    with (
        CampaignRecord(tmp_path / "first.db") as first,
        CampaignRecord(tmp_path / "second.db") as second,
    ):
        await run(tasks, ScriptedModel(_improves_with_seeds), judge, first, **plan)
        second.take_decisions(first)
        model = ReplayingModel(first.completions())
        progress = await run(tasks, model, judge, second, **plan)

        assert _timeless(second) == _timeless(first)
        assert progress.states == Counter(one.state for one in first.standings())


@pytest.mark.parametrize("strategy", ["resample", "self-repair", "adaptive"])
async def test_a_replay_of_many_samples_at_a_time_ends_alike(
    judge: LocalVerifier, tmp_path: Path, strategy: str
) -> None:
    tasks = [adding(str(number)) for number in range(4)]
    with (
        CampaignRecord(tmp_path / "first.db") as first,
        CampaignRecord(tmp_path / "second.db") as second,
    ):
        await run(tasks, ScriptedModel(_improves_with_seeds), judge, first, strategy=strategy)
        second.take_decisions(first)
        model = ReplayingModel(first.completions())
        await run(tasks, model, judge, second, strategy=strategy)
        ends = [[one.state for one in record.standings()] for record in (first, second)]

    assert ends[0] == ends[1] == ["solved"] * 4


def _improves_with_seeds(request: Request) -> Reply:
    return Reply(text=RIGHT if (request.seed or 0) % 7 == 0 else WRONG)


def _timeless(record: CampaignRecord) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in export_lines(record)]
    for line in lines:
        line.get("verdict", {}).pop("provenance", None)
        for case in line.get("verdict", {}).get("python", {}).get("cases", []):
            case.pop("wallTime", None)
    return [line for line in lines if line["sample"]["state"] == "complete"]


CRASHING = """
import asyncio, os, sys, tempfile
from pathlib import Path
from clients.local import local_verifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.record import CampaignRecord
from proposer.models.scripted import ScriptedModel
from tests.proposer.support import RIGHT, WRONG, adding, run
from verifier_service.settings import Settings

class Noting(ScriptedModel):
    # Writes down what is asked and what is returned, and dies before one of its answers.

    async def complete(self, request):
        note("asked " + request.digest)
        completion = await super().complete(request)
        if len((folder / "log").read_text().splitlines()) >= int(sys.argv[2]) > 0:
            os.kill(os.getpid(), 9)
        note("returned " + request.digest)
        return completion

def note(line):
    with open(folder / "log", "a") as file:
        print(line, file=file)

def say(request):
    return RIGHT if (request.seed or 0) % 17 == 0 else WRONG

folder = Path(sys.argv[1])

async def main():
    tasks = [adding(str(number)) for number in range(3)]
    async with local_verifier(Settings(store_path=folder / "store.db", slots=1)) as judge:
        with CampaignRecord(folder / "campaign.db") as record:
            await run(tasks, Noting(say), judge, record, strategy=sys.argv[3])

asyncio.run(main())
"""


@pytest.mark.parametrize("strategy", ["self-repair", "adaptive"])
async def test_a_killed_campaign_goes_on_and_pays_for_no_sample_twice(
    tmp_path: Path, strategy: str
) -> None:
    codes = []
    for crash_at in ("28", "50", "0"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CRASHING, str(tmp_path), crash_at, strategy
        )
        codes.append(await process.wait())
    with CampaignRecord(tmp_path / "campaign.db") as record:
        states = [standing.state for standing in record.standings()]
    returned: set[str] = set()
    asked_again = []
    for line in (tmp_path / "log").read_text().splitlines():
        what, digest = line.split()
        if what == "returned":
            returned.add(digest)
        elif digest in returned:
            asked_again.append(digest)

    assert codes[0] == -signal.SIGKILL
    assert codes[-1] == 0
    assert states == ["solved"] * 3
    assert asked_again == []
