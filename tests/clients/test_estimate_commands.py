"""`verifier estimate` and `verifier report`, as processes, on verdicts of a real service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clients.test_command_line import ROOT, Shell
from tests.clients.test_documents import blocks

TASKS = {
    f"add/{number}": (
        f"assert f(1) == {1 + number}\nassert f(2) == {2 + number}",
        [
            f"def f(x):\n    return x + {number}\n",
            f"def f(x):\n    return abs(x) + {number}\n",
            f"def f(x):\n    return x * {number} - 1\n",
        ],
    )
    for number in range(12)
}
"""By problem: tests that look at positive numbers only, and a right solution, one that they wrongly
accept, and one that they reject."""


EASIER = {"source": "assert f(0) == 0", "entryPoint": "f"}


def spec(problem: str, candidate: str, source: str, *, keep_going: bool = True) -> dict[str, Any]:
    tests = {"code": {"source": TASKS[problem][0], "entryPoint": "f"}, "keepGoing": keep_going}
    return {
        "problem": {"problemId": problem, "pythonTests": tests},
        "candidate": {"candidateId": candidate, "source": source},
    }


def jsonl(*lines: dict[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judged(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with specs, references, and verdicts by the own tests and by larger suites."""
    shell = Shell(tmp_path_factory.mktemp("judged"), None)
    shell.file(
        "specs.jsonl",
        jsonl(
            *(
                spec(problem, f"c{index}", source)
                for problem, (_, sources) in TASKS.items()
                for index, source in enumerate(sources)
            )
        ),
    )
    shell.file(
        "references.jsonl",
        jsonl(*(spec(problem, "reference", sources[0]) for problem, (_, sources) in TASKS.items())),
    )
    reference = spec("add/0", "reference", TASKS["add/0"][1][0])
    stranger = {**reference, "problem": {**reference["problem"], "problemId": "other"}}
    easier = {**reference, "problem": {**reference["problem"], "pythonTests": {"code": EASIER}}}
    shell.file("other-problem.jsonl", jsonl(stranger))
    shell.file("other-tests.jsonl", jsonl(easier))
    for arguments in (
        ("batch", "specs.jsonl", "-o", "weak.jsonl"),
        (
            *("estimate", "amplify", "specs.jsonl", "--references", "references.jsonl"),
            *("--inputs", "40", "-o", "strong-specs.jsonl"),
        ),
        ("batch", "strong-specs.jsonl", "-o", "strong.jsonl"),
    ):
        ended = await shell(*arguments)
        assert ended.code == 0, ended.err
    return shell


pytestmark = pytest.mark.asyncio(loop_scope="module")


def quantity(document: Any, name: str) -> Any:
    (found,) = [one for one in document["quantities"] if one["quantity"] == name]
    return found


async def test_rates_have_intervals_over_problems(judged: Shell) -> None:
    ended = await judged(
        *("estimate", "rates", "weak.jsonl", "--truth", "strong.jsonl", "-k", "3", "--json")
    )
    found = quantity(ended.json, "false-discovery-proportion")

    assert ended.code == 0
    assert ended.json["acceptedAndWrong"] == 12
    assert found["estimate"] == 0.5
    assert found["lower"] < 0.5 < found["upper"]
    assert found["problems"] == 12
    assert quantity(ended.json, "pass@3")["estimate"] == 1.0
    assert quantity(ended.json, "best-of-3-right")["estimate"] == 0.5


async def test_intervals_may_be_made_for_many_looks(judged: Shell) -> None:
    arguments = ("estimate", "rates", "weak.jsonl", "--truth", "strong.jsonl", "--json")
    once = quantity((await judged(*arguments)).json, "accuracy")
    always = await judged(*arguments, "--anytime", "3")
    found = quantity(always.json, "accuracy")
    late = await judged(*arguments, "--anytime", "2")

    assert found["method"] == "betting"
    assert found["estimate"] == once["estimate"]
    assert found["lower"] < found["estimate"] < found["upper"]
    assert late.code == 2
    assert "A problem has 3 samples" in late.json["error"]["message"]


