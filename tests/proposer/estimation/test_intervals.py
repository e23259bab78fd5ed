from __future__ import annotations

import numpy as np
import pytest

from proposer.estimation import intervals
from proposer.estimation.counts import NotEstimable
from proposer.estimation.definitions import Prices, false_discovery_proportion, utility
from proposer.estimation.intervals import Method
from proposer.estimation.ratios import Ratio
from tests.proposer.estimation.tables import table

CLUSTERED: list[Method] = [
    intervals.logit_t,
    intervals.korn_graubard,
    intervals.effective_wilson,
    intervals.bootstrap,
    intervals.recommended,
]
ALL: list[Method] = [*CLUSTERED, intervals.exact, intervals.wilson]


def ratio(*clusters: tuple[float, float]) -> Ratio:
    tops, bottoms = np.array(clusters, np.float64).reshape(-1, 2).T
    return Ratio(
        name="rate", numerators=tops, denominators=bottoms, observations=int(bottoms.sum())
    )


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(
    "clusters",
    [
        pytest.param([(1, 10), (3, 12), (0, 5), (2, 9)], id="ordinary"),
        pytest.param([(0, 10), (0, 12), (0, 5)], id="none"),
        pytest.param([(10, 10), (12, 12)], id="all"),
        pytest.param([(0, 10), (0, 0), (9, 9)], id="all-or-none-by-problem"),
        pytest.param([(1, 1000), (0, 1000)], id="rare"),
    ],
)
def test_an_interval_holds_its_estimate_and_stays_a_fraction(
    method: Method, clusters: list[tuple[float, float]]
) -> None:
    found = method(ratio(*clusters), 0.95)

    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    assert found.width > 0
    assert found.estimate == ratio(*clusters).estimate


@pytest.mark.parametrize("method", ALL)
def test_more_confidence_is_wider(method: Method) -> None:
    clusters = ratio((1, 10), (3, 12), (0, 5), (2, 9), (0, 8))

    assert method(clusters, 0.99).width > method(clusters, 0.8).width


@pytest.mark.parametrize("method", CLUSTERED)
def test_samples_that_repeat_each_other_add_nothing(method: Method) -> None:
    """Fifty copies of each sample are no evidence beyond the first copy."""
    few = ratio((1, 1), (0, 1), (0, 1), (1, 1), (0, 1), (0, 1), (0, 1), (0, 1))
    many = ratio(*((50 * top, 50.0) for top in few.numerators))

    assert method(many, 0.95).width >= 0.9 * method(few, 0.95).width
    assert intervals.wilson(many, 0.95).width < 0.2 * intervals.wilson(few, 0.95).width


def test_a_rate_without_any_hit_is_bounded_by_problems_not_by_samples() -> None:
    found = intervals.recommended(ratio(*[(0, 100)] * 10))

    assert found.upper == pytest.approx(1 - 0.025 ** (1 / 10))


def test_equal_clusters_of_one_agree_with_the_textbook() -> None:
    """Clusters of one observation each: Korn and Graubard's size is that of the sample."""
    clusters = ratio(*[(1, 1)] * 4 + [(0, 1)] * 16)

    assert intervals.korn_graubard(clusters, 0.95).lower == pytest.approx(
        intervals.exact(clusters, 0.95).lower, abs=0.01
    )


def test_the_variance_is_that_of_a_mean_for_clusters_of_one() -> None:
    clusters = ratio(*[(1, 1)] * 3 + [(0, 1)] * 7)

    assert clusters.variance == pytest.approx(0.3 * 0.7 / 9)


def test_the_logit_interval_is_that_of_the_survey_package() -> None:
    """By hand: R = 0.2, influences ±; t with 3 degrees of freedom is 3.182446."""
    found = intervals.logit_t(ratio((0, 10), (4, 10), (1, 10), (3, 10)), 0.95)

    variance = 4 / 3 * (4 + 4 + 1 + 1) / 40**2
    margin = 3.182446 * variance**0.5 / 0.16
    assert found.lower == pytest.approx(1 / (1 + np.exp(np.log(4) + margin)), abs=1e-6)
    assert found.upper == pytest.approx(1 / (1 + np.exp(np.log(4) - margin)), abs=1e-6)


def test_degrees_of_freedom_are_those_of_the_problems_that_make_up_the_variance() -> None:
    spread = ratio(*[(1, 2), (0, 2), (2, 2), (1, 2)] * 25)
    lone = ratio((10, 10), (9, 10), *[(0, 10)] * 98)

    assert spread.degrees_of_freedom == pytest.approx(99, abs=1)
    assert lone.degrees_of_freedom < 5
    assert intervals.recommended(lone).width > 1.2 * intervals.logit_t(lone).width


@pytest.mark.parametrize("count", [2, 3, 4])
def test_degrees_of_freedom_of_few_problems_are_at_most_one_less(count: int) -> None:
    assert 0 < ratio(*[(1, 3), (0, 3), (2, 3), (1, 5)][:count]).degrees_of_freedom <= count - 1


def test_a_utility_may_be_negative_and_above_one() -> None:
    counts = table((10, 6, 6), (10, 4, 3), (10, 5, 5))

    found = intervals.recommended(utility(counts, 5, Prices(false_positive=4)))

    assert found.method == "student-t"
    assert found.lower < -1


@pytest.mark.parametrize("method", CLUSTERED)
def test_one_problem_gives_no_interval(method: Method) -> None:
    with pytest.raises(NotEstimable, match="at least two problems"):
        method(false_discovery_proportion(table((10, 5, 1), (10, 0, 0))), 0.95)


@pytest.mark.parametrize("method", [intervals.exact, intervals.wilson])
def test_binomial_intervals_count_whole_observations(method: Method) -> None:
    with pytest.raises(NotEstimable, match="Take a clustered interval"):
        method(ratio((0.5, 1), (1, 1)), 0.95)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_between_zero_and_one(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        intervals.logit_t(ratio((1, 2), (0, 2)), level)
