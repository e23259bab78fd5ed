"""Which Leans there are on this machine, and why others that were looked for can't be used.

Looked at in this order: `lean4-core`, which is the default of requests that name no environment;
what the settings name; the lake project in the working directory; the folders of elan's
toolchains, each directly, since elan's own `lean` may download one or end with a backtrace; and
`lean` on the PATH. Asking lake runs the project's lakefile, which is a program: a project is
trusted like the service itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandboxes.lean.environments import LeanEnvironment, LeanUnavailable

__all__ = ["Found", "find_environments", "usable_environments"]

_PROBE_SECONDS: Final = 60.0
_LAKE_SECONDS: Final = 600.0
"""The first time, lake elaborates the lakefile."""
_LAKEFILES: Final = ("lakefile.toml", "lakefile.lean")
_SAID: Final = 500
_VERSION: Final = re.compile(r"version (?P<version>[^,\s]+),(?:.*?commit (?P<commit>[0-9a-f]+))?")
_OF_LEAN: Final = ("LEAN_", "LAKE_", "VERIFIER_")
"""Variables that would change what a toolchain says, or that are nothing to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place that was looked at."""

    place: str
    """`lean_environments.mathlib`, "the elan toolchain …", "PATH"."""
    environment: LeanEnvironment | None
    """What is there, if it can be used."""
    reason: str = ""
    """Why it can't, and the way out."""
    required: bool = False
    """Whether an operator asked for it by name."""
    absent: bool = False
    """Whether there is nothing that could be used, rather than something that can't."""


def find_environments(
    configured: Mapping[str, Path] | None = None,
    *,
    discover: bool = True,
    cache: Path | None = None,
) -> tuple[Found, ...]:
    """All places in their order, each found or not, and no name twice.

    Args:
        configured: By label, a lake project, a toolchain's folder, or an executable `lean`; their
            environments are named `lean4-LABEL`.
        discover: Whether to look further than `lean4-core` and these.
        cache: See `LeanEnvironment.core`.
    """
    elan = Path(os.environ.get("ELAN_HOME") or Path.home() / ".elan")
    found = [_core(cache)]
    for label, path in (configured or {}).items():
        place = f"lean_environments.{label}"
        found.append(_looked_at(place, f"lean4-{label}", path, elan, required=True))
    if discover:
        found += _discovered(elan)
    return tuple(_without_repetitions(found))


def usable_environments(found: Sequence[Found]) -> tuple[LeanEnvironment, ...]:
    """Those that can be used.

    Raises:
        LeanUnavailable: One that an operator named can't.
    """
    for one in found:
        if one.required and one.environment is None:
            raise LeanUnavailable(f"{one.place}: {one.reason}")
    return tuple(one.environment for one in found if one.environment is not None)


def _core(cache: Path | None) -> Found:
    place = "the service's own packages"
    try:
        return Found(place=place, environment=LeanEnvironment.core(cache))
    except LeanUnavailable as error:
        return Found(place=place, environment=None, reason=str(error))


def _discovered(elan: Path) -> Iterator[Found]:
    project = Path(".").absolute()
    if _is_project(project):
        place = f"the lake project {project}"
        yield _looked_at(place, f"lean4-{_label(project.name)}", project, elan)
    folders = sorted(path for path in (elan / "toolchains").glob("*") if path.is_dir())
    for folder in folders:
        label = _label(folder.name.rpartition("---")[2])
        yield _looked_at(f"the elan toolchain {folder.name}", f"lean4-{label}", folder, elan)
    if not folders:
        yield _nothing("elan", f"There is no toolchain in {elan / 'toolchains'}.")
    yield _on_path(elan)


def _on_path(elan: Path) -> Found:
    if (named := shutil.which("lean")) is None:
        return _nothing("PATH", "There is no `lean` on it.")
    binary = Path(named)
    if "elan" in (binary.name, binary.resolve().name) or binary.parent == elan / "bin":
        return _nothing("PATH", f"{binary} is elan's own, which only chooses a toolchain.")
    return _looked_at("PATH", "", binary, elan)