async def test_every_rate_that_is_printed_has_its_interval(judged: Shell) -> None:
    ended = await judged("estimate", "rates", "weak.jsonl", "--truth", "strong.jsonl")
    rates = re.findall(r"^    (\d.*)$", ended.out, re.MULTILINE)

    assert len(rates) >= 6
    assert all("95% interval" in rate for rate in rates)


async def test_without_truth_the_way_out_is_said(judged: Shell) -> None:
    ended = await judged("estimate", "rates", "weak.jsonl")

    assert ended.code == 0
    assert "Have a stronger verifier judge the same candidates" in ended.out
    assert "pass-rate" in ended.out


async def test_an_acceptance_says_what_it_is_worth(judged: Shell) -> None:
    written = await judged(
        *("estimate", "calibrate", "weak.jsonl", "--truth", "strong.jsonl"),
        *("--problem-set", "add/*", "--specs", "specs.jsonl", "-o", "calibrations.json"),
    )
    judged.file("settings.toml", 'calibrations = "calibrations.json"\n')
    again = await judged("batch", "specs.jsonl", "-o", "-", "--config", "settings.toml")
    verdicts = [json.loads(line)["verdict"] for line in again.out.splitlines()]
    shown = await judged(
        *("check", "python", "--spec", judged.file("one.json", jsonl(spec("add/1", "c", SOURCE)))),
        *("--config", "settings.toml"),
    )

    assert written.code == 0, written.err
    assert "50.0% are wrong, 95 % interval" in written.out
    assert {one["outcome"]: "falsePositive" in one for one in verdicts} == {
        "OUTCOME_ACCEPTED": True,
        "OUTCOME_REJECTED": False,
    }
    assert re.search(r"doubt +50\.0% of such acceptances are wrong \(.* to .*\)", shown.out)


SOURCE = TASKS["add/1"][1][0]


async def test_audits_are_planned_drawn_and_counted(judged: Shell) -> None:
    most_telling = await judged("estimate", "audits", "weak.jsonl", "--count", "5", "--json")
    drawn = await judged(
        *("estimate", "audits", "weak.jsonl", "--draw", "--count", "16", "-o", "plan.jsonl"),
        "--json",
    )
    chosen = {(one["problemId"], one["candidateId"]) for one in drawn.json["audits"]}
    lines = (judged.home / "strong.jsonl").read_text().splitlines(keepends=True)
    kept = [
        line
        for line in lines
        if (json.loads(line)["problemId"], json.loads(line)["candidateId"]) in chosen
    ]
    judged.file("audited.jsonl", "".join(kept))
    part = ("--truth", "audited.jsonl")
    counted = await judged(
        *("estimate", "rates", "weak.jsonl", *part, "--plan", "plan.jsonl", "--json")
    )
    refused = await judged(
        *("estimate", "calibrate", "weak.jsonl", *part),
        *("--problem-set", "add/*", "-o", "picked.json"),
    )
    plain = await judged("estimate", "rates", "weak.jsonl", *part)

    assert len(most_telling.json["audits"]) == 5
    assert len(chosen) == len(kept) == 16
    assert quantity(counted.json, "false-discovery-proportion")["observations"] == 16
    assert "taken for a random choice" in plain.out
    assert refused.code == 2
    assert not (judged.home / "picked.json").exists()


async def test_agreement_raises_suspicion_of_those_who_differ(judged: Shell) -> None:
    """Two candidates, one right and one wrong, never agree by a majority; three may."""
    sources = [SOURCE, SOURCE + "\n", TASKS["add/1"][1][1]]
    judged.file(
        "three.jsonl",
        jsonl(*(spec("add/1", f"c{index}", source) for index, source in enumerate(sources))),
    )
    await judged("batch", "three.jsonl", "-o", "three-verdicts.jsonl")
    ended = await judged(
        *("estimate", "amplify", "three.jsonl", "--agreement", "three-verdicts.jsonl"),
        *("--suspicions", "suspicions.jsonl", "-o", "agreed.jsonl"),
    )
    lines = (judged.home / "suspicions.jsonl").read_text().splitlines()
    suspicions = {one["candidateId"]: one["suspicion"] for one in map(json.loads, lines)}

    assert ended.code == 0, ended.err
    assert suspicions["c0"] == suspicions["c1"] == 0
    assert suspicions["c2"] > 0


