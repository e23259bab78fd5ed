"""The sandbox of this machine, put to the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandboxes.conformance import Check, Finding, Subject, find, subject_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs these tests in one event loop: warm jails belong to the loop they were opened in."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def subject() -> AsyncIterator[Subject]:
    async with subject_of("bubblewrap") as subject:
        yield subject


async def found(check: Check, subject: Subject) -> Finding:
    """What one check finds."""
    (finding,) = [finding async for finding in find([check], subject)]
    return finding
