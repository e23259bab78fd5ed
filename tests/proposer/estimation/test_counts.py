from __future__ import annotations

import numpy as np
import pytest

from proposer.estimation.counts import Answer, Counts, Observation, Truth
from tests.proposer.estimation.tables import table


def seen(problem: str, answer: Answer, truth: Truth = Truth.UNKNOWN) -> Observation:
    return Observation(problem=problem, answer=answer, truth=truth)


def test_samples_are_counted_by_problem_answer_and_truth() -> None:
    counts = Counts.of(
        [
            seen("b", Answer.ACCEPTED, Truth.WRONG),
            seen("a", Answer.ACCEPTED, Truth.RIGHT),
            seen("b", Answer.REJECTED, Truth.WRONG),
            seen("b", Answer.INCONCLUSIVE),
        ]
    )

    assert counts.problems == ("b", "a")
    assert counts.accepted.tolist() == [1, 1]
    assert counts.decided.tolist() == [2, 1]
    assert counts.wrong.tolist() == [2, 0]
    assert counts.right.tolist() == [0, 1]
    assert counts.false_positives.tolist() == [1, 0]
    assert counts.unknown == 1


def test_an_inconclusive_answer_is_neither_accepted_nor_decided() -> None:
    counts = Counts.of([seen("a", Answer.INCONCLUSIVE, Truth.WRONG)])

    assert counts.accepted.tolist() == counts.decided.tolist() == [0]
    assert counts.false_positives.tolist() == [0]


def test_completions_fill_in_what_is_missing_and_keep_the_rest() -> None:
    counts = Counts.of(
        [
            seen("a", Answer.ACCEPTED, Truth.RIGHT),
            seen("a", Answer.ACCEPTED),
            seen("a", Answer.INCONCLUSIVE),
        ]
    )

    filled = list(counts.completions())

    assert len(filled) == 2 * 4
    assert all(each.cells.sum() == 3 and each.unknown == 0 for each in filled)
    assert {tuple(each.false_positives) for each in filled} == {(0,), (1,), (2,)}


def test_nothing_missing_has_one_completion() -> None:
    (only,) = table((5, 3, 1)).completions()

    assert only.cells.tolist() == table((5, 3, 1)).cells.tolist()


@pytest.mark.parametrize(
    ("problems", "cells", "message"),
    [
        pytest.param(("a",), np.zeros((2, 3, 3), np.int64), "shape", id="too-many-rows"),
        pytest.param(("a", "a"), np.zeros((2, 3, 3), np.int64), "twice", id="same-name"),
        pytest.param(("a",), np.full((1, 3, 3), -1), "negative", id="negative"),
    ],
)
def test_what_is_no_table_is_refused(
    problems: tuple[str, ...], cells: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Counts(problems, cells)  # type: ignore[arg-type]