def _nothing(place: str, reason: str) -> Found:
    return Found(place=place, environment=None, reason=reason, absent=True)


def _looked_at(place: str, name: str, path: Path, elan: Path, *, required: bool = False) -> Found:
    try:
        environment, reason = _environment(name, path.expanduser().absolute(), elan), ""
    except (LeanUnavailable, OSError) as error:
        environment, reason = None, str(error)
    return Found(place=place, environment=environment, reason=reason, required=required)


def _without_repetitions(found: Sequence[Found]) -> Iterator[Found]:
    names: dict[str, str] = {}
    places: dict[tuple[Path | None, tuple[Path, ...]], str] = {}
    for one in found:
        if (environment := one.environment) is None:
            yield one
            continue
        where = (
            environment.binary and environment.binary.resolve(),
            tuple(folder.resolve() for folder in environment.lean_path),
        )
        if not one.required and where in places:
            yield _nothing(one.place, f"It is the same as {places[where]}.")
        elif environment.name in names:
            reason = (
                f"The name {environment.name} is taken by {names[environment.name]}. Give it "
                "another one in `lean_environments`."
            )
            yield Found(place=one.place, environment=None, reason=reason, required=one.required)
        else:
            names[environment.name] = places[where] = one.place
            yield one


# What is in one place


def _environment(name: str, path: Path, elan: Path) -> LeanEnvironment:
    """What a path leads to: a lake project, a toolchain's folder, or an executable."""
    if path.is_file():
        return _toolchain(name, _prefix(path))
    if (path / "bin" / "lean").is_file():
        return _toolchain(name, path)
    if _is_project(path):
        return _project(name, path, elan)
    if not path.exists():
        raise LeanUnavailable(f"{path} does not exist.")
    raise LeanUnavailable(
        f"{path} is no lake project ({' or '.join(_LAKEFILES)}), no toolchain (bin/lean) and no "
        "executable."
    )


def _is_project(path: Path) -> bool:
    return any((path / name).is_file() for name in _LAKEFILES)


def _prefix(binary: Path) -> Path:
    """The folder of the toolchain that an executable belongs to; a wrapper may lie elsewhere."""
    prefix = binary.resolve().parent.parent
    if (prefix / "lib" / "lean").is_dir():
        return prefix
    return Path(_said_by([str(binary), "--print-prefix"], seconds=_PROBE_SECONDS))


def _toolchain(name: str, prefix: Path) -> LeanEnvironment:
    binary = prefix / "bin" / "lean"
    version, commit = _version(binary)
    modules = prefix / "lib" / "lean"
    if not (modules / "Init.olean").is_file():
        raise LeanUnavailable(f"The toolchain {prefix} has no compiled library in {modules}.")
    library = modules if (modules / "libleanshared.so").is_file() else None
    return LeanEnvironment(
        name=name or f"lean4-{_label(version)}",
        version=version,
        commit=commit,
        library=library,
        binary=binary,
        lean_path=(modules,),
        digest=_digest_of_toolchain(version, commit, binary, modules),
        tools=(f"lean@{version}",),
    )


def _version(binary: Path) -> tuple[str, str]:
    said = _said_by([str(binary), "--version"], seconds=_PROBE_SECONDS)
    if (match := _VERSION.search(said)) is None:
        raise LeanUnavailable(f"{binary} says {said[:_SAID]!r} instead of Lean's version.")
    return match["version"], match["commit"] or ""


def _project(name: str, root: Path, elan: Path) -> LeanEnvironment:
    """A lake project, by the toolchain that its file `lean-toolchain` names."""
    toolchain = _toolchain(name, _toolchain_of(root, elan))
    assert toolchain.binary is not None
    lake = toolchain.binary.parent / "lake"
    said = _said_by([str(lake), "env", "printenv", "LEAN_PATH"], cwd=root, seconds=_LAKE_SECONDS)
    folders = tuple(root / part for part in said.split(":") if part and (root / part).is_dir())
    own = tuple(one.resolve() for one in folders if one.resolve() != toolchain.lean_path[0])
    if not any(next(folder.rglob("*.olean"), None) for folder in own):
        raise LeanUnavailable(f"The lake project {root} is not built. Run `lake build` in it.")
    return LeanEnvironment(
        name=name,
        version=toolchain.version,
        commit=toolchain.commit,
        library=toolchain.library,
        binary=toolchain.binary,
        lean_path=(*own, *toolchain.lean_path),
        digest=_digest_of_project(toolchain.digest, own),
        tools=(*toolchain.tools, *_packages(root)),
    )


