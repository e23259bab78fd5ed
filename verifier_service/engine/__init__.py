"""Admission, sharing of equal runs, cache, cancellation: from a spec to a verdict that is kept."""

from __future__ import annotations

from verifier_service.engine.batch import BatchResult
from verifier_service.engine.engine import Engine, Stats
from verifier_service.engine.policy import Policy

__all__ = ["BatchResult", "Engine", "Policy", "Stats"]
