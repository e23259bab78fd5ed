"""Places to run untrusted code in."""

from __future__ import annotations

from sandboxes.isolation.probe import ProbeFinding, probe

__all__ = ["ProbeFinding", "probe"]
