"""What `verifier doctor` reports: a list that any part of the project can add to."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Finding", "FindingState"]


class FindingState(enum.Enum):
    """How good it is."""

    OK = "ok"
    WARN = "warn"
    """Works, but less than it could."""
    FAIL = "fail"
    """Nothing can be judged until it is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: FindingState
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do about it; empty where there is nothing to do."""
