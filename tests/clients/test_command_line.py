"""`verifier`, as a process: exit codes, what goes to which stream, files that survive."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.clients.conftest import spec_of
from tests.clients.service import MiniatureService
from tests.clients.test_batch import spec_line
from tests.lean_cache import LEAN_CACHE
from verifier_service.model import (
    CallCases,
    InvalidSpec,
    PythonTests,
    State,
    StdioCases,
    TestCode,
    Verification,
)
from verifier_service.v1 import verifier_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


class Shell:
    """Starts `verifier` in an environment of its own."""

    def __init__(self, home: Path, server: str | None) -> None:
        self.home = home
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "COLUMNS": "100",
            **LEAN_CACHE,
        }
        if server is not None:
            self._environment["VERIFIER_SERVER"] = server

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clients.command_line",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.home,
            env=self._environment,
        )

    async def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended:
        process = await self.start(*arguments)
        out, err = await process.communicate(stdin)
        return Ended(process.returncode or 0, out.decode(), err.decode())

    def file(self, name: str, content: str | bytes) -> str:
        raw = content.encode() if isinstance(content, str) else content
        (self.home / name).write_bytes(raw)
        return name


@pytest.fixture
async def verifier(service: MiniatureService, tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell whose `verifier` speaks to the miniature service."""
    server = grpc.aio.server()
    verifier_pb2_grpc.add_VerifierServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield Shell(tmp_path, f"127.0.0.1:{port}")
    await server.stop(grace=None)


# check ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("accept", 0, "ACCEPTED"),
        ("reject", 1, "REJECTED"),
        ("unsure", 3, "INCONCLUSIVE"),
    ],
)
async def test_check_ends_with_the_code_of_the_verdict(
    verifier: Shell, words: str, code: int, said: str
) -> None:
    candidate = verifier.file("candidate.py", words)
    tests = verifier.file("tests.py", "assert True")
    ended = await verifier("check", "python", candidate, "--tests", tests)

    assert (ended.code, ended.err) == (code, "")
    assert ended.out.startswith(said)
    assert "\x1b" not in ended.out


@pytest.mark.parametrize(
    ("words", "code"),
    [("INVALID_SPEC", 2), ("UNKNOWN_ENVIRONMENT", 2), ("EXECUTOR_FAULT", 4), ("NOT_CACHED", 4)],
)
async def test_an_error_is_no_verdict(verifier: Shell, words: str, code: int) -> None:
    tests = verifier.file("tests.py", "assert True")
    ended = await verifier("check", "python", "-", "--tests", tests, stdin=words.encode())

    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err


async def test_json_goes_to_standard_output_alone(verifier: Shell) -> None:
    tests = verifier.file("tests.py", "assert True")
    good = await verifier("check", "python", "-", "--tests", tests, "--json", stdin=b"accept")
    bad = await verifier("check", "python", "-", "--tests", tests, "--json", stdin=b"NOT_CACHED")

    assert (good.code, good.json["verdict"]["outcome"], good.err) == (0, "OUTCOME_ACCEPTED", "")
    assert (bad.code, bad.json["error"]["details"][0]["reason"], bad.err) == (4, "NOT_CACHED", "")


async def test_a_whole_spec_can_be_checked(verifier: Shell) -> None:
    spec = verifier.file("spec.json", spec_line("reject"))
    candidate = verifier.file("other.py", "accept")

    assert (await verifier("check", "python", "--spec", spec)).code == 1
    assert (await verifier("check", "python", candidate, "--spec", spec)).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["check", "python"], "--tests", id="nothing-given"),
        pytest.param(["check", "python", "absent.py", "--tests", "t.py"], "can't be read", id="no"),
        pytest.param(["check", "python", "-", "--tests", "-"], "Only one", id="stdin-twice"),
        pytest.param(["check", "python", "c.py", "--tests", "latin.py"], "UTF-8", id="latin-1"),
        pytest.param(["check", "python", "c.py", "--tests", "bad.json"], "JSON", id="bad-json"),
        pytest.param(["check", "python", "c.py", "--tests", "odd.json"], "cases", id="no-cases"),
        pytest.param(
            ["check", "python", "c.py", "--tests", "t.py", "--memory", "lots"], "MiB", id="size"
        ),
        pytest.param(["check", "python", "--spec", "odd.json"], "VerificationSpec", id="spec"),
        pytest.param(["chek"], "chek", id="unknown-command"),
        pytest.param(["list", "--limit", "many"], "--limit", id="not-a-number"),
        pytest.param(["batch", "absent.jsonl"], "can't be read", id="no-batch"),
        pytest.param(["batch", "b.jsonl", "-o", "b.jsonl"], "is the input", id="onto-itself"),
        pytest.param(["batch", "b.jsonl", "-o", "/dev/null"], "regular file", id="no-file"),
    ],
)
async def test_wrong_usage_is_said_and_ends_with_2(
    verifier: Shell, arguments: list[str], said: str
) -> None:
    for name, content in {
        "c.py": b"accept",
        "t.py": b"assert True",
        "latin.py": b"# caf\xe9",
        "bad.json": b"{",
        "odd.json": b'{"cases": 3, "x": 1}',
        "b.jsonl": b"{}\n",
    }.items():
        verifier.file(name, content)
    plain, as_json = await asyncio.gather(verifier(*arguments), verifier(*arguments, "--json"))

    assert (plain.code, plain.out) == (2, "")
    assert said in plain.err
    assert "Traceback" not in plain.err
    if arguments[0] != "batch":
        assert (as_json.code, as_json.err) == (2, "")
        assert as_json.json["error"]["code"] == 3


