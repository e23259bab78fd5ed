from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from proposer.estimation import sequences
from proposer.estimation.ratios import Ratio


def ratio(tops: list[float], bottoms: list[float]) -> Ratio:
    return Ratio(
        name="rate",
        numerators=np.array(tops, np.float64),
        denominators=np.array(bottoms, np.float64),
        observations=int(sum(bottoms)),
    )


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (0, 20), (20, 20), (7, 20), (500, 1000)])
def test_a_sequence_is_wider_than_an_interval_for_a_fixed_size(hits: int, trials: int) -> None:
    found = sequences.independent(hits, trials)

    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    if trials:
        fixed = stats.binomtest(hits, trials).proportion_ci(method="exact")
        assert found.width > fixed.high - fixed.low


def test_looking_after_every_trial_misses_no_more_than_was_promised() -> None:
    """300 trials, looked at after each; an interval for a fixed size would miss far more often."""
    random, rate, runs = np.random.default_rng(1), 0.3, 2000
    counts = np.arange(1, 301)
    hits = np.cumsum(random.uniform(size=(runs, 300)) < rate, axis=1)
    evidence = np.array(
        [stats.beta(1 + hits[:, n - 1], 1 + n - hits[:, n - 1]).logpdf(rate) for n in counts]
    )

    missed = (evidence <= np.log(0.05)).any(axis=0).mean()
    assert missed <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    fixed = np.abs(hits / counts - rate) > 1.96 * np.sqrt(rate * (1 - rate) / counts)
    assert fixed[:, 10:].any(axis=1).mean() > 0.2


def test_audits_agree_with_the_beta_binomial_posterior() -> None:
    found = sequences.without_replacement(3, 20, 60)

    posterior = stats.betabinom(40, 4, 18).pmf(np.arange(41))
    kept = 3 + np.flatnonzero(posterior * 61 > 0.05)
    assert (found.lower, found.upper) == (kept[0] / 60, kept[-1] / 60)


def test_the_limits_are_where_prior_over_posterior_reaches_one_over_alpha() -> None:
    found = sequences.independent(7, 20)

    for limit in (found.lower, found.upper):
        assert stats.beta(8, 14).pdf(limit) == pytest.approx(0.05, rel=1e-6)


def test_audits_of_everything_leave_nothing_open() -> None:
    found = sequences.without_replacement(3, 12, 12)

    assert found.lower == found.upper == found.estimate == 0.25


def test_random_audits_of_a_small_set_hold_its_share_at_every_time() -> None:
    random, missed = np.random.default_rng(2), 0
    for _ in range(150):
        order = random.permutation([1] * 6 + [0] * 34)
        found = [sequences.without_replacement(int(order[:n].sum()), n, 40) for n in range(41)]
        missed += any(not each.lower <= 0.15 <= each.upper for each in found)

    assert missed / 150 <= 0.05


def test_a_set_is_known_better_than_what_it_was_drawn_from() -> None:
    assert sequences.without_replacement(5, 90, 100).width < sequences.independent(5, 90).width


def test_betting_holds_the_ratio_at_every_time_though_problems_differ() -> None:
    random, missed = np.random.default_rng(3), 0
    for _ in range(100):
        sizes = random.integers(0, 11, 40)
        wrong = random.binomial(sizes, random.beta(0.3, 1.2, 40))
        if sizes[0]:
            path = sequences.betting_path(ratio(wrong.tolist(), sizes.tolist()), 10)
            missed += not path[-1, 0] <= 0.2 <= path[-1, 1]

    assert missed / 100 <= 0.05


def test_betting_never_widens_and_does_narrow() -> None:
    path = sequences.betting_path(ratio([1, 0, 2, 0] * 30, [10] * 120), 10)

    assert (np.diff(path[:, 0]) >= 0).all()
    assert (np.diff(path[:, 1]) <= 0).all()
    assert path[-1, 1] - path[-1, 0] < 0.1 < path[0, 1] - path[0, 0]
    assert path[-1, 0] < 0.075 < path[-1, 1]


def test_repeated_samples_of_one_problem_bring_no_confidence() -> None:
    """A problem is one bet however many samples it has."""
    many = sequences.betting(ratio([0, 0, 0], [1000, 1000, 1000]), 1000)

    assert many.upper > 0.5


@pytest.mark.parametrize(
    ("tops", "bottoms"),
    [
        pytest.param([0.0], [11.0], id="larger-than-announced"),
        pytest.param([2.0], [1.0], id="more-wrong-than-accepted"),
        pytest.param([-1.0], [1.0], id="negative"),
    ],
)
def test_bets_need_bounds(tops: list[float], bottoms: list[float]) -> None:
    with pytest.raises(ValueError, match="Betting on the rate needs"):
        sequences.betting(ratio(tops, bottoms), 10)


def test_more_audits_than_acceptances_are_refused() -> None:
    with pytest.raises(ValueError, match="12 of 11 can't have been audited"):
        sequences.without_replacement(0, 12, 11)


@pytest.mark.parametrize(("hits", "trials", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.5)])
def test_counts_and_levels_are_checked(hits: int, trials: int, level: float) -> None:
    with pytest.raises(ValueError, match=r"count of hits|level"):
        sequences.independent(hits, trials, level)
