"""The same as an ordinary user, where the tests run as root: no right of root's is needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.markdown import ROOT

NOBODY = "65534"
ONLY = (
    "reach/*",
    "behaviours/leaves-*",
    "behaviours/memory-of-many-processes",
    "behaviours/kills-*",
    "lifecycle/*-killed",
    "lifecycle/limits-*",
    "lifecycle/runs-*",
    "lifecycle/neighbours-*",
    "chaos/one-of-each",
    "forgeries/honest/*",
    "forgeries/shared/*",
)
# A Python that is installed below a folder of root's own is made reachable in a mount namespace of
# the test's own: everything that hides it is replaced by empty folders around it.
REACHABLE = """
set -e
kept=$(mktemp -d)
mount --bind "$1" "$kept"
mount -t tmpfs -o mode=755 tmpfs "$2"
mkdir -p "$1"
mount --move "$kept" "$1"
rmdir "$kept"
shift 2
exec "$@"
"""


def as_nobody(*command: str) -> list[str]:
    """A command line that runs another one as nobody."""
    lowered = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", *command]
    home = Path(sys.base_prefix).resolve()
    hidden = [folder for folder in home.parents if not folder.stat().st_mode & 0o001]
    if not hidden:
        return lowered
    reachable = ["sh", "-c", REACHABLE, "sh", str(home), str(hidden[-1])]
    return ["unshare", "--mount", "--propagation", "private", *reachable, *lowered]


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests run as an ordinary user already")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv (util-linux)")
def test_an_ordinary_user_has_the_same_sandbox(tmp_path: Path) -> None:
    patterns = [part for pattern in ONLY for part in ("--only", pattern)]
    done = subprocess.run(
        as_nobody(sys.executable, "-m", "sandboxes.conformance", "--json", *patterns),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one for one in findings if one["state"] != "passed"] == [], done.stderr
    assert done.returncode == 0, done.stderr
    assert len(findings) > 120