async def test_mutants_say_how_many_wrong_programs_pass(judged: Shell) -> None:
    ended = await judged("estimate", "mutants", "references.jsonl", "--mutants", "5", "--json")

    assert ended.code == 0, ended.err
    assert len(ended.json["problems"]) == 12
    assert "estimate" in quantity(ended.json, "false-positive-rate")


async def test_what_to_do_next_has_a_reason(judged: Shell) -> None:
    ended = await judged("estimate", "next", "weak.jsonl", "--truth", "strong.jsonl", "--json")
    without = await judged("estimate", "next", "weak.jsonl")

    assert {one["action"] for one in ended.json["problems"]} == {"stop"}
    assert all(one["reason"].endswith(".") for one in ended.json["problems"])
    assert without.code == 2
    assert "give its verdicts as --truth" in without.err


@pytest.mark.parametrize("rule", ["b4", "codet", "majority", "most-passed"])
async def test_selection_returns_candidates_that_pass_alike(judged: Shell, rule: str) -> None:
    ended = await judged("estimate", "select", "weak.jsonl", "--rule", rule, "--json")

    assert len(ended.json["problems"]) == 12
    assert all(one["candidateIds"] == ["c0", "c1"] for one in ended.json["problems"])


async def test_two_suites_tell_how_many_both_miss(judged: Shell) -> None:
    ended = await judged("estimate", "missed", "weak.jsonl", "strong.jsonl")

    assert ended.code == 0, ended.err
    assert "24 candidates were rejected: 12 by both, 0 by weak.jsonl alone" in ended.out
    assert "Suites mostly miss the same candidates" in ended.out


async def test_a_report_needs_nothing_else(judged: Shell) -> None:
    names = ["weak.jsonl", "<b>&.jsonl", "$x_{$.jsonl"]
    for name in names[1:]:
        judged.file(name, (judged.home / "weak.jsonl").read_bytes())
    truths = [option for _ in names for option in ("--truth", "strong.jsonl")]
    ended = await judged("report", *names, *truths, "-o", "report.html")
    page = (judged.home / "report.html").read_text()
    numbers = json.loads((judged.home / "report.json").read_text())

    assert ended.code == 0, ended.err
    assert [run["name"] for run in numbers["runs"]] == ["weak", "<b>&", "$x_{$"]
    assert page.count("<svg") >= 4
    assert "<b>" not in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []
    assert "missing" not in numbers["runs"][0]["utility"]
    assert "All" not in numbers["runs"][0]["audits"]["missing"].split(".")[1:]


