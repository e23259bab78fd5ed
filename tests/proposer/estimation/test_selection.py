from __future__ import annotations

import numpy as np
import pytest

from proposer.estimation import selection
from proposer.estimation.selection import B4Prior, Group, Passed, best_of_majority, votes

RIGHT_MINORITY = np.array([[1, 1, 1, 1, 0]] * 2 + [[1, 0, 0, 0, 1]] * 3 + [[0, 0, 0, 0, 1]], bool)
"""Two solutions pass four tests; three share a mistake that one bad test asks for."""


@pytest.mark.parametrize(
    ("rule", "members"),
    [
        pytest.param(selection.largest_group, (2, 3, 4), id="most-alike"),
        pytest.param(selection.most_passed, (0, 1), id="most-passed"),
        pytest.param(selection.codet, (0, 1), id="codet"),
        pytest.param(selection.b4, (0, 1), id="b4"),
    ],
)
def test_rules_rank_what_they_say(rule: object, members: tuple[int, ...]) -> None:
    (best, *_) = rule(RIGHT_MINORITY)  # type: ignore[operator]

    assert best.members == members


def test_codet_multiplies_solutions_and_tests() -> None:
    scores = {group.members: group.score for group in selection.codet(RIGHT_MINORITY)}

    assert scores == {(0, 1): 8.0, (2, 3, 4): 6.0, (5,): 1.0}


def test_b4_is_the_log_of_four_beta_integrals() -> None:
    passed = np.array([[True, True], [True, False]])

    groups = {g.members: g.score for g in selection.b4(passed, B4Prior(correct=2, strict=3))}

    # Solution 0 with both tests: B(2+1, 1+1)·B(2+2, 1)·B(1+1, 1+1)·B(1, 3).
    assert groups[(0,)] == pytest.approx(np.log((1 / 12) * (1 / 4) * (1 / 6) * (1 / 3)))


def drawn(random: np.random.Generator, solutions: int, tests: int) -> tuple[Passed, Passed]:
    """B4's generator: right passes right; else a rate that depends on the test alone."""
    right = random.uniform(size=solutions) < 0.2
    good = random.uniform(size=tests) < 0.3
    rates = np.where(good, np.where(right[:, None], 1.0, 0.4), np.where(right[:, None], 0.0, 0.1))
    return random.uniform(size=(solutions, tests)) < rates, right


def hit(groups: tuple[Group, ...], right: Passed) -> float:
    return float(right[list(groups[0].members)].mean())


def test_b4_beats_codet_beats_chance_where_its_model_holds() -> None:
    random = np.random.default_rng(5)
    hits = []
    for _ in range(300):
        passed, right = drawn(random, 10, 30)
        if 0 < right.sum() < 10:
            rules = (selection.b4, selection.codet, selection.most_passed)
            hits.append([*(hit(rule(passed), right) for rule in rules), right.mean()])
    b4, codet, most, chance = np.mean(hits, axis=0)

    assert b4 > codet > chance
    assert b4 > most > chance


def test_a_solution_that_passes_everything_beats_copies_that_fail() -> None:
    """Forty copies of a candidate that fails each test are no majority for B4 or CodeT."""
    passed = np.array([[True] * 10] * 3 + [[False] * 10] * 40)

    assert selection.codet(passed)[0].members == (0, 1, 2)
    assert selection.b4(passed)[0].members == (0, 1, 2)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_an_empty_matrix_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="one row for each solution"):
        selection.codet(np.zeros(shape, bool))


def test_votes_count_weights() -> None:
    assert votes(["a", "b", "b", "b"]) == [("b", 0.75), ("a", 0.25)]
    assert votes(["a", "b", "b"], [3, 0.5, 0.5])[0] == ("a", 0.75)


@pytest.mark.parametrize(
    ("answers", "weights"), [([], None), (["a"], [-1.0]), (["a"], [0.0]), (["a"], [float("nan")])]
)
def test_votes_that_count_nothing_are_refused(
    answers: list[str], weights: list[float] | None
) -> None:
    with pytest.raises(ValueError, match="vote"):
        votes(answers, weights)


def test_best_of_majority_leaves_out_a_rare_answer_that_fools_the_reward() -> None:
    answers = ["common"] * 6 + ["second"] * 3 + ["hack"]
    rewards = [0.5] * 6 + [0.6] * 3 + [0.99]

    assert best_of_majority(answers, rewards, share=0.2) == ["second"]
    assert best_of_majority(answers, rewards, share=0.2, count=5) == ["second", "common"]
    assert best_of_majority(answers, rewards, share=0.0) == ["hack"]
