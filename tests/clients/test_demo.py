"""`verifier demo` and `verifier check`, with real sandboxes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from clients.command_line.demo_command import load_samples
from tests.clients.test_command_line import Shell
from tests.proposer.local_models import local_model


@pytest.fixture
def verifier(tmp_path: Path) -> Shell:
    """A shell whose `verifier` judges by itself."""
    return Shell(tmp_path, None)


def test_the_samples_are_small_varied_and_have_licences() -> None:
    samples = load_samples()
    groups = Counter(sample.group for sample in samples)

    assert set(groups) == {
        "right",
        "weak-tests",
        "wrong",
        "broken",
        "endless",
        "cheat",
        "pytest",
        "logic",
        "lean",
    }
    assert len({sample.author for sample in samples}) >= 8
    path = Path(__file__).resolve().parents[2] / "clients" / "demo"
    records = [json.loads(line) for line in (path / "samples.jsonl").read_text().splitlines()]
    assert {record["problemLicence"] for record in records} == {"MIT", "CC-BY-4.0", "Apache-2.0"}
    assert all(record["candidateLicence"] in ("MIT", "Apache-2.0") for record in records)
    assert len((path / "samples.jsonl").read_bytes()) < 64 * 1024


async def test_the_demo_is_a_table_for_people_and_json_for_machines(verifier: Shell) -> None:
    ended = await verifier("demo")
    again = await verifier("demo", "--json")
    results = again.json["results"]

    assert ended.code == 0
    assert "cheat: leaves early" in ended.out
    assert "verdicts are as recorded" in ended.out
    assert "verifier check python add.py --tests test_add.py" in ended.out
    assert max(len(line) for line in ended.out.splitlines()[:-3]) <= 100
    assert "mended without any model" in ended.out
    assert "python scripts/fetch_models.py smollm2-135m" in " ".join(ended.out.split())
    assert again.json["repaired"]["verdict"]["outcome"] == "OUTCOME_ACCEPTED"
    assert [one for one in results if not one["asRecorded"]] == []
    assert (again.code, len(results)) == (0, len(load_samples()))
    assert again.json["proposed"] == []  # this machine's home has no model


async def test_a_real_model_proposes_where_there_is_one(verifier: Shell) -> None:
    model = local_model("smollm2-135m")
    (verifier.home / ".cache" / "verifier").mkdir(parents=True)
    (verifier.home / ".cache" / "verifier" / "models").symlink_to(model.parent)
    ended = await verifier("demo", "--json")
    proposed = ended.json["proposed"]

    assert ended.code == 0
    assert {one["problemId"] for one in proposed} <= {"factorial", "gcd"}
    assert any(one["outcome"] in ("ACCEPTED", "REJECTED") for one in proposed)
    assert len({(one["problemId"], one["candidateId"]) for one in proposed}) == len(proposed)


async def test_a_wrong_answer_names_the_case(verifier: Shell) -> None:
    candidate = verifier.file("add.py", "def add(a, b):\n    return a - b\n")
    tests = verifier.file(
        "cases.json",
        '{"entryPoint": "add", "cases": [{"argumentsJson": "[1, 2]", "expectedJson": "3"}]}',
    )
    ended = await verifier("check", "python", candidate, "--tests", tests)

    assert ended.code == 1
    assert "Failing case" in ended.out
    assert "-1" in ended.out


async def test_a_syntax_error_is_shown_with_its_line(verifier: Shell) -> None:
    candidate = verifier.file("bad.py", "def f(:\n    pass\n")
    tests = verifier.file("t.py", "assert f()")
    ended = await verifier("check", "python", candidate, "--tests", tests)

    assert ended.code == 1
    assert "bad.py:1:" in ended.out
    assert "1 | def f(:" in ended.out
    assert "^" in ended.out


async def test_what_was_checked_is_kept(verifier: Shell) -> None:
    spec = verifier.file("sample.jsonl", json.dumps(json_samples()[0]["spec"]) + "\n")
    first = await verifier("batch", spec, "-o", "out.jsonl")
    listed = await verifier("list", "--json")
    (kept,) = listed.json["verifications"]
    shown = await verifier("show", kept["name"], "--json")

    assert first.code == 0
    assert shown.json["verification"]["verdict"]["outcome"] == "OUTCOME_ACCEPTED"


def json_samples() -> list[dict[str, dict[str, object]]]:
    path = Path(__file__).resolve().parents[2] / "clients" / "demo" / "samples.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]
