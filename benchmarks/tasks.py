"""What the benchmarks have judged: HumanEval/0 with its asserts, and the same by numpy."""

from __future__ import annotations

__all__ = [
    "CANDIDATE",
    "CASES",
    "ENTRY_POINT",
    "NUMPY_CANDIDATE",
    "TESTS",
    "program",
]

# openai/human-eval, MIT License.
CANDIDATE = '''\
from typing import List


def has_close_elements(numbers: List[float], threshold: float) -> bool:
    """ Check if in given list of numbers, are any two numbers closer to each other than
    given threshold.
    >>> has_close_elements([1.0, 2.0, 3.0], 0.5)
    False
    >>> has_close_elements([1.0, 2.8, 3.0, 4.0, 5.0, 2.0], 0.3)
    True
    """
    for idx, elem in enumerate(numbers):
        for idx2, elem2 in enumerate(numbers):
            if idx != idx2:
                distance = abs(elem - elem2)
                if distance < threshold:
                    return True

    return False
'''
NUMPY_CANDIDATE = """\
import numpy


def has_close_elements(numbers, threshold):
    return bool((numpy.diff(numpy.sort(numpy.array(numbers))) < threshold).any())
"""
ENTRY_POINT = "has_close_elements"
CASES = (
    (([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.3), True),
    (([1.0, 2.0, 3.9, 4.0, 5.0, 2.2], 0.05), False),
    (([1.0, 2.0, 5.9, 4.0, 5.0], 0.95), True),
    (([1.0, 2.0, 5.9, 4.0, 5.0], 0.8), False),
    (([1.0, 2.0, 3.0, 4.0, 5.0, 2.0], 0.1), True),
    (([1.1, 2.2, 3.1, 4.1, 5.1], 1.0), True),
    (([1.1, 2.2, 3.1, 4.1, 5.1], 0.5), False),
)
"""Arguments and result of each call."""
TESTS = "def check(candidate):\n" + "".join(
    f"    assert candidate({numbers}, {threshold}) == {result}\n"
    for (numbers, threshold), result in CASES
)


def program(source: str) -> str:
    """Candidate and asserts in one: it ends well if they pass."""
    return f"{source}\n{TESTS}\ncheck({ENTRY_POINT})\n"
