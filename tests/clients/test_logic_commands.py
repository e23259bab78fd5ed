"""`verifier logic`, as a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_command_line import Shell

SPOKEN = "all x. (Student(x) -> Human(x))\nStudent(rex)\n"
SAME = "-(exists y. (Student(y) & -Human(y)))\nStudent(rex)\n"
RENAMED = "-(exists y. (IsStudent(y) & -IsHuman(y)))\nIsStudent(rex)\n"
WEAKER = "Student(rex)\n"
IMPOSSIBLE = "P(a)\nQ(a)\n-P(a)\n"
BROKEN = "P(a)\nall x. (P(x) -> Q(x)\n"
INFINITE = "∀x ∃y R(x,y)\n∀x ¬R(x,x)\n∀x ∀y ∀z (R(x,y) ∧ R(y,z) → R(x,z))\n"
"""Holds in infinite models alone."""
MAZE = "".join(f"P(c{number})\n" for number in range(100)) + (
    "all a. all b. all c. all d. all e. all f. all g. (S(a,b,c,d,e,f,g) | S(b,a,c,d,e,g,f))\n"
    "all a. all b. all c. all d. all e. all f. all g. -S(a,b,c,d,e,f,g)\n"
)
"""More instances than the engine in this process makes; contradictory."""


@pytest.fixture
def verifier(tmp_path: Path) -> Shell:
    return Shell(tmp_path, None)


# diagnose ---------------------------------------------------------------------------------------


async def test_a_diagnosis_names_the_place_and_the_repairs(verifier: Shell) -> None:
    file = verifier.file("broken.fol", BROKEN)
    said = await verifier("logic", "diagnose", file)
    told = await verifier("logic", "diagnose", file, "--json")

    assert said.code == told.code == 1
    assert "broken.fol:2:8: error[unbalanced]" in said.out
    (problem,) = told.json["problems"]
    assert not problem["readable"]
    edits = problem["findings"][0]["repairs"][0]["edits"]
    (edit,) = edits
    repaired = BROKEN[: edit["start"]] + edit["text"] + BROKEN[edit["end"] :]
    assert (await verifier("logic", "diagnose", verifier.file("mended.fol", repaired))).code == 0


async def test_a_diagnosis_reads_a_candidate_with_its_problem(verifier: Shell) -> None:
    logic = {"premises": ["all x. (Man(x) -> Mortal(x))"], "conclusion": "Mortal(plato)"}
    specs = [spec(logic, "a", "Man(plato)"), spec(logic, "b", "Mortall(plato)")]
    ended = await verifier("logic", "diagnose", verifier.file("s.jsonl", "\n".join(specs)))

    assert ended.code == 0
    assert ended.out.startswith("a: It has 2 premises and a conclusion.\nb: ")
    assert "b:1:1: warning[near-duplicate]" in ended.out


# compare ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "code", "relation"),
    [
        pytest.param(SPOKEN, SAME, 0, "equivalent", id="same"),
        pytest.param(SPOKEN, WEAKER, 1, "stronger", id="implies"),
        pytest.param(SPOKEN, RENAMED, 1, "incomparable", id="other-names-are-a-proposal-only"),
        pytest.param(IMPOSSIBLE, "Z & -Z", 3, "equivalent", id="contradictions-are-no-match"),
    ],
)
async def test_a_comparison(
    verifier: Shell, first: str, second: str, code: int, relation: str
) -> None:
    files = verifier.file("a.fol", first), verifier.file("b.fol", second)
    ended = await verifier("logic", "compare", *files, "--json")

    assert (ended.code, ended.json["relation"]) == (code, relation)
    assert ended.json["vacuous"] is (code == 3)


async def test_a_comparison_shows_a_case_and_which_names_may_correspond(verifier: Shell) -> None:
    files = verifier.file("a.fol", SPOKEN), verifier.file("b.fol", RENAMED)
    ended = await verifier("logic", "compare", *files)

    assert "IsStudent for Student, IsHuman for Human" in ended.out
    assert "A case that a.fol allows and b.fol does not:\n  There are 2 things" in ended.out


async def test_premises_that_hold_anyway_can_not_contradict_each_other(verifier: Shell) -> None:
    files = verifier.file("a.fol", SPOKEN), verifier.file("b.fol", WEAKER)
    under = verifier.file("under.fol", "Human(rex)\nall x. (Student(x) <-> Human(x))")
    bad = verifier.file("bad.fol", IMPOSSIBLE)

    assert (await verifier("logic", "compare", *files, "--under", under)).code == 0
    refused = await verifier("logic", "compare", *files, "--under", bad)
    assert (refused.code, refused.out) == (2, "")
    assert "bad.fol contradict each other" in refused.err


# cluster ----------------------------------------------------------------------------------------


async def test_classes_are_told_the_largest_first_and_contradictions_last(
    verifier: Shell,
) -> None:
    texts = [IMPOSSIBLE, "Z & -Z", "Y(a) & -Y(a)", WEAKER, SPOKEN, SAME, BROKEN]
    files = [verifier.file(f"{number}.fol", text) for number, text in enumerate(texts)]
    ended = await verifier("logic", "cluster", *files, "--json")

    assert ended.code == 0
    assert [[*one["members"], one["possible"]] for one in ended.json["classes"]] == [
        ["4.fol", "5.fol", "satisfiable"],
        ["3.fol", "satisfiable"],
        ["0.fol", "1.fol", "2.fol", "unsatisfiable"],
    ]
    assert [one["name"] for one in ended.json["unreadable"]] == ["6.fol"]


# consistent -------------------------------------------------------------------------------------


async def test_conflicts_and_corrections_are_shown(verifier: Shell) -> None:
    ended = await verifier("logic", "consistent", verifier.file("a.fol", IMPOSSIBLE))

    assert ended.code == 1
    assert "Conflict 1:\n  p1: P(a)\n  p3: -P(a)\n" in ended.out
    assert "Correction 1, take back:\n  p3: -P(a)\n" in ended.out


async def test_solvers_answer_what_is_open_here_and_what_comes_without_evidence_says_so(
    verifier: Shell,
) -> None:
    infinite = await verifier("logic", "consistent", verifier.file("a.fol", INFINITE), "--json")
    maze = await verifier("logic", "consistent", verifier.file("b.fol", MAZE), "--json")

    assert infinite.code == 0
    assert infinite.json == {"status": "satisfiable", "checked": False}
    assert (maze.code, maze.json["checked"]) == (1, True)
    (conflict,) = maze.json["conflicts"]
    assert [one["identifier"] for one in conflict["premises"]] == ["p101", "p102"]


# ask --------------------------------------------------------------------------------------------


async def test_goals_are_asked_about_one_by_one(verifier: Shell) -> None:
    files = verifier.file("a.fol", SPOKEN), verifier.file("g.fol", "Human(rex)\nHuman(mia)\n")
    ended = await verifier("logic", "ask", *files)

    assert ended.code == 0
    assert [line.split() for line in ended.out.splitlines()] == [
        ["entailed", "Human(rex)"],
        ["independent", "Human(mia)"],
    ]


async def test_goals_that_follow_from_contradictions_are_not_called_entailed(
    verifier: Shell,
) -> None:
    files = verifier.file("a.fol", IMPOSSIBLE), verifier.file("g.fol", "R(a)\n")
    ended = await verifier("logic", "ask", *files, "--json")

    assert ended.json["goals"][0]["entailment"] == "ENTAILMENT_INCONSISTENT_PREMISES"


# vote -------------------------------------------------------------------------------------------


def spec(logic: dict[str, Any], candidate_id: str, source: str) -> str:
    problem = {"problemId": "p", "logic": logic}
    candidate = {"candidateId": candidate_id, "source": source}
    return json.dumps({"problem": problem, "candidate": candidate})


def line(said: str, **more: Any) -> str:
    verdict = {"reason": "answer-found", "logic": {"entailment": f"ENTAILMENT_{said}"}}
    return json.dumps({"problemId": "p", "candidateId": "", "verdict": verdict} | more)


FAILED = json.dumps({"problemId": "p", "candidateId": "", "error": {"code": 13}})


async def test_the_verdicts_of_a_batch_are_counted(verifier: Shell) -> None:
    against = WEAKER + "Student(rex) -> -Human(rex)\nHuman(rex)"
    sources = [SPOKEN + "Human(rex)", BROKEN, SAME + "Human(rex)", against]
    specs = [spec({}, str(number), source) for number, source in enumerate(sources)]
    batch = await verifier("batch", verifier.file("s.jsonl", "\n".join(specs)), "-o", "v.jsonl")
    ended = await verifier("logic", "vote", "v.jsonl", "--json")

    assert (batch.code, ended.code) == (0, 0)
    (problem,) = ended.json["problems"]
    assert problem["answer"] == "ENTAILMENT_ENTAILED"
    assert problem["votes"] == {
        "ENTAILMENT_ENTAILED": 2,
        "ENTAILMENT_UNKNOWN": 1,
        "ENTAILMENT_CONTRADICTED": 1,
    }
    assert (problem["neededCount"], ended.json["savedCount"]) == (3, 1)


async def test_a_weighed_vote_can_overrule_the_majority(verifier: Shell) -> None:
    broken = [line("INDEPENDENT")] * 6 + [line("ENTAILED")] * 4
    known = [
        json.dumps(json.loads(one) | {"problemId": f"{answer}{number}", "answer": answer})
        for answer, votes in [
            ("ENTAILMENT_ENTAILED", broken),
            ("ENTAILMENT_INDEPENDENT", [line("INDEPENDENT")] * 10),
        ]
        for number in range(10)
        for one in votes
    ]
    votes = verifier.file("v.jsonl", "\n".join([line("INDEPENDENT")] * 3 + [line("ENTAILED")] * 2))
    labelled = verifier.file("known.jsonl", "\n".join(known))
    plain = await verifier("logic", "vote", votes, "--json")
    weighed = await verifier("logic", "vote", votes, "--calibration", labelled, "--json")

    assert plain.json["problems"][0]["answer"] == "ENTAILMENT_INDEPENDENT"
    assert weighed.json["problems"][0]["answer"] == "ENTAILMENT_ENTAILED"
    assert weighed.json["problems"][0]["probability"] > 0.5


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param([line("ENTAILED"), FAILED], 0, id="a-later-tie-changes-nothing"),
        pytest.param([line("ENTAILED"), FAILED, FAILED], 3, id="the-missing-could-win"),
        pytest.param([FAILED], 3, id="none-has-a-verdict"),
        pytest.param([line("UNKNOWN")] * 2, 3, id="nobody-knows"),
    ],
)
async def test_candidates_without_a_verdict_are_not_counted_out(
    verifier: Shell, lines: list[str], code: int
) -> None:
    ended = await verifier("logic", "vote", verifier.file("v.jsonl", "\n".join(lines)), "--json")

    assert ended.code == code
    assert ("answer" in ended.json["problems"][0]) is (code == 0)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            [line("ENTAILED", candidateId="a"), line("ENTAILED", candidateId="a")],
            "v.jsonl, line 2: this candidate of this problem has voted on line 1",
            id="stuffed",
        ),
        pytest.param(["[" * 100_000], "v.jsonl, line 1 is no line", id="deep"),
        pytest.param(["", '{"problemId": 1}'], "v.jsonl, line 2 is no line", id="no-line"),
        pytest.param(
            [line("ENTAILED", verdict={"reason": "tests-passed"})], "no verdict about", id="python"
        ),
        pytest.param([line("PROVEN")], "line 1, verdict.logic.entailment is none of", id="word"),
        pytest.param([line("ENTAILED", answer="ENTAILMENT_UNKNOWN")], "answer", id="answer"),
        pytest.param([], "has no lines", id="empty"),
    ],
)
async def test_lines_that_are_no_votes_are_refused(
    verifier: Shell, lines: list[str], said: str
) -> None:
    ended = await verifier("logic", "vote", verifier.file("v.jsonl", "\n".join(lines)))

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert len(ended.err) < 1000


# check-model ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conclusion", "model", "code"),
    [
        pytest.param("Human(mia)", "Things: rex, mia\nStudent: rex\nHuman: rex", 0, id="refutes"),
        pytest.param("Human(rex)", "Things: rex\nStudent: rex\nHuman: rex", 1, id="it-holds"),
        pytest.param("Human(mia)", "Things: rex, mia\nStudent: rex", 1, id="no-model-of-premises"),
        pytest.param("Human(mia)", "Things: rex\nStudent: rex", 2, id="says-too-little"),
        pytest.param("Human(rex)", "| Human(rex) |\n| F |", 1, id="a-row-is-no-proof"),
    ],
)
async def test_a_model_of_somebodys(
    verifier: Shell, conclusion: str, model: str, code: int
) -> None:
    file = verifier.file("a.fol", SPOKEN + conclusion)
    ended = await verifier("logic", "check-model", file, verifier.file("m.txt", model))

    assert ended.code == code, ended


# Hostile texts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["diagnose", "consistent", "cluster"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * 100_000 + "P(a)" + ")" * 100_000, id="brackets"),
        pytest.param("P" * 1_100_000, id="long"),
        pytest.param("P(\x1b[2J)", id="terminal"),
        pytest.param("include('secret.p').", id="include"),
        pytest.param("", id="empty"),
    ],
)
async def test_a_hostile_text_gets_a_short_answer(verifier: Shell, command: str, text: str) -> None:
    verifier.file("secret.p", "fof(a, axiom, hidden).")
    ended = await verifier("logic", command, verifier.file("a.p", text), "--syntax", "tptp")

    assert ended.code == {"diagnose": 1, "consistent": 2, "cluster": 0}[command]
    assert "a.p:1:" in ended.out + ended.err
    assert "\x1b" not in ended.out + ended.err
    assert "hidden" not in ended.out + ended.err
    assert len(ended.out + ended.err) < 5_000


async def test_nothing_is_written_and_bad_usage_is_said(verifier: Shell) -> None:
    file = verifier.file("a.fol", SPOKEN)
    before = {path.name for path in verifier.home.iterdir()}
    twice = await verifier("logic", "compare", "-", "-", stdin=b"P(a)")
    none = await verifier("logic", "consistent", "none.fol")
    odd = await verifier("logic", "consistent", file, "--syntax", "prolog", "--json")

    assert [twice.code, none.code, odd.code] == [2, 2, 2]
    assert "none.fol can't be read" in none.err
    assert "'prolog' is none of fol, nltk" in odd.json["error"]["message"]
    assert {path.name for path in verifier.home.iterdir()} == before
