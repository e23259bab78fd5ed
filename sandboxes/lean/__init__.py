"""Judges Lean 4 proofs."""

from __future__ import annotations

from sandboxes.lean.executor import LeanExecutor

__all__ = ["LeanExecutor"]
