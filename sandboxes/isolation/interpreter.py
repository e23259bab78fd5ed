"""The Python that runs in jails: this one's executable and standard library, and nothing more."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Interpreter"]

_DECIDING_SOURCES: Final = ("isolation", "python_tests")
"""Folders of ours that can change a verdict: what runs in jails, the jails, and the judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What to bind into a jail, and how to start it."""

    version: str
    """"3.11.7"."""
    command: tuple[str, ...]
    environment: dict[str, str]
    files: tuple[Path, ...]
    """Files and folders that appear in the jail, read-only, under the same path."""
    hidden: tuple[Path, ...]
    """Folders inside of those that appear empty: packages of this machine's own."""
    digest: str
    """`sha256:…` over the executable, its version and our own sources that judge."""

    @property
    def name(self) -> str:
        """Name of the environment: "python3.11"."""
        return "python" + ".".join(self.version.split(".")[:2])

    @classmethod
    def running(cls) -> Interpreter:
        """The one that runs this."""
        executable = Path(sys.executable).resolve()
        library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
        extensions = sorted(
            path
            for path in (library / "lib-dynload").glob("*.so")
            if not path.name.startswith("_tkinter")  # needs a screen, and 20 more libraries
        )
        hidden = [library / name for name in ("site-packages", "dist-packages", "test")]
        files = [executable, library, *_shared_libraries([executable, *extensions])]
        cache = Path("/etc/ld.so.cache")
        return cls(
            version=".".join(map(str, sys.version_info[:3])),
            command=(str(executable), "-s", "-S", "-P", "-B"),
            environment={
                "PYTHONHASHSEED": "0",
                "PYTHONUTF8": "1",
                "PYTHONHOME": sys.base_prefix,
                "PYTHONPATH": "/verifier",
            },
            files=tuple([*files, cache] if cache.exists() else files),
            hidden=tuple(path for path in hidden if path.is_dir()),
            digest=_digest(executable),
        )


def _shared_libraries(binaries: Iterable[Path]) -> list[Path]:
    """Shared libraries that these need, as the dynamic linker resolves them, and the linker."""
    if (ldd := shutil.which("ldd")) is None:
        return [path for path in map(Path, ("/lib", "/lib64", "/usr/lib")) if path.exists()]
    said = subprocess.run(
        [ldd, *map(str, binaries)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    ).stdout
    found = {Path(match) for match in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.MULTILINE)}
    return sorted(found)


def _digest(executable: Path) -> str:
    whole = hashlib.sha256(sys.version.encode() + b"\0")
    whole.update(hashlib.sha256(executable.read_bytes()).digest())
    here = Path(__file__).resolve().parents[1]
    for folder in _DECIDING_SOURCES:
        for source in sorted((here / folder).rglob("*.py")):
            whole.update(hashlib.sha256(source.read_bytes()).digest())
    return f"sha256:{whole.hexdigest()}"
