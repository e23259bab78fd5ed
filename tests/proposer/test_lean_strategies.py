"""Strategies for Lean on the real service, with models that follow scripts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.apollo import Careless, hard, lean_task, learn, work
from clients import AsyncVerifier
from clients.local import LocalVerifier
from proposer.campaigns.budget import UNLIMITED
from proposer.campaigns.record import CampaignRecord
from proposer.models import Chat, Request
from proposer.models.recordings import ReplayingModel
from proposer.models.scripted import ScriptedModel, in_turn
from proposer.problems import InvalidProblems, Task
from proposer.strategies import InvalidOption, make_strategy
from tests.lean.repair.mutations import honest_proofs
from tests.proposer.openai_server import serving, streamed
from tests.proposer.support import adding, last_turn, run
from tests.proposer.test_command import Shell, summary
from verifier_service.application import application
from verifier_service.engine.lean_repair import LeanRepairs
from verifier_service.model import LeanTheorem
from verifier_service.server import VerifierServer
from verifier_service.settings import Settings

ORDER = "(a b c d : Nat) (h : a ≤ b) (k : b ≤ c) (l : c ≤ d) : a ≤ d ∧ a = a"
WRONG = "by\n  constructor\n  · exact Nat.le_chain h k l\n  · rfl"
BROKEN = "by\n  exact Nat.no_such_lemma h k l"
RIGHT = "by exact Nat.le_trans h (Nat.le_trans k l)"
LEMMA = "It fills a hole"


def order(problem_id: str = "order") -> Task:
    """A theorem of which no tactic proves the first half."""
    return lean_task(LeanTheorem(name="order", statement=ORDER), problem_id)


def fenced(proof: str) -> str:
    return f"Sure:\n```lean\n{proof}\n```"


def asked_for_lemmas(model: ScriptedModel) -> list[Request]:
    return [request for request in model.requests if LEMMA in last_turn(request)]


async def test_a_lemma_that_is_left_is_asked_for_with_what_lean_says(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([fenced(WRONG), fenced(RIGHT)]))
    options = {"samples": "1", "lemmas": "1", "width": "1"}
    await run([order()], model, judge, record, strategy="apollo", options=options)
    (standing,) = record.standings()
    asked = last_turn(model.requests[1])

    assert "(h : a ≤ b) (k : b ≤ c) (l : c ≤ d) : a ≤ d := by\n  sorry" in asked
    assert "Nat.le_chain" in asked
    assert (standing.state, standing.answer_place) == ("solved", "0/repaired")
    assert "· rfl" in standing.answer
    assert "sorry" not in standing.answer
    judged = {kept.place: kept.outcome for kept in record.judgements("order")}
    assert judged == {"0": "REJECTED", "0/repaired": "ACCEPTED"}


async def test_a_lemma_is_asked_for_again_with_the_proofs_that_failed(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(in_turn([fenced(WRONG), fenced(BROKEN), fenced(RIGHT)]))
    options = {"samples": "1", "lemmas": "2", "depth": "1", "width": "1"}
    await run([order()], model, judge, record, strategy="apollo", options=options)

    assert record.standings()[0].state == "solved"
    assert "These proofs of it failed" not in last_turn(model.requests[1])
    assert "no_such_lemma" in last_turn(model.requests[2]).partition("These proofs of it failed")[2]


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"lemmas": "0"}, 0),
        ({"lemmas": "4", "depth": "0"}, 0),
        ({"lemmas": "4", "rounds": "1"}, 2),
        ({"lemmas": "4", "rounds": "1", "share": "1"}, 4),
        ({"lemmas": "4", "rounds": "2", "depth": "1"}, 3),
    ],
    ids=["unaided", "no-depth", "one-round", "all-at-once", "two-rounds"],
)
async def test_the_budget_of_lemmas_is_split_as_told(
    judge: LocalVerifier, record: CampaignRecord, options: dict[str, str], asked: int
) -> None:
    never = ScriptedModel(
        lambda request: fenced("by aesop" if LEMMA in last_turn(request) else WRONG)
    )
    options = {"samples": "1", "width": "1", "depth": "1", **options}
    await run([order()], never, judge, record, strategy="apollo", options=options)
    (standing,) = record.standings()
    (partial,) = [kept for kept in record.judgements("order") if kept.place == "0/repaired"]

    assert len(asked_for_lemmas(never)) == asked
    assert (standing.state, standing.reason) == ("unsolved", "strategy-ended")
    assert (partial.outcome, partial.reason) == ("PARTIAL", "holes-left")
    assert "3 of 4 lines kept" in partial.message or "2 of 3 lines kept" in partial.message
    assert "sorry" in (partial.candidate or "")


CHEATS = {
    "axiom": "axiom it : False\n\ntheorem order " + ORDER + " := it.elim",
    "hidden-sorry": "by exact sorryAx _ true",
    "other-statement": "theorem order (a : Nat) : a = a := rfl",
    "no-warning": "set_option warn.sorry false in\ntheorem order " + ORDER + " := by sorry",
}


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("name", ["apollo", "dsp"])
async def test_nothing_that_a_model_says_is_proved_undeserved(
    judge: LocalVerifier, record: CampaignRecord, name: str, cheat: str
) -> None:
    model = ScriptedModel(lambda _: fenced(CHEATS[cheat]))
    options = {"samples": "1", "width": "1"}
    await run([order()], model, judge, record, strategy=name, options=options)

    assert record.standings()[0].state == "unsolved"
    assert all(kept.outcome != "ACCEPTED" for kept in record.judgements("order"))


@pytest.mark.parametrize("tactic", ["sorry", "admit", "exact sorryAx _ true", "exact (by sorry)"])
async def test_a_search_that_gives_up_proves_nothing(
    judge: LocalVerifier, record: CampaignRecord, tactic: str
) -> None:
    model = ScriptedModel(lambda _: fenced(tactic))
    options = {"expansions": "2", "tactics": ""}
    await run([order()], model, judge, record, strategy="tree-search", options=options)

    assert record.standings()[0].state == "unsolved"


async def test_a_draft_is_sketched_and_its_steps_are_proved(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    statement = (
        "(a b c d e f : Nat) (h : a ≤ b) (i : b ≤ c) (j : c ≤ d) (k : d ≤ e) (l : e ≤ f) : a ≤ f"
    )
    sketch = (
        f"theorem long {statement} := by\n"
        "  have first : a ≤ d := by sorry\n"
        "  have second : d ≤ f := by nonsense\n"
        "  exact Nat.le_trans (Nat.le_trans first k) l"
    )

    def script(request: Request) -> str:
        said = last_turn(request)
        if "plain words" in said:
            return "First a ≤ d, then d ≤ f."
        if "Write this proof in Lean 4" in said:
            assert isinstance(request.prompt, Chat)
            assert request.prompt.messages[-2].content == "First a ≤ d, then d ≤ f."
            return fenced(sketch)
        return fenced("by exact Nat.le_trans h (Nat.le_trans i j)")

    model = ScriptedModel(script)
    task = lean_task(LeanTheorem(name="long", statement=statement), "long")
    await run([task], model, judge, record, strategy="dsp", options={"width": "1"})
    (standing,) = record.standings()

    assert (standing.state, standing.answer_place) == ("solved", "0/proved")
    assert [": a ≤ d := by\n  sorry" in last_turn(one) for one in model.requests] == [0, 0, 1]
    assert "have second : d ≤ f" in standing.answer
    assert "Nat.le_trans i j" in standing.answer


def proving(steps: dict[str, str]) -> Callable[[Request], str]:
    """A model that knows a tactic for some targets, and a wrong one for all others."""

    def script(request: Request) -> str:
        goal = last_turn(request).partition("```text")[2]
        target = goal.partition("⊢ ")[2].split("\n")[0]
        return fenced(f"nonsense\n{steps.get(target, 'exact nothing')}")

    return script


STEPS = {
    "a ≤ d ∧ a = a": "constructor",
    "a ≤ d": "apply Nat.le_trans h",
    "b ≤ d": "exact Nat.le_trans k l",
    "a = a": "rfl",
}


async def test_a_search_finds_the_way_tactic_by_tactic(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    model = ScriptedModel(proving(STEPS))
    options = {"branches": "1", "tactics": "", "thinking": "never"}
    await run([order()], model, judge, record, strategy="tree-search", options=options)
    (standing,) = record.standings()

    assert standing.state == "solved"
    assert "apply Nat.le_trans h" in standing.answer
    assert all(request.sampling.max_tokens == 128 for request in model.requests)


@pytest.mark.parametrize(
    "odd",
    ["simp \ud800", "simp\0", "x" * 3999, "exact " + "(" * 2000, "end\n#eval 1", "·"],
    ids=["surrogate", "nul", "long-word", "deep", "ends-the-theorem", "bullet"],
)
@pytest.mark.parametrize("name", ["apollo", "dsp", "tree-search"])
async def test_odd_answers_are_no_end(
    judge: LocalVerifier, record: CampaignRecord, name: str, odd: str
) -> None:
    def script(request: Request) -> str:
        is_lemma = LEMMA in last_turn(request)
        return fenced(odd if is_lemma or name == "tree-search" else WRONG)

    options = {"expansions": "1", "tactics": ""} if name == "tree-search" else {"samples": "1"}
    model = ScriptedModel(script)
    await run([order()], model, judge, record, strategy=name, options=options)
    (standing,) = record.standings()

    assert (standing.state, standing.reason) == ("unsolved", "strategy-ended"), standing.message


async def test_what_a_tactic_proves_costs_no_sample(
    judge: LocalVerifier, record: CampaignRecord
) -> None:
    task = lean_task(LeanTheorem(name="easy", statement="(a : Nat) : a + 0 = a"), "easy")
    model = ScriptedModel(lambda _: fenced("nonsense"))
    await run([task], model, judge, record, strategy="tree-search")

    assert record.standings()[0].state == "solved"
    assert model.requests == []


@pytest.mark.parametrize(("thinking", "long"), [("never", 0), ("stuck", 1), ("always", 2)], ids=str)
async def test_thinking_is_paid_for_where_it_is_wanted(
    judge: LocalVerifier, record: CampaignRecord, thinking: str, long: int
) -> None:
    model = ScriptedModel(lambda _: fenced("nonsense"))
    options = {"thinking": thinking, "tactics": ""}
    await run([order()], model, judge, record, strategy="tree-search", options=options)
    thoughts = [one for one in model.requests if one.sampling.max_tokens == 1024]

    assert len(thoughts) == long
    assert len(model.requests) == 2 + (thinking == "stuck")
    if thinking == "stuck":
        assert "nonsense" in last_turn(thoughts[0]).partition("What was tried here")[2]
    assert record.standings()[0].reason == "strategy-ended"


@pytest.mark.parametrize("name", ["apollo", "dsp", "tree-search"])
async def test_a_campaign_goes_on_without_asking_again(
    judge: LocalVerifier, tmp_path: Path, name: str
) -> None:
    def script(request: Request) -> str:
        said = last_turn(request)
        if "What is left to prove" in said:
            return proving(STEPS)(request)
        return fenced(RIGHT if ": a ≤ d :=" in said else WRONG)

    options = {"tactics": ""} if name == "tree-search" else {"width": "1"}
    whole = await _asked(judge, tmp_path / "whole.db", script, name, options)
    first = await _asked(judge, tmp_path / "parts.db", script, name, options, samples=1)
    rest = await _asked(judge, tmp_path / "parts.db", script, name, options)

    assert len(first) == 1
    assert sorted(first + rest) == sorted(whole)
    with CampaignRecord(tmp_path / "parts.db") as record:
        assert record.standings()[0].state == "solved"


@pytest.mark.parametrize("name", ["apollo", "dsp", "tree-search"])
async def test_a_record_is_replayed(
    judge: LocalVerifier, record: CampaignRecord, name: str
) -> None:
    def script(request: Request) -> str:
        said = last_turn(request)
        if "What is left to prove" in said:
            return proving(STEPS)(request)
        return fenced(RIGHT if ": a ≤ d :=" in said else WRONG)

    options = {"tactics": ""} if name == "tree-search" else {"width": "1"}
    await run([order()], ScriptedModel(script), judge, record, strategy=name, options=options)
    with CampaignRecord(":memory:") as again:
        model = ReplayingModel(record.completions())
        await run([order()], model, judge, again, strategy=name, options=options)
        answers = [(one.state, one.answer, one.answer_place) for one in again.standings()]
        asked = [kept.request_digest for kept in again.samples("order")]

    assert answers == [(one.state, one.answer, one.answer_place) for one in record.standings()]
    assert answers[0][0] == "solved"
    assert asked == [kept.request_digest for kept in record.samples("order")]


async def _asked(
    judge: LocalVerifier,
    path: Path,
    script: Callable[[Request], str],
    name: str,
    options: dict[str, str],
    samples: float = UNLIMITED.samples,
) -> list[str]:
    """The digests of what a run asks."""
    model = ScriptedModel(script)
    budget = replace(UNLIMITED, samples=samples)
    with CampaignRecord(path) as record:
        await run([order()], model, judge, record, strategy=name, options=options, budget=budget)
    return [_without_seed(request) for request in model.requests]


def _without_seed(request: Request) -> str:
    return replace(request, seed=None).digest


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncVerifier]:
    """A client of a server that proves theorems."""
    home = tmp_path_factory.mktemp("server")
    settings = Settings(address=f"unix:{home}/socket", store_path=home / "store.sqlite3", slots=2)
    async with application(settings, criteria=["lean_theorem"]) as parts:
        repairs = LeanRepairs(parts.engine)
        async with (
            VerifierServer(parts.engine, settings, steps=parts.steps, repairs=repairs) as server,
            AsyncVerifier(server.address) as verifier,
        ):
            yield verifier


@pytest.mark.parametrize("name", ["apollo", "dsp", "tree-search"])
async def test_over_a_server(client: AsyncVerifier, record: CampaignRecord, name: str) -> None:
    def script(request: Request) -> str:
        said = last_turn(request)
        if "What is left to prove" in said:
            return proving(STEPS)(request)
        return fenced(RIGHT if LEMMA in said else WRONG)

    options = {"tactics": ""} if name == "tree-search" else {"width": "1"}
    await run([order()], ScriptedModel(script), client, record, strategy=name, options=options)

    assert record.standings()[0].state == "solved", record.standings()


@pytest.mark.parametrize("name", ["apollo", "dsp", "tree-search"])
async def test_other_problems_are_refused_before_anything_is_asked(
    judge: LocalVerifier, record: CampaignRecord, name: str
) -> None:
    model = ScriptedModel(in_turn([]))
    with pytest.raises(InvalidProblems, match=r"'add'.*lean_theorem"):
        await run([adding()], model, judge, record, strategy=name)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("apollo", {"share": "0"}, "share"),
        ("apollo", {"depth": "9"}, "depth is 0 to 8"),
        ("tree-search", {"thinking": "often"}, "never, stuck or always"),
        ("tree-search", {"perspectives": "luck"}, "some of likely, effective"),
        ("tree-search", {"perspectives": ""}, "some of likely"),
    ],
)
def test_options_have_bounds(name: str, options: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        make_strategy(name, options)


async def test_repairs_prove_more_than_fresh_samples_do(judge: LocalVerifier) -> None:
    names = ("or_rotate", "no_greatest_pair", "swap_pair")
    proofs = [one for one in honest_proofs() if one.theorem.name in names]
    model = Careless(await learn(judge, proofs), mistakes=0.4)
    fresh, repaired = [
        await work(arm, proofs, model, judge, samples=4, repeats=3)
        for arm in ("resample", "apollo")
    ]

    assert await hard(judge, proofs) == proofs  # or no model is needed
    assert len(repaired.solved) > len(fresh.solved)
    assert repaired.samples <= 4 * repaired.problems
    assert 0 < repaired.kept <= repaired.lines
    assert repaired.checks > 0


@pytest.mark.parametrize("name", ["apollo", "dsp", "tree-search"])
async def test_a_file_of_theorems_from_the_command_line(tmp_path: Path, name: str) -> None:
    shell = Shell(tmp_path, None)
    (tmp_path / "theorems.jsonl").write_text(json.dumps(order().source))
    async with serving(rule=lambda _: streamed(RIGHT_WHOLE)) as server:
        code, out, err = await shell.run(
            *("propose", "--problems", "theorems.jsonl", "--model", server.url),
            *("--strategy", name, "--json"),
        )

    assert code == 0, err
    assert summary(out)["states"] == {"solved": 1}


RIGHT_WHOLE = "```lean\nexact ⟨Nat.le_trans h (Nat.le_trans k l), rfl⟩\n```"
