"""The compiled modules of a Lean's libraries: trusted, and read when something asks for them."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sandboxes.lean.closures import Closures
from sandboxes.lean.declarations import Import, Module, Name, Safety, display
from sandboxes.lean.olean import read_imports, read_module
from sandboxes.lean.replay import Job, Replayed, encode, replay
from sandboxes.lean.runtime import LeanRuntime
from verifier_service.model import Limits

__all__ = ["Library", "MissingModule", "replay_library"]

_PART: Final = re.compile(r"\w[\w' -]*")


class MissingModule(Exception):
    """A module that is imported is not there; the message names it."""


class Library:
    """Modules below the folders of an environment."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """Nothing is read yet.

        Args:
            folders: In which modules are looked for, in this order.
        """
        self._folders = tuple(folders)
        self._modules: dict[Name, Module] = {}
        self._imports: dict[Name, tuple[Import, ...]] = {}

    def below(self, imports: Iterable[Name]) -> list[Module]:
        """Modules with all that they import, each after what it imports.

        Raises:
            MissingModule: One is not there.
            ModuleError: One can't be read.
        """
        return [self._module(name) for name in self.imported(imports)]

    def imported(self, imports: Iterable[Name]) -> list[Name]:
        """The names of modules with all that they import, each after what it imports.

        Raises:
            MissingModule: One is not there.
            ModuleError: One can't be read.
        """
        found: dict[Name, None] = {}
        waiting = [(name, False) for name in reversed(list(imports))]
        while waiting:
            name, is_done = waiting.pop()
            if is_done:
                found.setdefault(name)
            elif name not in found:
                waiting.append((name, True))
                waiting += [(each.module, False) for each in reversed(self.imports_of(name))]
        return list(found)

    def imports_of(self, name: Name) -> tuple[Import, ...]:
        """What a module imports.

        Raises:
            MissingModule: It is not there.
            ModuleError: It can't be read.
        """
        if name not in self._imports:
            with self._path(name).open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._imports[name] = read_imports(data)
        return self._imports[name]

    def _module(self, name: Name) -> Module:
        if name not in self._modules:
            data = self._path(name).read_bytes()
            self._modules[name] = read_module(data, maximum_bytes=len(data))
        return self._modules[name]

    def _path(self, name: Name) -> Path:
        if all(isinstance(part, str) and _PART.fullmatch(part) for part in name):
            for folder in self._folders:
                path = folder.joinpath(*map(str, name)).with_suffix(".olean")
                if path.is_file():
                    return path
        raise MissingModule(f"The module `{display(name)}` is in none of the library's folders.")


async def replay_library(
    runtime: LeanRuntime, library: Library, imports: Iterable[Name], *, limits: Limits
) -> Replayed:
    """Has the kernel check a library from nothing.

    Unsafe and partial definitions are left out: no theorem can rest on them.

    Raises:
        MissingModule: A module is not there.
        ModuleError: One can't be read.
        SandboxLost: There is no process to be had for the kernel.
        ExecutorFault: It did not answer as our own code does.
    """
    return await replay(runtime, _from_nothing(library.below(imports)), limits=limits)


def _from_nothing(modules: Iterable[Module]) -> Job:
    parts = []
    for module in modules:
        safe = [one.name for one in module.declarations.values() if one.safety is Safety.SAFE]
        parts.append((module, Closures(module).of(safe)))
    return encode(*parts, on_header=False)
