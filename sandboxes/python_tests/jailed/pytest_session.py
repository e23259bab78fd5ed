"""A pytest suite as files in the jail, and pytest itself."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

PYTEST_FOLDER = "/verifier/pytest"
"""Where the jail has pytest, apart from what candidates of other problems may import."""
SUITE = "/tmp/suite"  # noqa: S108 - the jail's own

if PYTEST_FOLDER not in sys.path:
    sys.path.append(PYTEST_FOLDER)

import pytest  # noqa: E402 - is found only now
from _pytest.config import default_plugins  # noqa: E402

for _name in default_plugins:
    importlib.import_module(f"_pytest.{_name}")  # once, instead of in every run


def write_suite(files: dict[str, str], module: str, source: str) -> str:
    """Writes the suite and, under its module's name, the candidate; returns the latter's path."""
    candidate = f"{module.replace('.', '/')}.py"
    for path, text in {**files, candidate: source}.items():
        place = Path(SUITE, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode("utf-8"))
    os.chdir(SUITE)
    sys.path.insert(0, SUITE)
    return f"{SUITE}/{candidate}"


def run_pytest(candidate_path: str, plugin: object, options: Sequence[str] = ()) -> int:
    """Runs pytest over the suite, with no plugin but its own and this one; returns its exit code.

    The same options serve a suite and its canaries, so that they do not tell which one it is.
    """
    return int(
        pytest.main(
            [
                SUITE,
                f"--rootdir={SUITE}",
                f"--confcutdir={SUITE}",
                f"--ignore={candidate_path}",
                "--disable-plugin-autoload",
                "--capture=no",
                "--maxfail=0",
                *("-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:faulthandler"),
                *options,
            ],
            plugins=[plugin],
        )
    )


def base_id(node_id: str) -> str:
    """The id of a test without its parameters, bounded."""
    return node_id[:200].partition("[")[0]
