"""What is packaged, and what must not be a package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import verifier_service
from tests.project.markdown import ROOT

PACKAGES = ("verifier_service", "sandboxes", "proposer", "clients")


@pytest.mark.parametrize("folder", ["docker", "proto"])
def test_no_folder_shadows_a_library(folder: str) -> None:
    """`docker` is the Docker SDK's import name, and `proto` is proto-plus's.

    With an `__init__.py` in it, a folder of that name in the repository's root is a package, which
    Python and mypy find before the installed one. Without, the installed one wins.
    """
    assert (ROOT / folder).is_dir()
    assert list((ROOT / folder).rglob("__init__.py")) == []


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == verifier_service.__version__
    assert f" {verifier_service.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names of the files in a wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_a_wheel_holds_every_file_of_the_packages(wheel: list[str]) -> None:
    missing = [path for path in tracked() if path.split("/")[0] in PACKAGES and path not in wheel]

    assert missing == []


def test_a_wheel_holds_the_data_that_the_code_reads(wheel: list[str]) -> None:
    typed = [f"{package}/py.typed" for package in PACKAGES]
    data = ["verifier_service/store/migrations/0001.sql", "clients/demo/samples.jsonl"]

    assert set(typed + data) <= set(wheel)
    assert any(name.endswith("/licenses/LICENSE") for name in wheel)


def test_a_wheel_holds_nothing_else(wheel: list[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == set(PACKAGES)


def tracked() -> list[str]:
    """Files that git knows, as paths from the root."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    return [path for path in listed.stdout.decode().split("\0") if path and (ROOT / path).is_file()]


def test_no_file_names_a_place_of_somebodys_machine() -> None:
    """Homes, workplaces and package mirrors of a machine mean nothing on another."""
    places = re.compile(rb"(?<![\w.:/-])/(?:root|work|opt|home/\w+|Users/\w+)/")

    assert [path for path in tracked() if places.search(read(path))] == []


def read(path: str) -> bytes:
    return Path(ROOT / path).read_bytes()
