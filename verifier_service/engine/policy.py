"""What an operator decides about an engine."""

from __future__ import annotations

from dataclasses import dataclass

from verifier_service.engine.calibration import Calibration
from verifier_service.model import Limits

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How much an engine takes on, and on what terms."""

    slots: int
    """Verifications that run at the same time."""
    default_limits: Limits
    """Used where a request leaves a limit out."""
    maximum_limits: Limits
    """Requests over these are refused."""
    max_queued: int = 1024
    """Unary calls that may wait for a slot, and as many long-running verifications. Batches and
    streams wait on top of these, each with no more than its own window."""
    batch_window: int = 16
    """Items of one batch that are worked on at a time, or twice the slots if that is more."""
    maximum_batch_size: int = 1000
    maximum_candidate_bytes: int = 1024 * 1024
    max_attempts: int = 2
    """Runs of one verification while its sandboxes get lost."""
    max_starts: int = 3
    """Servers that may end while they run a long-running verification, before it counts as
    what ends them."""
    keep_verifications: int = 1_000_000
    """Finished verifications, and verdicts, that stay in the store."""
    prune_interval: int = 1000
    """Verifications written between two looks for those beyond `keep_verifications`."""
    version: str = ""
    """The service's own version."""
    worker: str = ""
    """Name of this machine or process in the provenance of its verdicts."""
    calibrations: tuple[Calibration, ...] = ()
    """What is known of how often acceptances are wrong."""

    def __post_init__(self) -> None:
        """Refuses what can't work.

        Raises:
            ValueError: A count is too small.
        """
        for name in ("slots", "batch_window", "max_attempts", "max_starts", "prune_interval"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}. Set it to at least 1.")
        for name in ("max_queued", "keep_verifications"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}. Set it to at least 0.")
