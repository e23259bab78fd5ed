"""Definitions against enumeration: every subset of the samples is drawn, and counted."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable

import pytest

from proposer.estimation import definitions
from proposer.estimation.counts import Answer, Counts, NotEstimable, Observation, Truth
from proposer.estimation.definitions import Prices, best_of, pass_at, utility
from proposer.estimation.ratios import Ratio
from tests.proposer.estimation.tables import table

PROBLEMS = [(6, 3, 1), (6, 0, 0), (7, 7, 7), (5, 4, 0), (6, 2, 2)]


def draws(n: int, m: int, w: int, k: int) -> list[tuple[float, float, float]]:
    """Right returned, wrong returned, samples drawn: of every order in which k can be drawn."""
    kinds = ["wrong"] * w + ["right"] * (m - w) + ["rejected"] * (n - m)
    found = []
    for drawn in itertools.permutations(kinds, k):
        accepted = [kind for kind in drawn if kind != "rejected"]
        used = next((i + 1 for i, kind in enumerate(drawn) if kind != "rejected"), k)
        first = accepted[0] if accepted else "none"
        found.append((float(first == "right"), float(first == "wrong"), float(used)))
    return found


@pytest.mark.parametrize("k", [1, 2, 4])
def test_best_of_k_is_what_all_ways_to_draw_give(k: int) -> None:
    best = best_of(table(*PROBLEMS), k)

    for i, problem in enumerate(PROBLEMS):
        right, wrong, used = map(statistics.fmean, zip(*draws(*problem, k), strict=True))
        assert best.right.numerators[i] == pytest.approx(right)
        assert best.wrong.numerators[i] == pytest.approx(wrong)
        assert best.samples.numerators[i] == pytest.approx(used)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_pass_at_k_is_what_all_subsets_give(k: int) -> None:
    estimates = pass_at(table(*PROBLEMS), k).numerators

    for estimate, (n, m, w) in zip(estimates, PROBLEMS, strict=True):
        right = m - w
        subsets = itertools.combinations([True] * right + [False] * (n - right), k)
        assert estimate == pytest.approx(statistics.fmean(any(drawn) for drawn in subsets))


def test_pass_at_one_is_the_mean_accuracy() -> None:
    assert pass_at(table((10, 5, 1), (10, 10, 0)), 1).estimate == pytest.approx((0.4 + 1) / 2)


def test_pass_at_k_stays_finite_where_binomials_overflow() -> None:
    assert 0 < pass_at(table((100_000, 3, 0), (100_000, 1, 0)), 9_000).estimate < 1


@pytest.mark.parametrize(
    ("quantity", "estimate"),
    [
        pytest.param(definitions.pass_rate, 8 / 16, id="accepted-of-decided"),
        pytest.param(definitions.accuracy, 5 / 16, id="right-of-all"),
        pytest.param(definitions.false_positive_rate, 3 / 11, id="accepted-of-wrong"),
        pytest.param(definitions.false_discovery_proportion, 3 / 8, id="wrong-of-accepted"),
        pytest.param(definitions.conditional_accuracy, 5 / 8, id="right-of-accepted"),
        pytest.param(definitions.ceiling, (3 / 5 + 2 / 3) / 2, id="mean-right-of-accepted"),
    ],
)
def test_quantities_are_kept_apart(quantity: Callable[[Counts], Ratio], estimate: float) -> None:
    assert quantity(table((6, 5, 2), (6, 3, 1), (4, 0, 0))).estimate == pytest.approx(estimate)


def test_success_tends_to_the_ceiling_and_no_further() -> None:
    counts = table((200, 150, 30), (200, 120, 60))

    success = best_of(counts, definitions.largest_k(counts)).right.estimate

    assert success == pytest.approx(definitions.ceiling(counts).estimate)


def test_utility_weighs_what_is_returned() -> None:
    counts, prices = table((10, 4, 1), (10, 2, 2)), Prices(false_positive=3, sample=0.01)
    best = best_of(counts, 5)

    wanted = best.right.estimate - 3 * best.wrong.estimate - 0.01 * best.samples.estimate
    assert utility(counts, 5, prices).estimate == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("price", "best"),
    [
        pytest.param(Prices(false_positive=0), 6, id="free-samples-no-harm"),
        pytest.param(Prices(false_positive=10), 0, id="abstain"),
        pytest.param(Prices(false_positive=0, sample=0.14), 2, id="samples-cost"),
    ],
)
def test_the_best_number_of_samples(price: Prices, best: int) -> None:
    assert definitions.optimal_samples(table((10, 5, 1), (10, 0, 0)), price) == best


def test_missing_samples_move_the_bounds_and_not_the_estimate() -> None:
    known = [Observation(problem="a", answer=Answer.ACCEPTED, truth=Truth.RIGHT)] * 3
    known += [Observation(problem="b", answer=Answer.ACCEPTED, truth=Truth.WRONG)]
    missing = [Observation(problem="a", answer=Answer.ACCEPTED)] * 4
    missing += [Observation(problem="b", answer=Answer.INCONCLUSIVE)] * 2
    quantity = definitions.false_discovery_proportion

    assert quantity(Counts.of(known + missing)).estimate == quantity(Counts.of(known)).estimate
    bounds = definitions.missing_bounds(quantity, Counts.of(known + missing))
    assert bounds == pytest.approx((1 / 10, 7 / 10))
    assert definitions.missing_bounds(quantity, Counts.of(known)) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        pytest.param(
            lambda: definitions.false_discovery_proportion(table((5, 0, 0))),
            "no observation to estimate the false-discovery proportion",
            id="nothing-accepted",
        ),
        pytest.param(
            lambda: pass_at(table((5, 1, 0), (3, 1, 0)), 4),
            "'p1' with 3. Take a smaller k",
            id="too-few-samples",
        ),
        pytest.param(
            lambda: best_of(Counts.of([Observation(problem="lone", answer=Answer.ACCEPTED)]), 1),
            "'lone'. Audit one",
            id="nobody-knows-the-truth",
        ),
        pytest.param(lambda: definitions.pass_rate(Counts.of([])), "no observation", id="empty"),
    ],
)
def test_what_the_data_cannot_answer_is_said(ask: Callable[[], Ratio], message: str) -> None:
    with pytest.raises(NotEstimable, match=message):
        ask()


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_a_price_is_a_number_from_zero(price: float) -> None:
    with pytest.raises(ValueError, match="price of a false_positive"):
        Prices(false_positive=price)
