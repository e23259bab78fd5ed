"""The Python of jails, and the packages that are put beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest

from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.packages import PackageSet, UnusablePackages


def test_a_package_comes_with_what_it_needs_and_nothing_else() -> None:
    found = PackageSet.of(["pytest"])
    names = {tool.partition("@")[0] for tool in found.tools}

    assert {"pytest", "pluggy", "iniconfig"} <= names
    assert "pytest-timeout" not in names
    assert {"pytest"} <= set(found.modules)
    assert "pluggy" not in found.modules


def test_files_are_bound_as_wholes_and_none_of_others() -> None:
    found = PackageSet.of(["pytest"])
    inside = {str(path) for _, path in found.files}
    owned = {
        Path(str(file.locate()))
        for tool in found.tools
        for file in metadata.files(tool.partition("@")[0]) or ()
    }

    assert {"pytest", "_pytest", "pluggy"} <= inside
    for outside, _ in found.files:
        held = [outside] if outside.is_file() else [p for p in outside.rglob("*") if p.is_file()]
        assert {path for path in held if "__pycache__" not in path.parts} <= owned


def test_a_folder_that_others_use_too_is_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        (tmp_path / "shared" / name).mkdir(parents=True)
        (tmp_path / "shared" / name / "__init__.py").touch()
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1\n")
        (info / "RECORD").write_text(
            f"shared/{name}/__init__.py,,\n{name}-1.dist-info/METADATA,,\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))

    found = {path for _, path in PackageSet.of(["one"]).files}

    assert PurePosixPath("shared/one") in found
    assert not found & {PurePosixPath("shared"), PurePosixPath("shared/other")}


def test_the_digest_is_that_of_the_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(text: str) -> str:
        info = tmp_path / "thing-1.dist-info"
        info.mkdir(exist_ok=True)
        (tmp_path / "thing.py").write_text(text)
        (info / "METADATA").write_text("Name: thing\nVersion: 1\n")
        (info / "RECORD").write_text("thing.py,,\nthing-1.dist-info/METADATA,,\n")
        return PackageSet.of(["thing"]).digest

    monkeypatch.syspath_prepend(str(tmp_path))
    first = install("x = 1\n")

    assert install("x = 1\n") == first
    assert install("x = 2\n") != first
    assert PackageSet.of(["thing"]).modules == ("thing",)


@pytest.mark.parametrize(
    ("requirement", "says"),
    [
        pytest.param("no-such-thing", "pip install 'no-such-thing'", id="missing"),
        pytest.param("no-such-thing>=3", "pip install 'no-such-thing>=3'", id="missing-version"),
        pytest.param("pytest<1", "pip install 'pytest<1'", id="other-version"),
        pytest.param("two words", "names no package", id="malformed"),
        pytest.param("", "names no package", id="empty"),
    ],
)
def test_what_is_not_there_is_said_with_the_way_out(requirement: str, says: str) -> None:
    with pytest.raises(UnusablePackages) as refused:
        PackageSet.of([requirement])

    assert says in str(refused.value)


def test_a_need_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "thing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Name: thing\nVersion: 1\nRequires-Dist: no-such-thing\n"
        'Requires-Dist: other; extra == "more"\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(UnusablePackages, match="no-such-thing is needed by thing"):
        PackageSet.of(["thing"])


def test_files_that_are_not_listed_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thing-1.dist-info").mkdir()
    (tmp_path / "thing-1.dist-info" / "METADATA").write_text("Name: thing\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(UnusablePackages, match="without a list of its files"):
        PackageSet.of(["thing"])


def test_environments_are_told_apart() -> None:
    plain, numpy = Interpreter.running(), Interpreter.running("numpy", ["numpy"])
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"

    assert (plain.name, numpy.name) == (version, f"{version}-numpy")
    assert plain.digest != numpy.digest
    assert (plain.preload, numpy.preload) == ((), ("numpy",))
    assert f"numpy@{metadata.version('numpy')}" in numpy.tools
    assert numpy.environment["OPENBLAS_NUM_THREADS"] == "1"
    assert "numpy" not in " ".join(str(inside) for _, inside in plain.packages)


def test_a_package_s_libraries_are_bound_once() -> None:
    numpy = Interpreter.running("numpy", ["numpy"])
    beside = {str(inside) for _, inside in numpy.packages}

    assert any(path.startswith("/verifier/packages/numpy") for path in beside)
    assert [path for path in numpy.files if "site-packages" in path.parts] == []


def test_importing_numpy_starts_no_thread() -> None:
    environment = Interpreter.running("numpy", ["numpy"]).environment
    single = {name: value for name, value in environment.items() if name.endswith("_THREADS")}
    count = "import numpy, os; print(len(os.listdir('/proc/self/task')))"
    said = subprocess.run(
        [sys.executable, "-c", count],
        env={**os.environ, **single},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "1"
