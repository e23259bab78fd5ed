"""`python -m sandboxes.conformance` as others run it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.project.markdown import ROOT


def conformance(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandboxes.conformance", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_table_says_what_was_looked_at() -> None:
    done = conformance("--only", "reach/root", "--only", "forgeries/honest/calls")

    assert done.returncode == 0, done.stderr
    assert "reach/root" in done.stdout
    assert "2 passed, 0 failed, 0 skipped" in done.stdout


def test_json_is_one_finding_a_line() -> None:
    done = conformance("--json", "--only", "reach/capab*")

    (finding,) = map(json.loads, done.stdout.splitlines())
    assert (finding["name"], finding["state"]) == ("reach/capabilities", "passed")
    assert finding["layers"] == ["no-capabilities"]


@pytest.mark.parametrize(
    ("backend", "code"),
    [
        pytest.param("tests.conformance.unjailed:liar", 1, id="failed"),
        pytest.param("tests.conformance.unjailed:modest", 3, id="skipped"),
    ],
)
def test_the_exit_code_is_0_only_if_all_pass(backend: str, code: int) -> None:
    done = conformance("--backend", backend, "--only", "reach/new-privileges")

    assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--backend", "chroot"), "bubblewrap, docker, docker-runsc", id="unknown"),
        pytest.param(("--backend", "no_such.module:x"), "can't be imported", id="not-importable"),
        pytest.param(("--backend", "os:sep"), "not a function", id="no-function"),
        pytest.param(("--only", "reach/nothing"), "No check", id="no-such-check"),
        pytest.param(("--server", "x:1", "--verifier", "x"), "one of", id="two-judges"),
    ],
)
def test_what_can_not_be_done_says_why(arguments: tuple[str, ...], said: str) -> None:
    done = conformance(*arguments)

    assert done.returncode == 2
    assert said in done.stderr
