"""Questions to solvers: what follows from premises, with evidence that can be checked."""

from __future__ import annotations

from sandboxes.logic.executor import LogicExecutor

__all__ = ["LogicExecutor"]
