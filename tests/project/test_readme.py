"""The commands in README.md work, and print what it says."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.lean_cache import LEAN_CACHE
from tests.project.markdown import ROOT, Block, blocks

README = ROOT / "README.md"
ADDRESS = "127.0.0.1:50051"
MAKE, CHECK, SHOWN, LOGIC, PROOF, BATCH, SERVE, PYTHON, CURL = blocks(README)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new user's home, with the project's commands on the path."""
    commands = tmp_path / "bin"
    commands.mkdir()
    write_command(commands / "verifier", f"{sys.executable} -m clients.command_line")
    write_command(commands / "buf", f"{Path(sys.executable).parent / 'buf'}")
    return tmp_path


def write_command(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)


async def start(home: Path, *command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            **LEAN_CACHE,
        },
    )


async def run(home: Path, *command: str) -> tuple[int | None, str, str]:
    process = await start(home, *command)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def address(home: Path) -> AsyncIterator[str]:
    """Where the server that the page starts listens."""
    server = await start(home, *shlex.split(SERVE.text), "--address", "127.0.0.1:0")
    assert server.stdout is not None
    line = await server.stdout.readline()
    yield line.decode().removeprefix("Listening on ").strip()
    server.terminate()
    await server.communicate()
    assert server.returncode == 0


def test_the_two_commands_are_targets() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    for line in MAKE.text.splitlines():
        program, target = line.split()
        assert program == "make"
        assert target in targets


async def test_one_file_gets_the_verdict_that_is_shown(home: Path) -> None:
    code, out, err = await run(home, "sh", "-c", CHECK.text)

    assert (code, err) == (1, "")
    assert without_measurements(out) == without_measurements(SHOWN.text)


def without_measurements(text: str) -> str:
    text = re.sub(r"[\d.]+ (ms|s|MiB)\b", r"N \1", text)
    text = re.sub(r"sha256:\w+…|python3\.\d+", "X", text)
    return re.sub(r"\s+\n", "\n", text).strip()


async def test_a_conclusion_follows(home: Path) -> None:
    code, out, err = await run(home, "sh", "-c", LOGIC.text)

    assert (code, err) == (0, "")
    assert "(entailed)" in out


async def test_a_proof_is_accepted(home: Path) -> None:
    code, out, err = await run(home, "sh", "-c", PROOF.text)

    assert (code, err) == (0, "")
    assert out.startswith("ACCEPTED  theorem-proved")


async def test_the_page_on_lean_shows_what_is_printed(home: Path) -> None:
    command, shown, *_ = blocks(ROOT / "docs" / "lean.md")
    code, out, _ = await run(home, "sh", "-c", command.text)

    assert code == 0
    assert out.startswith(shown.text)


async def test_the_client_of_the_page_on_lean_is_told_what_is_open(
    home: Path, address: str
) -> None:
    *_, python = blocks(ROOT / "docs" / "lean.md")
    source = python.text.replace(ADDRESS, address)
    code, out, err = await run(home, sys.executable, "-W", "error", "-c", source)

    assert (code, out.strip()) == (0, "incomplete-proof\np q : Prop\nh : p ∧ q\n⊢ p"), err


async def test_the_page_on_logic_shows_what_is_printed(home: Path) -> None:
    command, shown, *_ = blocks(ROOT / "docs" / "logic.md")
    code, out, _ = await run(home, "sh", "-c", command.text)

    assert code == 0
    assert out.startswith(shown.text)


async def test_a_batch_writes_a_verdict_for_each_line(home: Path) -> None:
    code, _, err = await run(home, "sh", "-c", BATCH.text)
    written = (home / "verdicts.jsonl").read_text()

    assert code == 0, err
    assert re.findall(r"OUTCOME_\w+", re.sub(r'"cases":\[.*?\]', "", written)) == [
        "OUTCOME_ACCEPTED",
        "OUTCOME_REJECTED",
    ]


async def test_the_client_prints_what_its_comment_says(home: Path, address: str) -> None:
    source = PYTHON.text.replace(ADDRESS, address)
    code, out, err = await run(home, sys.executable, "-W", "error", "-c", source)
    (said,) = re.findall(r"# (.*)$", PYTHON.text, re.MULTILINE)

    assert (code, out.strip()) == (0, said), err


async def test_buf_curl_gets_a_verdict(home: Path, address: str) -> None:
    code, out, err = await run(home, "sh", "-c", CURL.text.replace(ADDRESS, address))

    assert code == 0, err
    assert '"outcome": "OUTCOME_ACCEPTED"' in out


async def test_a_verdict_is_reproduced_as_its_page_says(home: Path) -> None:
    (block,) = blocks(ROOT / "docs" / "reproduce-a-verdict.md")
    code, _, err = await run(home, "sh", "-e", "-c", block.text)
    first, second = ((home / name).read_text() for name in ("first.json", "second.json"))

    assert code == 0, err
    for field in ("verificationDigest", "outcome", "reason"):
        pattern = rf'"{field}":"([^"]+)"'
        assert re.findall(pattern, first) == re.findall(pattern, second) != []
    assert '"fromCache":true' not in second


def test_every_block_of_the_page_is_of_a_kind_that_is_run() -> None:
    kinds = {block.language for block in (MAKE, CHECK, LOGIC, BATCH, SERVE, CURL)}

    assert kinds == {"sh"}
    assert (PYTHON.language, SHOWN.language) == ("python", "text")
    assert isinstance(MAKE, Block)
