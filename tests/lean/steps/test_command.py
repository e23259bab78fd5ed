"""`verifier step lean`, as a process with a service of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from sandboxes.lean.environments import LeanEnvironment, core_cache
from tests.project.markdown import ROOT

STATEMENT = "theorem swap (p q : Prop) (h : p ∧ q) : q ∧ p := by sorry\n"


@pytest.fixture
def statement(tmp_path: Path, core: LeanEnvironment) -> Path:
    path = tmp_path / "statement.lean"
    path.write_text(STATEMENT)
    return path


async def step(said: str, *arguments: str | Path, home: Path) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "clients.command_line", "step", "lean"),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_CACHE_HOME": str(core_cache().parents[1]),
            "PYTHONPATH": str(ROOT),
        },
    )
    out, err = await process.communicate(said.encode())
    return process.returncode, out.decode(), err.decode()


async def test_a_person_finds_a_proof(statement: Path, tmp_path: Path) -> None:
    said = "constructor\nexact foo\n:undo\n:what\nexact ⟨h.2, \\\n  h.1⟩\n:quit\nnever read\n"
    code, out, err = await step(said, statement, home=tmp_path)
    assert (code, err) == (0, "")
    assert "state 1: 2 goals\n\ncase left\n" in out
    assert "tactic error at 1:6: Unknown identifier `foo`" in out
    assert out.count("state 0: 1 goal\n") == 2
    assert out.count(":goto N") == 2
    assert "ACCEPTED" in out
    assert out.endswith("by\n  exact ⟨h.2, \n    h.1⟩\n")


async def test_a_program_finds_a_proof(statement: Path, tmp_path: Path) -> None:
    requests = [
        {"tactics": ["constructor", "sorry"]},
        {"stateId": 1, "tactics": ["exact h.2"]},
        {"stateId": 2, "tactics": ["exact h.1"]},
    ]
    said = "".join(json.dumps(request) + "\n" for request in requests)
    code, out, err = await step(said, statement, "--json", home=tmp_path)
    opened, first, second, last = map(json.loads, out.splitlines())
    assert (code, err) == (0, "")
    assert opened["root"]["features"]["goalCount"] == 1
    assert [next(iter(result)) for result in first["results"]] == ["state", "givenUp"]
    assert second["results"][0]["state"]["stateId"] == 2
    assert last["results"][0]["finished"]["verdict"]["outcome"] == "OUTCOME_ACCEPTED"


async def test_no_proof_is_no_success(statement: Path, tmp_path: Path) -> None:
    code, out, _ = await step("sorry\n", statement, home=tmp_path)
    assert code == 1
    assert "given up: declaration uses `sorry`" in out


@pytest.mark.parametrize("line", ["constructor", "[]", '{"tactics": "x"}', '{"stateId": true}'])
async def test_what_is_no_request_says_how_one_looks(
    statement: Path, tmp_path: Path, line: str
) -> None:
    code, out, err = await step(line + "\n", statement, "--json", home=tmp_path)
    assert code == 2
    assert '"stateId' in out + err
    assert "is no request" in out + err


async def test_a_theorem_that_lean_refuses_is_wrong_input(tmp_path: Path) -> None:
    path = tmp_path / "broken.lean"
    path.write_text("theorem t : fooo := by sorry\n")
    code, _, err = await step("", path, home=tmp_path)
    assert code == 2
    assert "theorem: is refused by Lean: type of theorem `t` is not a proposition" in err
