from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from proposer.estimation.definitions import Prices
from proposer.estimation.stopping import (
    Action,
    Belief,
    Beliefs,
    Progress,
    majority_certificate,
    most_samples,
    recommend,
    worth_of_acceptance,
)

BELIEFS = Beliefs(
    sampled=Belief(hits=2, misses=2),
    repaired=Belief(hits=1, misses=9),
    wrong=Belief(hits=1, misses=9),
)
PRICES = Prices(false_positive=2, sample=0.02, audit=0.1, repair=0.04)


def test_a_unanimous_vote_is_certified_and_a_tie_is_not() -> None:
    assert majority_certificate(["a"] * 9).certified
    assert not majority_certificate(["a"] * 8).certified
    assert not majority_certificate(["a", "b"] * 500).certified


def test_the_evidence_is_the_integral_that_the_docstring_says() -> None:
    found = majority_certificate(["b", "a", "a", "a", "a", "a"])

    ps = (np.arange(200_000) + 0.5) / 400_000 + 0.5
    integral = np.mean((2 * ps) ** 4 * (2 - 2 * ps))
    assert found.e_value == pytest.approx(integral / (2 * 3), rel=1e-6)
    assert (found.leader, found.votes, found.runner_up) == ("a", 5, 1)


def test_no_wrong_leader_is_certified_too_often_however_long_one_looks() -> None:
    """Every prefix of every vote is looked at; two answers are all but equally likely."""
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        votes = random.choice(4, size=80, p=[0.26, 0.25, 0.25, 0.24]).tolist()
        prefixes = (majority_certificate(votes[:count]) for count in range(1, 81))
        wrong += any(found.certified and found.leader != 0 for found in prefixes)

    assert wrong / 200 <= 0.05


def test_evidence_is_fair_under_a_tie() -> None:
    """For two equally likely answers the expected evidence for the first seen is 1/2."""
    expected = sum(
        evidence_for_first((0, *rest)) / 2**10 for rest in itertools.product((0, 1), repeat=10)
    )

    assert expected <= 0.5 + 1e-9


def evidence_for_first(votes: tuple[int, ...]) -> float:
    """Of the answer seen first, whether it leads or not."""
    found = majority_certificate(votes)
    return found.e_value if found.leader == 0 else 0.0


@pytest.mark.parametrize(("answers", "level"), [([], 0.95), (["a"], 1.0)])
def test_a_vote_needs_answers_and_a_level(answers: list[str], level: float) -> None:
    with pytest.raises(ValueError, match="vote"):
        majority_certificate(answers, level)


@pytest.mark.parametrize(
    ("wrong", "prices", "worth"),
    [
        pytest.param(0.1, Prices(false_positive=1), 0.9, id="audits-are-free"),
        pytest.param(0.1, Prices(false_positive=1, audit=0.5), 0.8, id="return-unaudited"),
        pytest.param(0.5, Prices(false_positive=9, audit=0.2), 0.3, id="audit-first"),
        pytest.param(0.5, Prices(false_positive=9, audit=0.9), 0.0, id="not-worth-having"),
    ],
)
def test_what_an_acceptance_is_worth(wrong: float, prices: Prices, worth: float) -> None:
    assert worth_of_acceptance(wrong, prices) == pytest.approx(worth)


def best_plan(sampled: Belief, worth: float, price: float, longest: int) -> int:
    """The best number of samples at most, by the expected value of every plan."""

    def value(most: int) -> float:
        total, alive = 0.0, 1.0
        for j in range(most):
            accepted = sampled.after(0, j).mean
            total += alive * (accepted * worth - price)
            alive *= 1 - accepted
        return total

    return max(range(longest), key=value)


@pytest.mark.parametrize("price", [0.005, 0.02, 0.1, 0.3])
def test_most_samples_is_the_best_of_all_plans(price: float) -> None:
    sampled, wrong = Belief(hits=0.6, misses=1.7), Belief(hits=1, misses=9)
    prices = Prices(false_positive=2, sample=price, audit=0.1)
    worth = worth_of_acceptance(wrong.mean, prices)

    assert most_samples(sampled, wrong, prices) == best_plan(sampled, worth, price, 400)


def test_free_samples_have_no_limit_and_worthless_ones_are_not_drawn() -> None:
    sampled = Belief(hits=1, misses=1)

    assert most_samples(sampled, Belief(hits=1, misses=9), Prices(audit=0.1)) is None
    assert most_samples(sampled, Belief(hits=9, misses=1), Prices(audit=9)) == 0


@pytest.mark.parametrize(
    ("progress", "prices", "action", "returns"),
    [
        pytest.param(Progress(), PRICES, Action.SAMPLE, False, id="nothing-yet"),
        pytest.param(Progress(rejected=300), PRICES, Action.STOP, False, id="hopeless"),
        pytest.param(Progress(accepted=True), PRICES, Action.AUDIT, True, id="audit-pays"),
        pytest.param(
            Progress(accepted=True),
            Prices(false_positive=0.1, audit=0.5, sample=0.02),
            Action.STOP,
            True,
            id="audit-too-dear",
        ),
        pytest.param(
            Progress(accepted=True, found_wrong=30),
            Prices(false_positive=2, audit=0.9, sample=0.02),
            Action.STOP,
            False,
            id="fooled-too-often",
        ),
        pytest.param(Progress(found_right=True), PRICES, Action.STOP, True, id="found-right"),
        pytest.param(
            Progress(rejected=40, unrepaired=1), PRICES, Action.REPAIR, False, id="repair-pays"
        ),
        pytest.param(
            Progress(rejected=2, unrepaired=2), PRICES, Action.SAMPLE, False, id="repair-pays-less"
        ),
    ],
)
def test_what_to_do_next(progress: Progress, prices: Prices, action: Action, returns: bool) -> None:
    found = recommend(progress, BELIEFS, prices)

    assert (found.action, found.returns) == (action, returns)
    assert found.reason.endswith(".")
    assert all(math.isfinite(gain) for gain in found.gains.values())


def test_advice_ends_when_all_samples_are_rejected() -> None:
    steps = itertools.takewhile(
        lambda step: recommend(Progress(rejected=step), BELIEFS, PRICES).action is Action.SAMPLE,
        range(1000),
    )

    assert 10 < len(list(steps)) < 1000


def test_advice_ends_when_all_acceptances_are_found_wrong() -> None:
    progress, steps = Progress(), 0
    while (action := recommend(progress, BELIEFS, PRICES).action) is not Action.STOP:
        found = progress.found_wrong + (action is Action.AUDIT)
        progress, steps = Progress(accepted=action is Action.SAMPLE, found_wrong=found), steps + 1
        assert steps < 1000

    assert steps > 1


@pytest.mark.parametrize(("hits", "misses"), [(0, 1), (1, 0), (float("nan"), 1)])
def test_a_belief_is_a_beta_distribution(hits: float, misses: float) -> None:
    with pytest.raises(ValueError, match="no belief"):
        Belief(hits=hits, misses=misses)
