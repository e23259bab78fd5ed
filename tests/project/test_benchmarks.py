"""Benchmarks run, and say what they measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.sandbox import BARE, MODES, chosen

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modes_are_measured_or_said_to_be_missing(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    few = ["--rounds=1", "--count=2", "--growth=1", f"--json={figures}"]
    said = run("benchmarks.sandbox", *few, "--only=single*", "--only=split, Docker runc")
    measured = json.loads(figures.read_text())
    names = [row["mode"] for row in measured["modes"]]
    assert names[:2] == [BARE, "single jailed run"]
    assert all(row["p50_ms"] > 0 and row["per_second"] > 0 for row in measured["modes"])
    assert ("split, Docker runc" in names) != ("split, Docker runc: not run:" in said)
    assert "memory of the jail" in said


def test_layers_are_measured() -> None:
    rows = json.loads(run("benchmarks.layers", "--rounds=1", "--json"))
    assert {"fork, candidate run", "all of these"} <= {row["layers"] for row in rows}
    assert all(row["p50_seconds"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        pytest.param([], [mode.name for mode in MODES], id="all"),
        pytest.param(["split"], [BARE, "split"], id="with-baseline"),
        pytest.param(["nothing"], [], id="none"),
    ],
)
def test_modes_are_chosen_by_name(patterns: list[str], names: list[str]) -> None:
    assert [mode.name for mode in chosen(patterns)] == names
