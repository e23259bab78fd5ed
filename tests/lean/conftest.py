"""A real Lean in real jails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandboxes.isolation.sandboxes import Sandboxes
from sandboxes.lean.environments import LeanEnvironment
from sandboxes.lean.runtime import LeanRuntime
from verifier_service.model import Limits

LIMITS = Limits(
    wall_seconds=60,
    cpu_seconds=20,
    memory_bytes=1 << 30,
    max_processes=16,
    max_output_bytes=4096,
    deterministic_steps=0,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs these tests in one event loop: warm jails belong to the loop they were opened in."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def core() -> LeanEnvironment:
    """The environment that is always there."""
    return LeanEnvironment.core()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def runtime(core: LeanEnvironment) -> AsyncIterator[LeanRuntime]:
    sandboxes = await Sandboxes.create()
    yield await LeanRuntime.create(core, sandboxes)
    await sandboxes.close()
