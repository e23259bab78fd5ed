"""The Python that runs in jails: this one's executable, standard library, and chosen packages."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from sandboxes.isolation.packages import PackageSet, UnusablePackages

__all__ = ["Interpreter", "shared_libraries"]

_DECIDING_SOURCES: Final = ("isolation", "python_tests")
"""Folders of ours that can change a verdict: what runs in jails, the jails, and the judge."""
_PACKAGES: Final = PurePosixPath("/verifier/packages")
"""Where jails have the packages of their environment; on `sys.path`."""
_PYTEST: Final = PurePosixPath("/verifier/pytest")
"""Where jails have pytest; on the `sys.path` of those processes only that run it."""
_SINGLE_THREADED: Final = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")
}
"""A process that forks runs must have one thread, whatever numerical libraries it has imported."""

_READING: Final = threading.Lock()
"""Reading requirements makes syntax trees, which Python 3.11 can't do in two threads at a time:
its count of their depth is one for all (`SystemError: AST constructor recursion depth mismatch`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What to bind into a jail, and how to start it."""

    name: str
    """Name of the environment: "python3.11", "python3.11-numpy"."""
    tools: tuple[str, ...]
    """Python and the packages that candidates may import, with their versions."""
    command: tuple[str, ...]
    environment: dict[str, str]
    files: tuple[Path, ...]
    """Files and folders that appear in the jail, read-only, under the same path."""
    hidden: tuple[Path, ...]
    """Folders inside of those that appear empty: packages of this machine's own."""
    packages: tuple[tuple[Path, Path], ...]
    """Files and folders that appear in the jail, read-only, under another path."""
    preload: tuple[str, ...]
    """Modules of packages that a jail imports once, before its runs."""
    runs_pytest: bool
    """Whether pytest is installed here, and so in the jail."""
    digest: str
    """`sha256:…` over the executable, its version, all packages and our own sources that judge."""

    @classmethod
    def running(cls, label: str = "", requirements: Iterable[str] = ()) -> Interpreter:
        """The one that runs this, with packages that are installed beside it.

        Raises:
            UnusablePackages: A package is not there, or can't be used.
        """
        executable = Path(sys.executable).resolve()
        library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
        extensions = sorted(
            path
            for path in (library / "lib-dynload").glob("*.so")
            if not path.name.startswith("_tkinter")  # needs a screen, and 20 more libraries
        )
        with _READING:
            packages, runner = PackageSet.of(requirements), _pytest()
        bound = [(_PACKAGES, packages)] + ([(_PYTEST, runner)] if runner else [])
        binaries = [executable, *extensions, *(one for _, each in bound for one in each.extensions)]
        hidden = [library / name for name in ("site-packages", "dist-packages", "test")]
        files = [executable, library, *shared_libraries(binaries)]
        cache = Path("/etc/ld.so.cache")
        version = ".".join(map(str, sys.version_info[:3]))
        return cls(
            name="-".join(filter(None, ("python" + version.rpartition(".")[0], label))),
            tools=(f"python@{version}", *packages.tools),
            command=(str(executable), "-s", "-S", "-P", "-B"),
            environment={
                "PYTHONHASHSEED": "0",
                "PYTHONUTF8": "1",
                "PYTHONHOME": sys.base_prefix,
                "PYTHONPATH": f"/verifier:{_PACKAGES}" if packages.files else "/verifier",
                **(_SINGLE_THREADED if packages.files else {}),
            },
            files=tuple([*files, cache] if cache.exists() else files),
            hidden=tuple(path for path in hidden if path.is_dir()),
            packages=tuple(
                (outside, Path(folder / inside))
                for folder, each in bound
                for outside, inside in each.files
            ),
            preload=packages.modules,
            runs_pytest=runner is not None,
            digest=_digest(executable, [each.digest for _, each in bound]),
        )


def _pytest() -> PackageSet | None:
    try:
        return PackageSet.of(["pytest>=8.4"])
    except UnusablePackages:
        return None


def shared_libraries(binaries: Sequence[Path]) -> list[Path]:
    """Shared libraries of the system that these need, as the dynamic linker resolves them.

    Those that packages bring for themselves are found there, beside what needs them.
    """
    own = {binary.resolve() for binary in binaries}
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
    return sorted(path for path in found if path.resolve() not in own)


def _digest(executable: Path, packages: Sequence[str]) -> str:
    whole = hashlib.sha256("\0".join((sys.version, *packages, "")).encode())
    whole.update(hashlib.sha256(executable.read_bytes()).digest())
    here = Path(__file__).resolve().parents[1]
    for folder in _DECIDING_SOURCES:
        for source in sorted((here / folder).rglob("*.py")):
            whole.update(hashlib.sha256(source.read_bytes()).digest())
    return f"sha256:{whole.hexdigest()}"
