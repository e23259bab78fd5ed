"""Campaigns overlap generation and verification as well as can be, on simulated seconds."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from benchmarks.overlap import SCENARIOS, World, campaign, overlapped, sequential


@pytest.mark.parametrize("options", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_campaign_gains_what_can_be_gained(options: Mapping[str, float]) -> None:
    world = World(problems=32, slots=128, **options)  # type: ignore[arg-type]
    first, best, real = sequential(world), overlapped(world), campaign(world)

    gain, possible = first.seconds / real.seconds, first.seconds / best.seconds
    assert gain >= 1.5
    assert gain >= 0.9 * possible
    assert real.idle_share < 0.05
    assert real.solved == best.solved
