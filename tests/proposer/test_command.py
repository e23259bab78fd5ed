"""`verifier propose`, as its users run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_command_line import Shell as Program
from tests.proposer.openai_server import serving, status, streamed

SOLUTION = "def add(a, b):\n    return a + b\n"


class Shell(Program):
    """Starts `verifier`; says exit code, standard output and standard error."""

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    line = {
        "problem": {"pythonTests": {"code": {"source": "assert add(1, 2) == 3"}}},
        "statement": "Write add(a, b).",
    }
    lines = [line | {"problem": line["problem"] | {"problemId": name}} for name in ("one", "two")]  # type: ignore[operator]
    (tmp_path / "problems.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return Shell(tmp_path, None)


def summary(out: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(out)["summary"]
    return told


async def test_a_campaign_from_problems_to_a_record(shell: Shell) -> None:
    async with serving(rule=lambda _: streamed(SOLUTION)) as server:
        code, out, err = await shell.run(
            "propose",
            "--problems",
            "problems.jsonl",
            "--model",
            server.url,
            "--json",
            "--export",
            "samples.jsonl",
            "--prices",
            "1,2",
        )
    told = summary(out)
    lines = [json.loads(line) for line in (shell.home / "samples.jsonl").read_text().splitlines()]
    accepted = [
        line for line in lines if line.get("verdict", {}).get("outcome") == "OUTCOME_ACCEPTED"
    ]

    assert code == 0, err
    assert told["states"] == {"solved": 2}
    assert told["solvedRate"]["rate"] == 1.0
    assert told["money"] > 0
    assert {line["problemId"] for line in accepted} == {"one", "two"}
    assert accepted[0]["judgement"]["candidate"] == SOLUTION
    assert "2 solved" in err

    code, out, err = await shell.run(
        "propose", "--problems", "problems.jsonl", "--model", server.url
    )
    assert (code, out) == (0, "")  # all ended: nobody is asked
    assert "Solved: 100.0%" in err


async def test_a_record_is_replayed_without_a_model(shell: Shell) -> None:
    given = (
        "propose",
        "--problems",
        "problems.jsonl",
        "--strategy",
        "self-repair",
        "--in-flight",
        "1",
    )
    async with serving(
        rule=lambda asked: streamed(SOLUTION if len(asked["messages"]) > 3 else "x = 1")
    ) as server:
        first = await shell.run(*given, "--model", server.url, "--record", "first.db", "--json")
    second = await shell.run(*given, "--replay", "first.db", "--record", "second.db", "--json")
    told = [summary(out) for _, out, _ in (first, second)]

    assert first[0] == second[0] == 0, second[2]
    assert told[0]["states"] == told[1]["states"] == {"solved": 2}
    assert told[0]["tokens"] == told[1]["tokens"]


async def test_several_servers_are_asked(shell: Shell) -> None:
    async with (
        serving(rule=lambda _: streamed(SOLUTION)) as one,
        serving(rule=lambda _: streamed(SOLUTION)) as other,
    ):
        given = (
            "propose",
            "--problems",
            "problems.jsonl",
            "--model",
            one.url,
            "--model",
            other.url,
        )
        code, _, err = await shell.run(*given)

    assert code == 0, err
    assert len(one.requests) + len(other.requests) >= 2


async def test_a_server_that_is_gone_ends_the_campaign_and_says_how_to_go_on(shell: Shell) -> None:
    async with serving() as server:
        url = server.url
    code, _, err = await shell.run("propose", "--problems", "problems.jsonl", "--model", url)

    assert code == 4
    assert "2 failed" in err
    assert "one: No model answers at" in err
    assert "Start a server there" in err


async def test_a_key_that_is_refused_is_said(shell: Shell) -> None:
    (shell.home / "key").write_text("secret\n")
    async with serving(rule=lambda _: status(401, text="wrong key")) as server:
        given = ("propose", "--problems", "problems.jsonl", "--model", server.url)
        code, _, err = await shell.run(*given, "--api-key-file", "key", "--export", "samples.jsonl")
    sent = server.headers[0]["authorization"]
    (kept, *_) = (
        json.loads(line) for line in (shell.home / "samples.jsonl").read_text().splitlines()
    )

    assert (code, sent) == (4, "Bearer secret")
    assert kept["sample"]["state"] == "failed"
    assert "wrong key" in kept["sample"]["failures"][0]
    assert "secret" not in err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "Which model? Give --model URL"),
        (("--model", "gpt"), "--model gpt is neither an address"),
        (("--model", "smollm2-135m"), "python scripts/fetch_models.py smollm2-135m"),
        (("--model", "http://localhost:1/v1", "--replay", "x"), "not both"),
        (("--replay", "nowhere.db"), "nowhere.db is not there"),
        (("--strategy", "luck"), "There is no strategy 'luck'. There are resample,"),
        (("--option", "width"), "--option width: write each option once"),
        (("--option", "widths=3"), "has no option 'widths'"),
        (("--budget", "euros=3"), "'euros=3' is no budget"),
        (("--prices", "cheap"), "--prices cheap: two prices are needed"),
        (("--api-key-file", "nowhere"), "The key's file can't be read"),
        (("--problems", "nowhere"), "nowhere can't be read: No such file or directory"),
    ],
)
async def test_what_can_not_work_is_said_with_a_way_out(
    shell: Shell, given: tuple[str, ...], told: str
) -> None:
    problems = () if "--problems" in given else ("--problems", "problems.jsonl")
    code, out, err = await shell.run("propose", *problems, *given)

    assert (code, out) == (2, ""), err
    assert told in " ".join(err.split())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "line 1 is no object"),
        ('{"statement": "x"}', "problem.criterion: is not set"),
        ('{"problem": {"problemId": "a", "logic": {}}}', "`statement` is needed"),
        ('{"problem": {"logic": {}}, "statement": "x"}', "`problem.problemId` is needed"),
        ('{"problem": {"problemId": "a", "logic": {}}, "statement": "x", "oops": 1}', "oops"),
        (
            '{"problem": {"problemId": "a", "logic": {}}, "statement": "x", "examples": 1}',
            "`examples`",
        ),
        ('{"candidate": {}, "statement": "x"}', "has a candidate"),
        ("", "has no problems"),
    ],
)
async def test_a_line_that_is_no_problem_is_named(shell: Shell, line: str, told: str) -> None:
    (shell.home / "problems.jsonl").write_text(line)
    code, _, err = await shell.run("propose", "--problems", "problems.jsonl")

    assert code == 2
    assert told in " ".join(err.split()), err
