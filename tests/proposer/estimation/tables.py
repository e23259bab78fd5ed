"""Counts of verdicts for tests, from the four numbers that papers use."""

from __future__ import annotations

import numpy as np

from proposer.estimation.counts import Answer, Counts, Truth

__all__ = ["table"]


def table(*problems: tuple[int, int, int]) -> Counts:
    """Problems of n samples, m accepted, w of these wrong; all rejected ones are wrong."""
    cells = np.zeros((len(problems), 3, 3), np.int64)
    for row, (n, m, w) in zip(cells, problems, strict=True):
        row[Answer.ACCEPTED, Truth.RIGHT] = m - w
        row[Answer.ACCEPTED, Truth.WRONG] = w
        row[Answer.REJECTED, Truth.WRONG] = n - m
    return Counts(tuple(f"p{i}" for i in range(len(problems))), cells)
