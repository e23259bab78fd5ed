"""The same subject as the conformance suite's."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from tests.conformance.conftest import subject

__all__ = ["subject"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs these tests in one event loop: warm jails belong to the loop they were opened in."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
