"""`verifier doctor` says which Leans were looked for, and what was there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def doctor(folder: Path, environments: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Its exit code, and what it finds about Lean by the place that was looked at."""
    settings = {
        "VERIFIER_LEAN_ENVIRONMENTS": json.dumps(environments),
        "VERIFIER_STORE_PATH": str(folder / "verdicts.sqlite3"),
        "ELAN_HOME": str(folder / "elan"),
        "PATH": os.defpath,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "clients.command_line", "doctor", "--json"],
        env={**os.environ, **settings, "PYTHONPATH": os.getcwd()},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    found = json.loads(ran.stdout)["findings"]
    return ran.returncode, {
        one["name"].removeprefix("lean: "): one for one in found if one["name"].startswith("lean: ")
    }


def test_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    _, found = doctor(tmp_path, {})

    assert (
        "lean4-core: Lean 4.35.0, commit eb6cafb7290e"
        in (found["the service's own packages"]["detail"])
    )
    assert found["elan"]["state"] == found["PATH"]["state"] == "ok"
    assert "There is no toolchain in" in found["elan"]["detail"]


def test_what_was_named_and_is_not_there_is_a_failure(tmp_path: Path, toolchain: Path) -> None:
    broken = tmp_path / "elan" / "toolchains" / "leanprover--lean4---v4.9.0"
    broken.mkdir(parents=True)
    code, found = doctor(tmp_path, {"good": str(toolchain), "x": str(tmp_path / "nowhere")})

    assert code == 4
    assert found["lean_environments.good"]["state"] == "ok"
    assert "lean4-good: Lean 4.35.0" in found["lean_environments.good"]["detail"]
    assert found["lean_environments.x"]["state"] == "fail"
    assert found["lean_environments.x"]["detail"].endswith("nowhere does not exist.")
    assert found["the elan toolchain leanprover--lean4---v4.9.0"]["state"] == "warn"
