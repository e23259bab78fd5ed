"""A real service, in this process, for campaigns to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from clients.local import LocalVerifier
from proposer.campaigns.record import CampaignRecord
from verifier_service.application import application
from verifier_service.settings import Settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs these tests in one event loop: warm jails belong to the loop they were opened in."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def judge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalVerifier]:
    """The real service."""
    folder = tmp_path_factory.mktemp("service")
    async with application(Settings(store_path=folder / "store.sqlite3", slots=2)) as parts:
        yield LocalVerifier(parts.engine, steps=parts.steps)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[CampaignRecord]:
    """A new record, in a file."""
    with CampaignRecord(tmp_path / "campaign.db") as opened:
        yield opened
