from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from proposer.estimation import audits, intervals
from proposer.estimation.audits import Acceptances
from proposer.estimation.counts import Floats, Integers, NotEstimable, Truth
from proposer.estimation.ratios import Ratio


def campaign(seed: int = 0, problems: int = 60) -> tuple[Acceptances, Integers]:
    """Ten acceptances of each problem, their suspicions, and which of them are wrong."""
    random = np.random.default_rng(seed)
    rates = np.repeat(random.beta(0.3, 1.7, problems), 10)
    wrong = (random.uniform(size=problems * 10) < rates).astype(np.int64)
    suspicions = np.where(wrong, random.beta(3, 2, len(wrong)), random.beta(1, 4, len(wrong)))
    names = tuple(f"{i // 10:03}" for i in range(len(wrong)))
    return Acceptances.unaudited(names, suspicions), wrong


def told(wrong: Integers, chosen: Integers) -> dict[int, Truth]:
    return {int(i): Truth.WRONG if wrong[i] else Truth.RIGHT for i in chosen}


def everything_audited() -> tuple[Acceptances, float]:
    acceptances, wrong = campaign()
    everyone = np.arange(len(wrong))
    return acceptances.drawn(np.ones(len(wrong)), told(wrong, everyone)), float(wrong.mean())


ESTIMATES: list[Callable[[Acceptances], Ratio]] = [
    audits.horvitz_thompson,
    audits.hajek,
    audits.prediction_powered,
]


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_auditing_everything_gives_the_proportion_itself(
    estimate: Callable[[Acceptances], Ratio],
) -> None:
    acceptances, share = everything_audited()

    assert estimate(acceptances).estimate == pytest.approx(share)


def repeated(
    estimate: Callable[[Acceptances], Ratio], worth: Callable[[Acceptances], Floats]
) -> tuple[float, float, float]:
    """Mean and spread of an estimate over many draws of 80 audits, and what they estimate."""
    acceptances, wrong = campaign()
    chances = audits.chances(worth(acceptances), 80)
    found = []
    for seed in range(250):
        chosen = audits.draw(chances, seed)
        found.append(estimate(acceptances.drawn(chances, told(wrong, chosen))).estimate)
    return float(np.mean(found)), float(np.std(found)), float(wrong.mean())


def evenly(acceptances: Acceptances) -> Floats:
    return np.ones(len(acceptances.problems))


@pytest.mark.parametrize("estimate", ESTIMATES)
@pytest.mark.parametrize("worth", [evenly, audits.worths])
def test_estimates_of_random_audits_are_unbiased(
    estimate: Callable[[Acceptances], Ratio], worth: Callable[[Acceptances], Floats]
) -> None:
    mean, spread, share = repeated(estimate, worth)

    assert mean == pytest.approx(share, abs=4 * spread / np.sqrt(250))


def test_a_signal_that_knows_something_narrows_the_estimate() -> None:
    _, plain, _ = repeated(audits.horvitz_thompson, evenly)
    _, weighted, _ = repeated(audits.hajek, audits.worths)
    _, powered, _ = repeated(audits.prediction_powered, audits.worths)

    assert powered < 0.85 * plain
    assert powered < weighted < 1.05 * plain


def test_a_signal_that_lies_does_not_mislead() -> None:
    """It calls every wrong acceptance harmless: the estimate is wider for it, and still right."""

    def lying(acceptances: Acceptances) -> Acceptances:
        return Acceptances(
            problems=acceptances.problems,
            truths=acceptances.truths,
            suspicions=1 - acceptances.suspicions,
            chances=acceptances.chances,
        )

    mean, spread, share = repeated(
        lambda drawn: audits.prediction_powered(lying(drawn)),
        lambda acceptances: audits.worths(lying(acceptances)),
    )

    assert mean == pytest.approx(share, abs=4 * spread / np.sqrt(250))


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_ten_clean_audits_do_not_vouch_for_hundreds_of_problems(
    estimate: Callable[[Acceptances], Ratio],
) -> None:
    """The other problems have acceptances, of which nothing is known."""
    acceptances = Acceptances.unaudited(tuple(f"{i:03}" for i in range(300)))
    chances = audits.chances(np.ones(300), 10)
    found = acceptances.drawn(chances, dict.fromkeys(range(10), Truth.RIGHT))

    interval = intervals.recommended(estimate(found))

    assert (interval.estimate, interval.lower) == (0, 0)
    assert interval.upper == pytest.approx(1 - 0.025 ** (1 / 10))


def test_clean_audits_of_the_suspected_vouch_less_for_the_others() -> None:
    acceptances = Acceptances.unaudited(tuple(f"{i:03}" for i in range(100)))
    chances = np.where(np.arange(100) < 50, 0.38, 0.02)
    even = acceptances.drawn(np.full(100, 0.2), dict.fromkeys(range(20), Truth.RIGHT))
    found = {**dict.fromkeys(range(19), Truth.RIGHT), 99: Truth.RIGHT}
    skewed = acceptances.drawn(chances, found)

    upper = intervals.recommended(audits.hajek(skewed)).upper
    assert upper > 2 * intervals.recommended(audits.hajek(even)).upper


