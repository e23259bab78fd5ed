"""`verifier repair lean`, as a process with the service in it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from sandboxes.lean.environments import LeanEnvironment, core_cache
from tests.clients.test_command_line import Shell
from tests.lean.repair.conftest import FIVE_DEFECTS, FIVE_STATEMENT
from tests.project.markdown import ROOT, blocks

STATEMENT = f"theorem five {FIVE_STATEMENT} := by sorry\n"


@pytest.fixture
def shell(tmp_path: Path, core: LeanEnvironment) -> Shell:
    """A shell that finds Lean's library compiled."""
    shell = Shell(tmp_path, None)
    shell._environment["VERIFIER_LEAN_CACHE"] = str(core_cache())
    shell._environment["VERIFIER_LEAN_DISCOVERY"] = "false"
    return shell


async def test_a_proof_is_repaired_shown_and_written(shell: Shell) -> None:
    statement, proof = shell.file("five.lean", STATEMENT), shell.file("proof.lean", FIVE_DEFECTS)
    ended = await shell("repair", "lean", proof, "--theorem", statement, "-o", "out.lean")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("PROVED  every hole is closed, and the proof is accepted (9 of 13")
    assert "\ncorrect/other-tactic at line 14\n  -     · norm_num\n  +     · simp\n" in ended.out
    assert "ACCEPTED  theorem-proved" in ended.out
    written = (shell.home / "out.lean").read_text()
    assert "theorem five" in written
    assert "sorry" not in written
    checked = await shell("check", "lean", "out.lean", "--theorem", statement)
    assert checked.code == 0


async def test_goals_that_are_left_are_shown(shell: Shell) -> None:
    statement = shell.file("s.lean", "theorem t (p q : Prop) (hp : p) : p ∧ q := by sorry\n")
    proof = shell.file("p.lean", "by\n  constructor\n  · exact hpp\n  · exact nothing_known\n")
    ended = await shell("repair", "lean", proof, "--theorem", statement)

    assert ended.code == 1
    assert ended.out.startswith("PARTIAL  holes are left")
    assert "Left to prove (1)\nline 4\n  case right\n  p q : Prop\n  hp : p\n  ⊢ q\n" in ended.out
    assert "Feedback\nLine 3" in ended.out


async def test_json_is_the_contracts_result(shell: Shell) -> None:
    statement = shell.file("s.lean", "theorem t (p q : Prop) (hp : p) : p ∧ q := by sorry\n")
    proof = shell.file("p.lean", "by\n  constructor\n  · exact hpp\n  · sorry\n")
    ended = await shell("repair", "lean", proof, "--theorem", statement, "--json")

    assert ended.code == 1
    result = ended.json["result"]
    assert result["ending"] == "ENDING_PARTIAL"
    assert [hole["goal"].rpartition("\n")[2] for hole in result["holes"]] == ["⊢ q"]
    assert result["lemmas"][0]["spec"]["problem"]["leanTheorem"]["name"] == "t_lemma_1"
    json.dumps(result)


async def test_a_spent_budget_is_inconclusive(shell: Shell) -> None:
    statement, proof = shell.file("five.lean", STATEMENT), shell.file("proof.lean", FIVE_DEFECTS)
    ended = await shell("repair", "lean", proof, "--theorem", statement, "--checks", "2")
    assert ended.code == 3
    assert ended.out.startswith("BUDGET SPENT")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["p.lean"], "Give --theorem", id="no-theorem"),
        pytest.param(["missing.lean", "--theorem", "s.lean"], "missing.lean", id="no-file"),
        pytest.param(["p.lean", "--theorem", "p.lean"], "states no theorem", id="no-statement"),
        pytest.param(
            ["p.lean", "--theorem", "s.lean", "--checks", "-1"], "budget.checks", id="checks"
        ),
    ],
)
async def test_what_makes_no_sense_is_said(shell: Shell, arguments: list[str], said: str) -> None:
    shell.file("p.lean", "by trivial\n")
    shell.file("s.lean", "theorem t : True := by sorry\n")
    ended = await shell("repair", "lean", *arguments)
    assert ended.code == 2
    assert said in ended.err


async def test_the_commands_of_the_page_say_what_the_page_says(shell: Shell) -> None:
    page = ROOT / "docs" / "lean-repair.md"
    (commands,) = [block.text for block in blocks(page) if block.language == "sh"]
    shown = next(block.text for block in blocks(page) if block.language == "text")
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-eu", "-c", commands],
        cwd=shell.home,
        env={**shell._environment, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(shown)
