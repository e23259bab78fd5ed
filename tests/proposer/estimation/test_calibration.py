"""Calibrations: what an acceptance is worth, and who would like it to be worth more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from proposer.estimation.calibration import calibrated
from proposer.estimation.counts import Answer, Truth
from proposer.estimation.records import Record, UnusableRecords

NAME = Path("weak.jsonl")


def records(wrong: int = 1, right: int = 3, problems: int = 12) -> list[Record]:
    """Problems with so many wrong and right acceptances each, all audited."""
    truths = [Truth.WRONG] * wrong + [Truth.RIGHT] * right
    return [
        Record(
            problem=f"set/{problem}",
            candidate=f"c{index}",
            line=problem * len(truths) + index + 1,
            answer=Answer.ACCEPTED,
            truth=truth,
            asked=True,
        )
        for problem in range(problems)
        for index, truth in enumerate(truths)
    ]


def calibrate(found: list[Record], problem_set: str = "set/*") -> float:
    return calibrated(found, problem_set=problem_set, method="held-out-tests", name=NAME).rate


def test_the_share_of_wrong_ones_with_what_it_rests_on() -> None:
    made = calibrated(records(), problem_set="set/*", method="held-out-tests", name=NAME)

    assert made.rate == 0.25
    assert made.lower <= 0.25 <= made.upper
    assert (made.sample_count, made.problem_count) == (48, 12)
    assert (made.method, made.problem_set) == ("held-out-tests", "set/*")
    assert made.estimate_time is not None


def test_no_wrong_one_seen_is_no_proof_that_there_is_none() -> None:
    made = calibrated(records(wrong=0), problem_set="*", method="held-out-tests", name=NAME)

    assert made.rate == 0.0
    assert made.upper > 0.2, "twelve problems rule out no more than that"


def test_what_nobody_could_tell_counts_for_nothing() -> None:
    found = records()
    doubtful = [
        replace(one, candidate=f"d{index}", truth=Truth.UNKNOWN) for index, one in enumerate(found)
    ]

    assert calibrate(found + doubtful) == calibrate(found)


def test_audits_of_hand_picked_acceptances_are_refused() -> None:
    """Whoever audits only those that he is sure of would get a rate of 0."""
    picked = [
        one if one.truth is Truth.RIGHT else replace(one, truth=Truth.UNKNOWN, asked=False)
        for one in records()
    ]

    with pytest.raises(UnusableRecords, match="12 were never put to the stronger verifier"):
        calibrate(picked)


def test_audits_drawn_by_a_plan_are_weighed_by_their_chances() -> None:
    """Wrong ones were drawn four times as often as right ones; counted plainly they are 4 of 7."""
    found = [
        one if one.candidate in ("c0", "c1") else replace(one, truth=Truth.UNKNOWN, asked=False)
        for one in records(wrong=1, right=4)
    ]
    chances = {one.key: 1.0 if one.candidate == "c0" else 0.25 for one in found}
    made = calibrated(found, problem_set="*", method="held-out-tests", name=NAME, chances=chances)

    assert made.rate == pytest.approx(0.2)


def test_audits_that_could_not_tell_do_not_count_as_right() -> None:
    """Else the estimate would be too low by as many as were not told."""
    found = [
        replace(one, truth=Truth.UNKNOWN) if one.candidate == "c3" else one for one in records()
    ]
    chances = dict.fromkeys([one.key for one in found], 1.0)
    made = calibrated(
        found,
        problem_set="*",
        method="held-out-tests",
        name=NAME,
        chances=chances,
        suspicions=dict.fromkeys(chances, 0.5),
    )

    assert made.rate == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("found", "problem_set", "said"),
    [
        pytest.param(records(), "other/*", r"line 1, is about the problem 'set/0'", id="other-set"),
        pytest.param(records(problems=9), "*", "needs 10 problems or more", id="few-problems"),
        pytest.param(
            [replace(one, truth=Truth.UNKNOWN) for one in records()],
            "*",
            "the truth is known of 0 acceptances",
            id="no-truth",
        ),
        pytest.param(
            [replace(one, answer=Answer.REJECTED) for one in records()],
            "*",
            "the truth is known of 0 acceptances",
            id="nothing-accepted",
        ),
    ],
)
def test_too_little_to_go_by_says_what_is_missing(
    found: list[Record], problem_set: str, said: str
) -> None:
    with pytest.raises(UnusableRecords, match=said):
        calibrate(found, problem_set)