async def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "127.0.0.1:1")
    ended = await shell("list")

    assert ended.code == 4
    assert "127.0.0.1:1" in ended.err
    assert "verifier serve" in ended.err


async def test_credentials_without_a_server_are_refused(tmp_path: Path) -> None:
    ended = await Shell(tmp_path, None)("list", "--token", "x")

    assert ended.code == 2
    assert "--server" in ended.err


async def test_a_token_file_is_read(verifier: Shell, service: MiniatureService) -> None:
    token = verifier.file("token", "secret\n")
    await verifier("list", "--token-file", token)

    assert service.tokens == ["Bearer secret"]


# Kept verifications -----------------------------------------------------------------------------


async def test_kept_verifications_are_listed_and_shown(
    verifier: Shell, service: MiniatureService
) -> None:
    for name in ("aa1", "ab2"):
        service.kept[name] = Verification(
            verification_id=name,
            spec=spec_of("accept", problem_id=f"problem-{name}"),
            state=State.FAILED,
            create_time=1.0,
            error=InvalidSpec("Broken."),
        )
    listed, shown, by_prefix, unclear, unknown = await asyncio.gather(
        verifier("list", "--json"),
        verifier("show", "aa1"),
        verifier("show", "ab", "--json"),
        verifier("show", "a"),
        verifier("show", "zz"),
    )

    assert [one["name"] for one in listed.json["verifications"]] == [
        "verifications/aa1",
        "verifications/ab2",
    ]
    assert "problem-aa1" in shown.out
    assert "INVALID_SPEC" in shown.out
    assert by_prefix.json["verification"]["name"] == "verifications/ab2"
    assert (unclear.code, unknown.code) == (2, 2)


async def test_doctor_asks_the_server(verifier: Shell) -> None:
    plain, as_json = await asyncio.gather(verifier("doctor"), verifier("doctor", "--json"))

    assert (plain.code, as_json.code) == (0, 0)
    assert "environment: miniature" in plain.out
    assert as_json.json["capabilities"]["slotCount"] == 4


async def test_config_says_where_values_come_from(tmp_path: Path) -> None:
    shell = Shell(tmp_path, None)
    config = shell.file("verifier.toml", "slots = 3\n[default_limits]\ncpu_seconds = 2.0\n")
    shown = (await shell("config", "show", "--config", config, "--json")).json
    wrong = await shell("config", "show", "--config", shell.file("w.toml", "slotz = 3\n"))

    assert (shown["settings"]["slots"], shown["origins"]["slots"]) == (3, config)
    assert shown["settings"]["default_limits.cpu_seconds"] == 2.0
    assert wrong.code == 2
    assert "slots" in wrong.err


# batch ------------------------------------------------------------------------------------------


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_batch_writes_a_line_for_each_and_a_summary(verifier: Shell) -> None:
    lines = [spec_line(word, n) for n, word in enumerate(["accept", "reject", "accept"])]
    specs = verifier.file("specs.jsonl", b"".join([*lines, b"\xff\n"]))
    ended = await verifier("batch", specs, "-o", "out.jsonl", "--json")

    assert ended.code == 0
    assert ended.json["summary"]["lines"] == 4
    assert "2 accepted, 1 rejected" in ended.err
    assert "95 % interval" in ended.err
    assert [line["candidateId"] for line in written(verifier.home / "out.jsonl")] == [
        "0",
        "1",
        "2",
        "",
    ]


async def test_batch_goes_from_pipe_to_pipe(verifier: Shell) -> None:
    ended = await verifier("batch", "-", stdin=spec_line("accept") + b"{}\n" + spec_line("reject"))

    assert ended.code == 0
    assert [sorted(json.loads(line)) for line in ended.out.splitlines()] == [
        ["candidateId", "problemId", "verdict"],
        ["candidateId", "error", "problemId"],
        ["candidateId", "problemId", "verdict"],
    ]