def test_chances_add_up_and_none_is_above_one() -> None:
    found = audits.chances(np.array([0.0, 1.0, 1.0, 100.0]), 2)

    assert found.tolist() == [0.0, 0.5, 0.5, 1.0]


def test_each_is_drawn_with_its_chance() -> None:
    chances = audits.chances(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2)
    times = Counter(int(i) for seed in range(3000) for i in audits.draw(chances, seed))

    assert [times[i] / 3000 for i in range(5)] == pytest.approx(chances.tolist(), abs=0.04)
    assert all(len(audits.draw(chances, seed)) == 2 for seed in range(50))


def test_later_rounds_are_unbiased_though_planned_by_earlier_ones() -> None:
    acceptances, wrong = campaign(problems=20)
    found = []
    for seed in range(300):
        state = acceptances
        for wave in (1, 2):
            chances = audits.chances(audits.worths(state), 25)
            chosen = audits.draw(chances, 2 * seed + wave)
            state = state.drawn(chances, told(wrong, chosen))
        found.append(audits.prediction_powered(state).estimate)

    assert np.mean(found) == pytest.approx(wrong.mean(), abs=4 * np.std(found) / np.sqrt(300))


def test_the_next_audits_go_where_most_is_open() -> None:
    names = ("large",) * 20 + ("small",) * 2 + ("known",) * 20
    acceptances = Acceptances.unaudited(names)
    known = dict.fromkeys(range(22, 41), Truth.RIGHT)
    acceptances = acceptances.drawn(np.ones(42), known)

    plan = audits.next_audits(acceptances, 10)

    assert plan[0].problem == "large"
    assert all(not acceptances.audited[audit.acceptance] for audit in plan)
    assert len({audit.acceptance for audit in plan}) == 10
    errors = [audit.standard_error for audit in plan]
    assert errors == sorted(errors, reverse=True)


def test_planned_audits_shrink_the_interval_more_than_random_ones() -> None:
    random = np.random.default_rng(4)
    sizes = [40] * 5 + [1] * 100
    names = tuple(f"{i:03}" for i, size in enumerate(sizes) for _ in range(size))
    rates = np.repeat(random.beta(0.5, 1.5, len(sizes)), sizes)
    wrong = (random.uniform(size=len(names)) < rates).astype(np.int64)
    start = Acceptances.unaudited(names)

    planned = np.array([audit.acceptance for audit in audits.next_audits(start, 20)])
    lots = [random.choice(len(names), 20, replace=False) for _ in range(5)]
    widths = [
        audits.posterior(start.drawn(np.ones(len(names)), told(wrong, chosen))).width
        for chosen in (planned, *lots)
    ]

    assert widths[0] < np.mean(widths[1:])


def test_no_more_is_planned_than_there_is() -> None:
    assert len(audits.next_audits(Acceptances.unaudited(("a", "b")), 10)) == 2


def test_an_audit_that_could_not_tell_is_no_finding() -> None:
    acceptances = Acceptances.unaudited(("a", "a", "b"))

    found = acceptances.drawn(np.ones(3), {0: Truth.WRONG, 1: Truth.UNKNOWN, 2: Truth.RIGHT})

    assert found.audited.tolist() == [True, False, True]
    assert audits.hajek(found).estimate == 0.5


def test_the_posterior_knows_what_was_audited() -> None:
    acceptances, share = everything_audited()

    found = audits.posterior(acceptances)

    assert found.lower == found.upper == pytest.approx(share)


@pytest.mark.parametrize("estimate", [*ESTIMATES, audits.posterior])
def test_nothing_audited_says_nothing(estimate: Callable[[Acceptances], object]) -> None:
    with pytest.raises(NotEstimable, match="No acceptance was audited"):
        estimate(campaign()[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"suspicions": np.array([0.5, 1.5])}, "suspicions", id="suspicion-above-1"),
        pytest.param({"suspicions": np.array([0.5])}, "as suspicions", id="too-few"),
        pytest.param({"chances": np.array([0.0, 1.0])}, "was 0", id="audited-without-chance"),
    ],
)
def test_what_is_no_campaign_is_refused(change: dict[str, Floats], message: str) -> None:
    fields: dict[str, object] = {
        "problems": ("a", "b"),
        "truths": np.array([Truth.WRONG, Truth.UNKNOWN]),
        "suspicions": np.array([0.5, 0.5]),
        "chances": np.array([1.0, 1.0]),
    }
    with pytest.raises(ValueError, match=message):
        Acceptances(**{**fields, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 4])
def test_no_more_can_be_drawn_than_there_is(count: int) -> None:
    with pytest.raises(ValueError, match="can't be drawn"):
        audits.chances(np.array([1.0, 1.0, 1.0, 0.0]), count)
