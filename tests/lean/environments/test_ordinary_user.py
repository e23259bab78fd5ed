"""A toolchain's own program in jails of an ordinary user, who has no right of root's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conformance.test_ordinary_user import as_nobody
from tests.lean.environments.conftest import link
from tests.project.markdown import ROOT

PROGRAM = """
import asyncio, sys
from pathlib import Path
from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.lean.plain import PlainRuntime
from sandboxes.lean.toolchains import find_environments
from tests.lean.conftest import LIMITS

async def main():
    core, found = find_environments({"x": Path(sys.argv[1])}, discover=False)
    print("core:", core.reason)
    sandboxes = await Sandboxes.create()
    runtime = await PlainRuntime.create(found.environment, sandboxes)
    for text in ("theorem goal : True := trivial", "theorem goal : False := trivial"):
        print((await runtime.compile((text,), limits=LIMITS, module=True)).claims_success)
    await sandboxes.close()

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests run as an ordinary user already")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv (util-linux)")
def test_a_program_finds_itself_in_an_ordinary_user_s_jail(toolchain: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        visible = shutil.copytree(toolchain, Path(folder) / "lean", copy_function=link)
        visible.chmod(0o755)
        ran = subprocess.run(
            as_nobody(sys.executable, "-c", PROGRAM, str(visible)),
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/nonexistent",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
        )

    core, *claims = ran.stdout.splitlines()
    assert claims == ["True", "False"], ran.stderr
    assert "can't be kept in /nonexistent/.cache/verifier/lean" in core
    assert "Set `lean_cache`" in core
