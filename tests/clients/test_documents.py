"""The code in docs/client.md, docs/command-line.md and docs/logic.md runs."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.clients.test_command_line import ROOT, Shell
from tests.lean_cache import LEAN_CACHE

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / "docs" / name).read_text()
    return [code for kind, code in _BLOCK.findall(text) if kind == language]


async def test_the_client_page_runs_against_a_real_server(tmp_path: Path) -> None:
    ended = await against_a_server(blocks("client.md", "python"), tmp_path)

    assert ended[0] == 0, ended[2]
    assert "Outcome.ACCEPTED tests-passed 1.0" in ended[1]
    assert "found root/3" in ended[1]


async def test_the_vote_of_the_page_on_logic_ends_early(tmp_path: Path) -> None:
    ended = await against_a_server(blocks("logic.md", "python"), tmp_path)

    assert ended[:2] == (0, blocks("logic.md", "text")[-1]), ended[2]


async def against_a_server(code: list[str], home: Path) -> tuple[int | None, str, str]:
    server = await Shell(home, None).start("serve", "--address", "127.0.0.1:0")
    assert server.stdout is not None
    address = (await server.stdout.readline()).decode().removeprefix("Listening on ").strip()
    ended = await python("\n".join(code).replace("127.0.0.1:50051", address), home)
    server.terminate()
    await server.communicate()

    assert server.returncode == 0
    return ended


async def python(code: str, home: Path) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(home),
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def environment(home: Path) -> dict[str, str]:
    """Of a new user."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        **LEAN_CACHE,
    }


@pytest.mark.parametrize("index", range(6))
async def test_the_command_line_page_runs(tmp_path: Path, index: int) -> None:
    verifier = f"{shlex.quote(sys.executable)} -m clients.command_line"
    script = f'set -e\nverifier() {{ {verifier} "$@"; }}\n{blocks("command-line.md", "sh")[index]}'
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        script,
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(tmp_path),
    )
    out, _ = await process.communicate()

    assert process.returncode == 0, out.decode()


def test_every_block_of_the_pages_is_run() -> None:
    assert len(blocks("command-line.md", "sh")) == 6
