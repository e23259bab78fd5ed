"""Installed distributions that jails may import: with all that they depend on, and nothing else.

Distributions are read by `importlib.metadata`; what a requirement means is said by PEP 508.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

__all__ = ["PackageSet", "UnusablePackages"]

_BYTECODE: Final = "__pycache__"


class UnusablePackages(Exception):
    """A package can't be offered to candidates; the message says which, and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSet:
    """Distributions, as files to be bound into a jail."""

    tools: tuple[str, ...] = ()
    """Each distribution with its version: "numpy@2.4.6"."""
    files: tuple[tuple[Path, PurePosixPath], ...] = ()
    """Files and folders of the host, and where they belong under a folder of `sys.path`."""
    modules: tuple[str, ...] = ()
    """What the distributions that were asked for are imported by: "numpy"."""
    digest: str = ""
    """Hexadecimal SHA-256 over names and contents of all files."""

    @property
    def extensions(self) -> list[Path]:
        """Extension modules and shared libraries among the files."""
        roots = [path for path, _ in self.files]
        found = [
            one for root in roots for one in (root.rglob("*.so*") if root.is_dir() else [root])
        ]
        return sorted(path for path in found if ".so" in path.suffixes)

    @classmethod
    def of(cls, requirements: Iterable[str]) -> PackageSet:
        """What is installed beside this service of these requirements, such as "numpy>=2".

        Raises:
            UnusablePackages: One is malformed, not installed, of another version, or installed
                without a list of its files.
        """
        asked = [_parsed(text) for text in requirements]
        found = _Resolution()
        for requirement in asked:
            found.add(requirement, needed_by="")
        names = {canonicalize_name(requirement.name) for requirement in asked}
        files = _files(found.distributions.values())
        return cls(
            tools=tuple(
                sorted(f"{name}@{one.version}" for name, one in found.distributions.items())
            ),
            files=tuple(sorted(_bound(files))),
            modules=tuple(
                sorted({m for name in names for m in _modules(found.distributions[name])})
            ),
            digest=_digest(files),
        )


def _parsed(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise UnusablePackages(
            f"{text!r} names no package: {str(error).splitlines()[0]}. Write `numpy` or `numpy>=2`."
        ) from error


@dataclass(slots=True)
class _Resolution:
    """Distributions by canonical name, and the extras that were followed."""

    distributions: dict[str, metadata.Distribution] = field(default_factory=dict)
    _followed: set[tuple[str, str]] = field(default_factory=set)

    def add(self, requirement: Requirement, *, needed_by: str) -> None:
        """Adds a distribution with everything that it needs here."""
        name = canonicalize_name(requirement.name)
        found = self.distributions.setdefault(name, _installed(requirement, needed_by))
        if not requirement.specifier.contains(found.version, prereleases=True):
            raise UnusablePackages(
                f"{requirement} is asked for{needed_by}, and {found.version} is installed. "
                f"Install it: `pip install '{requirement.name}{requirement.specifier}'`."
            )
        for extra in ("", *requirement.extras):
            if (name, extra) not in self._followed:
                self._followed.add((name, extra))
                self._follow(name, extra)

    def _follow(self, name: str, extra: str) -> None:
        for text in self.distributions[name].requires or ():
            needed = Requirement(text)
            if needed.marker is None:
                applies = not extra
            else:
                applies = needed.marker.evaluate({"extra": extra})
            if applies:
                self.add(needed, needed_by=f" by {name}")


def _installed(requirement: Requirement, needed_by: str) -> metadata.Distribution:
    try:
        return metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        raise UnusablePackages(
            f"{requirement.name} is needed{needed_by} and not installed beside the service. "
            f"Install it: `pip install '{requirement.name}{requirement.specifier}'`."
        ) from None


def _files(distributions: Iterable[metadata.Distribution]) -> dict[PurePosixPath, Path]:
    """All that the distributions installed where it can be imported, by path below that folder."""
    files: dict[PurePosixPath, Path] = {}
    for one in distributions:
        if (listed := one.files) is None:
            raise UnusablePackages(
                f"{one.name} was installed without a list of its files. Install it by pip."
            )
        for path in listed:
            outside = Path(str(one.locate_file(path)))
            if ".." not in path.parts and _BYTECODE not in path.parts and outside.is_file():
                files[PurePosixPath(path)] = outside
    return files


def _bound(files: dict[PurePosixPath, Path]) -> Iterator[tuple[Path, PurePosixPath]]:
    """The fewest files and folders that hold these files and no others."""
    owned = set(files.values())
    folders: dict[PurePosixPath, bool] = {}

    def whole(inside: PurePosixPath, outside: Path) -> bool:
        if inside not in folders:
            folders[inside] = all(
                path in owned
                for path in outside.rglob("*")
                if _BYTECODE not in path.parts and not path.is_dir()
            )
        return folders[inside]

    done: set[PurePosixPath] = set()
    for inside, outside in files.items():
        highest = (inside, outside)
        for above, parent in zip(inside.parents, outside.parents, strict=False):
            if above == PurePosixPath() or not whole(above, parent):
                break
            highest = (above, parent)
        if highest[0] not in done:
            done.add(highest[0])
            yield highest[1], highest[0]


def _modules(distribution: metadata.Distribution) -> Iterator[str]:
    """Names that a distribution is imported by."""
    for path in distribution.files or ():
        first = path.parts[0].partition(".")[0]
        regular = len(path.parts) == 2 and path.name == "__init__.py"
        single = len(path.parts) == 1 and path.suffix in (".py", ".so")
        if (regular or single) and first.isidentifier() and not first.startswith("_"):
            yield first


def _digest(files: dict[PurePosixPath, Path]) -> str:
    whole = hashlib.sha256()
    for inside, outside in sorted(files.items()):
        whole.update(str(inside).encode() + b"\0")
        with outside.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
