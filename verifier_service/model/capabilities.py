"""What a service can do, and when a batch has seen enough."""

from __future__ import annotations

from dataclasses import dataclass

from verifier_service.model.executor import EnvironmentInfo
from verifier_service.model.problem import Limits

__all__ = ["Capabilities", "StopRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Environments, limits and sizes of one service."""

    environments: tuple[EnvironmentInfo, ...]
    default_limits: Limits
    """Used where a request leaves a limit out."""
    maximum_limits: Limits
    """Requests over these are refused."""
    maximum_candidate_bytes: int
    maximum_batch_size: int
    slot_count: int
    """Verifications that run at the same time."""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """When to stop looking. Zero means never."""

    accepted_count: int = 0
    """Stop after this many acceptances."""
    rejected_count: int = 0
    """Stop after this many rejections."""
