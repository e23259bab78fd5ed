"""What may be spent, under any order of events."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.campaigns.budget import (
    UNLIMITED,
    Account,
    Amount,
    Bell,
    BudgetSpent,
    Purse,
    parse_budget,
)

costs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=30)


@given(costs, st.integers(1, 12), st.integers(1, 400), st.integers(1, 20))
def test_no_account_is_ever_overdrawn(
    costs: list[tuple[int, int]], samples: int, tokens: int, total: int
) -> None:
    async def spend() -> None:
        bell, shared = Bell(), Account(replace(UNLIMITED, samples=total), "campaign's")
        own = [
            Account(replace(UNLIMITED, samples=samples, tokens=tokens), "problem's") for _ in "ab"
        ]
        purses = [Purse(account, shared, bell=bell) for account in own]
        most = Amount(samples=1, tokens=50)

        async def draw(purse: Purse, waits: int, used: int) -> None:
            try:
                await purse.reserve(most)
            except BudgetSpent:
                return
            for _ in range(waits):
                await asyncio.sleep(0)
            purse.settle(most, Amount(samples=1, tokens=used))

        await asyncio.gather(
            *(draw(purses[n % 2], waits, used) for n, (waits, used) in enumerate(costs))
        )
        assert shared.spent.samples <= total
        assert all(account.spent.samples <= samples for account in own)
        assert all(account.spent.tokens <= tokens for account in own)
        assert all(account.reserved == Amount() for account in [*own, shared])

    asyncio.run(spend())


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("", {}),
        ("samples=10", {"samples": 10}),
        (" tokens = 2e4 , verifier-seconds=0.5", {"tokens": 20000, "verifier_seconds": 0.5}),
    ],
)
def test_budgets_in_words(text: str, budget: dict[str, float]) -> None:
    assert parse_budget(text) == replace(UNLIMITED, **budget)


@pytest.mark.parametrize(
    "text",
    [
        "10",
        "samples",
        "samples=",
        "samples=0",
        "samples=-1",
        "samples=nan",
        "tokens=inf",
        "euros=3",
        "samples=1,samples=2",
        "samples=1,,",
    ],
)
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="budget"):
        parse_budget(text)
