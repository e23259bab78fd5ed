"""Names that an environment's library declares, to compare misspelt ones with."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sandboxes.lean.declarations import Name, display
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.olean import ModuleError, read_module

__all__ = ["library_names"]

_MAXIMUM_BYTES: Final = 64 * 1024**2
"""Of all modules; larger libraries, such as Mathlib, are not read."""
_MADE_BY_LEAN: Final = frozenset(
    (
        "rec",
        "recOn",
        "casesOn",
        "brecOn",
        "below",
        "noConfusion",
        "noConfusionType",
        "ctorIdx",
        "injEq",
        "sizeOf_spec",
        "ctorElim",
        "ctorElimType",
        "toCtorIdx",
        "ndrec",
        "ndrecOn",
    )
)


@functools.lru_cache(maxsize=8)
def library_names(environment: LeanEnvironment) -> tuple[str, ...]:
    """What people may write: names of the library's declarations, sorted.

    Empty for libraries that are too large to be read, or of a Lean whose modules can't be.
    """
    modules = [file for folder in environment.lean_path for file in folder.rglob("*.olean")]
    if sum(file.stat().st_size for file in modules) > _MAXIMUM_BYTES:
        return ()
    try:
        return tuple(sorted({name for file in modules for name in _names(file)}))
    except (ModuleError, OSError):
        return ()


def _names(file: Path) -> Iterator[str]:
    for name in read_module(file.read_bytes()).declarations:
        if _is_written(name):
            yield display(name)


def _is_written(name: Name) -> bool:
    parts = [str(part) for part in name]
    return not any(part.startswith("_") or part in _MADE_BY_LEAN for part in parts)