def _toolchain_of(root: Path, elan: Path) -> Path:
    """The folder that elan keeps a project's toolchain in."""
    pinned = root / "lean-toolchain"
    if not pinned.is_file():
        raise LeanUnavailable(f"The lake project {root} has no file `lean-toolchain`.")
    wanted = pinned.read_text().strip()
    folder = elan / "toolchains" / wanted.replace("/", "--").replace(":", "---")
    if not wanted or not (folder / "bin" / "lean").is_file():
        raise LeanUnavailable(
            f"The lake project {root} needs the toolchain {wanted!r}, which is not in "
            f"{elan / 'toolchains'}. Install it: `elan toolchain install {wanted}`."
        )
    return folder


# What identifies it


def _digest_of_toolchain(version: str, commit: str, binary: Path, modules: Path) -> str:
    """Over the programs; the modules that come with them follow from these."""
    whole = hashlib.sha256(f"{version}\0{commit}\0".encode())
    for program in (binary.resolve(), *sorted(modules.glob("*.so"))):
        whole.update(program.name.encode() + b"\0" + _content(program))
    return f"sha256:{whole.hexdigest()}"


def _digest_of_project(toolchain: str, folders: Sequence[Path]) -> str:
    """Over the toolchain, and every module that can be imported besides its own."""
    whole = hashlib.sha256(toolchain.encode())
    for folder in folders:
        for module in sorted(folder.rglob("*.olean*")):
            if module.suffix not in (".hash", ".trace") and module.is_file():
                whole.update(str(module.relative_to(folder)).encode() + b"\0" + _module(module))
    return f"sha256:{whole.hexdigest()}"


def _module(path: Path) -> bytes:
    """What identifies a module: lake's own hash, kept beside it, else its content."""
    kept = path.with_name(path.name + ".hash")
    if kept.is_file() and kept.stat().st_mtime >= path.stat().st_mtime:
        return kept.read_bytes()
    return _content(path)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _packages(root: Path) -> tuple[str, ...]:
    """What a project depends on, as lake has pinned it: "mathlib@84ca33e94067"."""
    try:
        entries = json.loads((root / "lake-manifest.json").read_text())["packages"]
        return tuple(sorted(f"{one['name']}@{one['rev'][:12]}" for one in entries if "rev" in one))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _label(text: str) -> str:
    """A text as part of an environment's name: "v4.20.0" as "4.20.0"."""
    return re.sub(r"[^A-Za-z0-9._+-]", "-", re.sub(r"^v(?=\d)", "", text)).lstrip("-.")[:48]


def _said_by(command: Sequence[str], *, seconds: float, cwd: Path | None = None) -> str:
    """The standard output of one of the toolchain's programs.

    Raises:
        LeanUnavailable: It can't be started, fails, or takes too long.
    """
    named = " ".join(command)
    variables = {k: v for k, v in os.environ.items() if not k.startswith(_OF_LEAN)}
    try:
        ran = subprocess.run(
            command,
            cwd=cwd,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise LeanUnavailable(f"`{named}` can't be started: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise LeanUnavailable(f"`{named}` has said nothing for {seconds:.0f} s.") from error
    if ran.returncode:
        said = (ran.stderr or ran.stdout).decode(errors="replace").strip()[:_SAID]
        raise LeanUnavailable(
            f"`{named}` failed with exit code {ran.returncode}: {said or 'it said nothing.'}"
        )
    return ran.stdout.decode(errors="replace").strip()
