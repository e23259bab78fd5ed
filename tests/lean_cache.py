"""Where services of tests, whose homes are new, find the library of `lean4-core` compiled."""

from __future__ import annotations

from typing import Final

from sandboxes.lean.environments import core_cache

__all__ = ["LEAN_CACHE"]

LEAN_CACHE: Final = {"VERIFIER_LEAN_CACHE": str(core_cache())}
"""Variables for their environment."""
