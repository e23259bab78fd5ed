"""A verification service for model-written code and proofs."""

from __future__ import annotations

__version__ = "0.1.0"
