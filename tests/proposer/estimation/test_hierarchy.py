from __future__ import annotations

import numpy as np
import pytest

from proposer.estimation.counts import Floats, NotEstimable
from proposer.estimation.definitions import false_discovery_proportion
from proposer.estimation.hierarchy import BetaBinomial, beta_binomial
from tests.proposer.estimation.tables import table


def problems(mean: float, clustering: float, count: int = 400) -> tuple[Floats, Floats]:
    random, strength = np.random.default_rng(0), 1 / clustering - 1
    rates = random.beta(mean * strength, (1 - mean) * strength, count)
    return random.binomial(20, rates).astype(np.float64), np.full(count, 20.0)


@pytest.mark.parametrize(("mean", "clustering"), [(0.1, 0.3), (0.4, 0.7), (0.02, 0.1)])
def test_mean_and_clustering_are_found_again(mean: float, clustering: float) -> None:
    fitted = BetaBinomial.fit(*problems(mean, clustering))

    assert fitted.mean == pytest.approx(mean, abs=0.03)
    assert fitted.clustering == pytest.approx(clustering, abs=0.1)
    lower, upper = fitted.limits(0.999)
    assert lower < mean < upper


def test_the_prior_of_the_next_problem_has_the_fitted_mean() -> None:
    fitted = BetaBinomial.fit(*problems(0.1, 0.3))

    ones, zeros = fitted.strengths()

    assert ones / (ones + zeros) == pytest.approx(fitted.mean)


def test_draws_follow_the_posterior() -> None:
    fitted = BetaBinomial.fit(*problems(0.3, 0.3))

    ones, zeros = fitted.sample(2000, np.random.default_rng(1))

    assert (ones / (ones + zeros)).mean() == pytest.approx(fitted.mean, abs=0.005)


def test_nothing_wrong_is_not_taken_for_never_wrong() -> None:
    found = beta_binomial(false_discovery_proportion(table(*[(20, 20, 0)] * 30)))

    assert 0 < found.estimate < found.upper < 0.2
    assert found.lower < 0.001


@pytest.mark.parametrize(("hits", "trials"), [([3.0], [2.0]), ([-1.0], [2.0])])
def test_more_hits_than_trials_are_refused(hits: list[float], trials: list[float]) -> None:
    with pytest.raises(ValueError, match="more hits than trials"):
        BetaBinomial.fit(np.array(hits), np.array(trials))


def test_no_trial_says_nothing() -> None:
    with pytest.raises(NotEstimable, match="no trial"):
        BetaBinomial.fit(np.zeros(3), np.zeros(3))