async def test_another_output_is_not_overwritten_unless_asked(verifier: Shell) -> None:
    specs = verifier.file("specs.jsonl", spec_line("accept"))
    output = verifier.file("out.jsonl", "my diary\n")
    refused = await verifier("batch", specs, "-o", output)
    forced = await verifier("batch", specs, "-o", output, "--restart")

    assert (refused.code, forced.code) == (2, 0)
    assert "--restart" in refused.err
    assert len(written(verifier.home / output)) == 1


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGKILL, -signal.SIGKILL, id="kill"),
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="term"),
    ],
)
async def test_a_batch_that_was_ended_midway_can_be_gone_on_with(
    verifier: Shell, number: signal.Signals, code: int
) -> None:
    count = 200
    specs = b"".join(spec_line("wait 0.02 then accept", n) for n in range(count))
    arguments = ("batch", verifier.file("specs.jsonl", specs), "-o", "out.jsonl")
    output = verifier.home / "out.jsonl"
    process = await verifier.start(*arguments)
    while not output.exists() or output.read_bytes().count(b"\n") < 20:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    process.send_signal(number)
    _, err = await process.communicate()
    kept = output.read_bytes().count(b"\n")

    assert process.returncode == code
    assert 20 <= kept < count
    if number is not signal.SIGKILL:
        assert b"Run the same command again" in err
        assert output.read_bytes().endswith(b"\n")
    again = await verifier(*arguments)
    assert again.code == 0
    assert f"({kept} of them from an earlier run)" in again.err
    assert [line["candidateId"] for line in written(output)] == [str(n) for n in range(count)]


async def test_ctrl_c_ends_a_batch_that_waits_for_its_input(verifier: Shell) -> None:
    process = await verifier.start("batch", "-", "--session-id", "s")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(spec_line("accept"))
    assert b"OUTCOME_ACCEPTED" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    err = await asyncio.wait_for(process.stderr.read(), 10)

    assert (await process.wait(), err) == (130, b"Interrupted.\n")


async def test_two_runs_do_not_write_to_one_file(verifier: Shell) -> None:
    specs = verifier.file("specs.jsonl", spec_line("wait 5 then accept"))
    first = await verifier.start("batch", specs, "-o", "out.jsonl")
    while not (verifier.home / "out.jsonl").exists():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    second = await verifier("batch", specs, "-o", "out.jsonl")
    first.terminate()
    await first.communicate()

    assert second.code == 2
    assert "Another run" in second.err


async def test_a_batch_whose_server_goes_away_says_so_and_ends_with_4(tmp_path: Path) -> None:
    shell = Shell(tmp_path, "127.0.0.1:1")
    specs = shell.file("specs.jsonl", spec_line("accept"))
    ended = await shell("batch", specs, "-o", "out.jsonl")

    assert ended.code == 4
    assert "127.0.0.1:1" in ended.err
    assert (tmp_path / "out.jsonl").read_bytes() == b""


# Files of tests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("t.py", "assert f(1) == 2", TestCode),
        ("t.json", '[{"argumentsJson": "[1]", "expectedJson": "2"}]', CallCases),
        ("t.json", '{"entryPoint": "f", "cases": [{"expectedJson": "2"}]}', CallCases),
        ("t.json", '{"stdio": {"cases": [{"stdin": "1", "stdout": "2"}]}}', StdioCases),
        ("t.json", '{"code": {"source": "assert f"}, "keepGoing": true}', TestCode),
        ("t.jsonl", '{"stdin": "1", "stdout": "2"}\n\n{"stdin": "", "stdout": ""}\n', StdioCases),
    ],
)
def test_files_of_tests_are_told_apart(name: str, text: str, kind: type) -> None:
    from clients.command_line.reading import python_form

    criterion = python_form(Path(name), text, "f")

    assert isinstance(criterion, PythonTests)
    assert type(criterion.form) is kind
    assert getattr(criterion.form, "entry_point", "f") == "f"


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MiB", 2**29), ("1G", 10**9), ("64 KiB", 2**16), ("7", 7), ("1kb", 1000), ("2b", 2)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    from clients.command_line.reading import parse_bytes

    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5G", "1ib", "GiB", "1T", "9" * 40])
def test_what_is_no_size_is_refused(text: str) -> None:
    from clients.command_line.reading import parse_bytes

    with pytest.raises(ValueError, match="no size"):
        parse_bytes(text)


async def test_a_missing_extra_is_said_in_a_sentence(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['typer'] = None; from clients.command_line import main; main()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()

    assert process.returncode == 2
    assert b'pip install "neurosymbolic-verifier[server]"' in err
    assert b"Traceback" not in err
