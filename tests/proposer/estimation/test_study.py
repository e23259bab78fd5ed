"""The simulation study and the campaign that follows advice, in a form that takes seconds.

`python -m benchmarks.estimation` and `benchmarks.audited_campaign` run them in full.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from benchmarks.audited_campaign import Problems, Sample, advised, fixed, mean, replay
from benchmarks.estimation import REGIMES, Row, study

FULLY_AUDITED = [name for name, regime in REGIMES.items() if "recommended" in regime.estimators]


def rows(regime: str, rounds: int, *estimators: str) -> dict[str, Row]:
    return {row.estimator: row for row in study(regime, rounds, estimators=estimators)}


def test_there_are_twelve_regimes_and_more() -> None:
    assert len(REGIMES) >= 12


@pytest.mark.parametrize("regime", FULLY_AUDITED)
def test_the_recommended_interval_holds_the_truth_as_often_as_it_says(regime: str) -> None:
    (row,) = rows(regime, 400, "recommended").values()

    assert row.covered == pytest.approx(0.95, abs=0.01 + 2.5 * np.sqrt(0.95 * 0.05 / 400))
    assert abs(row.bias) < 0.1 * REGIMES[regime].truth


def test_pooled_intervals_are_wrong_where_samples_are_alike() -> None:
    found = rows("ordinary", 200, "exact", "wilson", "recommended")

    assert found["exact"].covered < 0.7
    assert found["wilson"].covered < 0.7
    assert found["recommended"].width > 2 * found["exact"].width


def test_the_beta_binomial_model_is_misled_by_telling_sizes_and_ratios_are_not() -> None:
    found = rows("telling sizes", 150, "beta-binomial", "recommended")

    assert found["beta-binomial"].covered < 0.85
    assert found["recommended"].covered > 0.9


@pytest.mark.parametrize(
    ("regime", "estimators"),
    [
        ("partial audits", ("horvitz-thompson", "hajek")),
        ("audits by a signal", ("horvitz-thompson", "hajek", "prediction-powered")),
    ],
)
def test_estimates_from_partial_audits_hold_the_truth(
    regime: str, estimators: tuple[str, ...]
) -> None:
    for row in rows(regime, 100, *estimators).values():
        assert row.covered > 0.88, row.estimator
        assert abs(row.bias) < 0.012, row.estimator


def test_planned_audits_tell_about_the_set_that_they_are_of() -> None:
    (row,) = rows("partial audits", 30, "beta-binomial, planned").values()

    assert row.covered > 0.8
    assert abs(row.bias) < 0.012


def test_a_signal_narrows_the_interval() -> None:
    found = rows("audits by a signal", 60, "hajek", "prediction-powered")

    assert found["prediction-powered"].width < 0.9 * found["hajek"].width


def test_sequences_hold_under_peeking_and_intervals_do_not() -> None:
    found = rows("optional stopping", 100)

    assert found["recommended, peeked at"].covered < 0.9
    assert found["betting"].covered >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / 100)
    assert found["without-replacement"].covered >= 0.95 - 2.5 * np.sqrt(0.95 * 0.05 / 100)


def campaigns() -> Mapping[str, Problems]:
    """Sixty problems of one model: hard ones are solved less often, and falsely accepted more."""
    random = np.random.default_rng(7)
    problems = {}
    for name in range(60):
        solved, fooled = random.beta(0.6, 0.8), random.beta(0.3, 2)
        right = random.uniform(size=20) < solved
        accepted = right | (random.uniform(size=20) < fooled)
        problems[f"{name:02}"] = [
            Sample(accepted=bool(a), right=bool(r)) for a, r in zip(accepted, right, strict=True)
        ]
    return {"model": problems}


def test_advice_reaches_the_quality_of_a_fixed_budget_for_less() -> None:
    drawn = campaigns()
    whole = mean(replay(drawn, fixed(10, audit="all"), 10))
    blind = mean(replay(drawn, fixed(10, audit="none"), 10))
    advice = mean(replay(drawn, advised(10), 10))

    assert advice.right > whole.right - 0.02
    assert advice.wrong < 0.02 < blind.wrong
    assert advice.samples < 0.7 * whole.samples
    assert advice.audits < 0.5 * whole.audits
    assert advice.utility > max(whole.utility, blind.utility)
