from __future__ import annotations

import numpy as np
import pytest

from proposer.estimation.capture_recapture import chapman, independence
from proposer.estimation.counts import NotEstimable
from proposer.estimation.power_law import power_law
from tests.proposer.estimation.tables import table


def test_a_power_law_is_found_again() -> None:
    """Rates of problems such that coverage is exp(−k^−0.4): log-uniform enough, 64 samples."""
    random = np.random.default_rng(0)
    rates = random.beta(0.35, 1.2, 300)
    counts = table(*((64, int(hits), 0) for hits in random.binomial(64, rates)))

    fitted = power_law(counts, 64)

    assert fitted.largest_error < 0.02
    assert fitted.exponent.lower < fitted.exponent.estimate < fitted.exponent.upper < 0
    assert fitted.coverage(1) < fitted.coverage(64) < 1


def test_power_laws_of_few_problems_are_less_certain() -> None:
    problems = [(32, 1, 0), (32, 4, 0), (32, 0, 0), (32, 12, 0), (32, 30, 0)]

    few, many = power_law(table(*problems), 32), power_law(table(*problems * 10), 32)

    assert few.exponent.estimate == pytest.approx(many.exponent.estimate)
    assert few.exponent.width > 2 * many.exponent.width


def test_a_solved_set_has_no_power_law() -> None:
    with pytest.raises(NotEstimable, match="coverage between 0 and 1"):
        power_law(table(*[(8, 8, 0)] * 5), 8)


def caught(dependent: bool, seed: int = 0) -> tuple[int, int, int]:
    """500 wrong candidates; suites catch six tenths and half of them."""
    random = np.random.default_rng(seed)
    ease = random.beta(0.6, 0.6, 500) if dependent else np.full(500, 0.5)
    first = random.uniform(size=500) < np.clip(ease + 0.1, 0, 1)
    second = random.uniform(size=500) < ease
    return int((first & second).sum()), int((first & ~second).sum()), int((~first & second).sum())


def test_independent_suites_tell_how_many_both_missed() -> None:
    found = [chapman(*caught(dependent=False, seed=seed)) for seed in range(300)]

    held = np.mean([each.lower <= 500 <= each.upper for each in found])
    assert held == pytest.approx(0.95, abs=0.03)
    assert np.mean([each.estimate for each in found]) == pytest.approx(500, abs=5)


def test_dependent_suites_miss_the_same_and_it_shows_on_audits() -> None:
    assert chapman(*caught(dependent=True)).upper < 500

    dependence = independence(both=60, first=10, second=10, neither=40)

    assert dependence.odds_ratio > 1
    assert "lower bound" in dependence.reading


@pytest.mark.parametrize(
    ("counts", "reading"),
    [
        pytest.param((5, 5, 5, 5), "no proof", id="nothing-found"),
        pytest.param((1, 40, 40, 1), "too high", id="each-catches-the-rest"),
    ],
)
def test_dependence_is_read_aright(counts: tuple[int, int, int, int], reading: str) -> None:
    assert reading in independence(*counts).reading


def test_a_suite_that_adds_nothing_does_not_prove_that_nothing_is_missed() -> None:
    found = chapman(both=0, first=8, second=0)

    assert found.lower == found.estimate == 8
    assert found.upper > 12


@pytest.mark.parametrize(
    ("counts", "message"),
    [((0, 0, 0), "Neither suite caught"), ((1, -1, 0), "negative")],
)
def test_captures_are_counts(counts: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chapman(*counts)


def test_independence_needs_candidates_known_to_be_wrong() -> None:
    with pytest.raises(NotEstimable, match="Audit some"):
        independence(0, 0, 0, 0)
