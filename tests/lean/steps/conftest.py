"""Sessions on a real Lean."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from sandboxes.lean.runtime import LeanRuntime
from sandboxes.lean.steps.runner import TacticLimits
from sandboxes.lean.steps.server_runner import ServerRunner
from tests.lean.conftest import LIMITS
from verifier_service.model import LeanTheorem

ENOUGH = TacticLimits(wall_seconds=60, cpu_seconds=20)
LITTLE = TacticLimits(wall_seconds=3, cpu_seconds=0.5)
SWAP = LeanTheorem(name="swap", statement="(p q : Prop) (h : p ∧ q) : q ∧ p")
ENDLESS = "set_option maxHeartbeats 0 in\nrepeat (have := h; skip)"

Run = Callable[..., AbstractAsyncContextManager[ServerRunner]]


@pytest.fixture
def runner(runtime: LeanRuntime) -> Run:
    """Opens a runner; with the first state, unless told not to."""

    @contextlib.asynccontextmanager
    async def opened(
        theorem: LeanTheorem = SWAP, *, open_it: bool = True
    ) -> AsyncIterator[ServerRunner]:
        made = ServerRunner(theorem, runtime, LIMITS)
        try:
            if open_it:
                await made.open()
            yield made
        finally:
            await made.close()

    return opened