async def test_without_the_extra_the_way_out_is_said(judged: Shell) -> None:
    hidden = judged.home / "hidden" / "numpy"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'numpy'\", name='numpy')\n"
    )
    shell = Shell(judged.home, None)
    shell._environment["PYTHONPATH"] = f"{hidden.parent}:{shell._environment['PYTHONPATH']}"
    for arguments in (("estimate", "rates", "weak.jsonl"), ("report", "weak.jsonl")):
        ended = await shell(*arguments)

        assert ended.code == 2
        assert 'pip install "neurosymbolic-verifier[server,estimation]"' in ended.err
    helped = await shell("estimate", "rates", "--help")
    assert helped.code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("rates", "none.jsonl"), "none.jsonl can't be read", id="no-file"),
        pytest.param(("rates", "specs.jsonl"), "is no line that `verifier batch`", id="specs"),
        pytest.param(
            ("rates", "weak.jsonl", "--truth", "weak.jsonl"),
            "is the same verification",
            id="itself",
        ),
        pytest.param(
            ("calibrate", "weak.jsonl", "--truth", "strong.jsonl", "--problem-set", "other/*"),
            "does not fit 'other/*'",
            id="other-set",
        ),
        pytest.param(
            (
                *("calibrate", "weak.jsonl", "--truth", "strong.jsonl"),
                *("--problem-set", "add/*", "-o", "weak.jsonl"),
            ),
            "is no file of calibrations",
            id="not-overwritten",
        ),
        pytest.param(("audits", "weak.jsonl", "--draw"), "--draw needs -o PLAN", id="no-plan"),
        pytest.param(
            ("amplify", "specs.jsonl", "-o", "x.jsonl"), "Give --references, or", id="no-source"
        ),
        pytest.param(
            ("amplify", "specs.jsonl", "--references", "specs.jsonl", "-o", "x.jsonl"),
            "two references for the problem 'add/0'",
            id="two-references",
        ),
        pytest.param(("mutants", "weak.jsonl"), "weak.jsonl, line 1: ", id="no-specs"),
        pytest.param(
            ("amplify", "specs.jsonl", "--references", "references.jsonl", "-o", "specs.jsonl"),
            "specs.jsonl is read as well",
            id="over-the-input",
        ),
        pytest.param(
            ("amplify", "specs.jsonl", "--references", "other-tests.jsonl", "-o", "x.jsonl"),
            "other tests for the problem 'add/0' than the specs",
            id="other-tests",
        ),
        pytest.param(
            ("amplify", "specs.jsonl", "--references", "other-problem.jsonl", "-o", "x.jsonl"),
            "has no reference for any problem",
            id="other-problems",
        ),
        pytest.param(("strengthen", "specs.jsonl", "-o", "x.jsonl"), "Give --ref", id="nothing"),
    ],
)
async def test_what_can_not_be_used_is_named(
    judged: Shell, arguments: tuple[str, ...], said: str
) -> None:
    before = (judged.home / "weak.jsonl").read_bytes()
    ended = await judged("estimate", *arguments)

    assert ended.code == 2
    assert said in ended.err
    assert (judged.home / "weak.jsonl").read_bytes() == before


async def test_formulas_are_put_before_a_reference(judged: Shell) -> None:
    problem = {
        "problemId": "rex",
        "logic": {
            "premises": ["all x. (Dog(x) -> Barks(x))", "Dog(rex)"],
            "expected": "ENTAILMENT_ENTAILED",
        },
    }
    formulas = {"a": "Barks(rex)", "b": "exists x. Barks(x)"}
    asked = [
        {"problem": problem, "candidate": {"candidateId": name, "source": source}}
        for name, source in formulas.items()
    ]
    judged.file("formulas.jsonl", jsonl(*asked))
    judged.file("right.jsonl", jsonl(asked[0]))
    for arguments in (
        ("batch", "formulas.jsonl", "-o", "formulas-weak.jsonl"),
        (
            *("estimate", "strengthen", "formulas.jsonl", "--references", "right.jsonl"),
            *("-o", "formulas-strong-specs.jsonl"),
        ),
        ("batch", "formulas-strong-specs.jsonl", "-o", "formulas-strong.jsonl"),
    ):
        ended = await judged(*arguments)
        assert ended.code == 0, ended.err
    ended = await judged(
        *("estimate", "rates", "formulas-weak.jsonl", "--truth", "formulas-strong.jsonl", "--json")
    )

    assert ended.json["accepted"] == 2
    assert ended.json["acceptedAndWrong"] == 1
    assert "one problem only" in quantity(ended.json, "false-discovery-proportion")["missing"]


async def test_the_page_on_estimates_runs(tmp_path: Path) -> None:
    verifier = f"{shlex.quote(sys.executable)} -m clients.command_line"
    script = "\n".join(blocks("estimate-command.md", "sh"))
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'set -e\nverifier() {{ {verifier} "$@"; }}\n{script}'),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    out, _ = await process.communicate()

    assert process.returncode == 0, out.decode()
    assert "Two problems are too few." in out.decode()
    assert (tmp_path / "report.html").exists()
