"""Plays a small problem through, so that a process that is forked later finds all of it warm.

Each role rehearses with a forked child that plays the other one, and keeps nothing of it but what
the interpreter has learnt: specialised code, filled caches, memory that is there already. Without,
each fork learns it again (half of its time, measured on HumanEval).
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable

NONCE = "rehearsal"
PREAMBLE = """from typing import List, Optional


def helper(x: int) -> int:
    return x + 1


"""
CANDIDATE = '''
class Stack:
    """A stack."""

    def __init__(self, items=()):
        self.items = list(items)

    def push(self, item):
        self.items.append(item)
        return len(self.items)


def solve(numbers: List[float], threshold: Optional[float] = None) -> bool:
    """Whether two of these numbers are close."""
    for i, one in enumerate(numbers):
        for other in sorted(numbers[i + 1 :], key=lambda number: -number):
            if abs(one - other) < (threshold or 0.5):
                return True
    return False


def describe(text: str, *words, **counts):
    parts = {word: text.count(word) for word in words} | counts
    if not parts:
        raise ValueError(f"nothing to describe in {text!r}")
    return [f"{word}={count:.1f}" for word, count in sorted(parts.items())], (text, None), {1, 2}


def fill(target):
    while len(target) < 3:
        target.append(len(target))
'''
TESTS = """
import math

METADATA = {"author": "rehearsal"}


def check(candidate):
    assert candidate([1.0, 2.0, 3.9, 4.0], 0.3) is True
    assert candidate([1.0, 2.0, 3.9, 4.0], 0.05) == False
    assert not candidate([], threshold=0.3), "empty"
    assert math.isclose(float(candidate([1, 2])), 0.0)


def test_others():
    words, rest, numbers = describe("a b a", "a", c=2)
    assert words == ["a=2.0", "c=2.0"] and rest == ("a b a", None) and numbers == {2, 1}
    assert helper(1) == 2
    target = [7]
    fill(target)
    assert target == [7, 1, 2]
    stack = Stack([1])
    assert stack.push({"key": [1, 2.5, "x", None, True]}) == 2
    try:
        describe("x")
        assert False
    except ValueError as error:
        assert "nothing" in str(error)


for number in range(3):
    assert solve([number, number + 0.1]) == True
"""
ROLES = "sandboxes.python_tests.jailed."


MODULES = ("candidate", "preamble", "solution")
"""Names under which the two find each other's code."""


def play_candidate(connection_fd: int) -> None:
    """Answers a checker, as the candidate's process does."""
    candidate = importlib.import_module(f"{ROLES}candidate")
    connection = candidate.Connection(connection_fd)
    try:
        module = candidate.load(PREAMBLE + CANDIDATE)
        connection.send({"loaded": True})
        candidate.Server(connection, module).serve()
    finally:
        connection.close()


def play_checker(connection_fd: int) -> None:
    """Asks a candidate, as the checker's process does.

    Raises:
        RuntimeError: The candidate is not accepted.
    """
    checker = importlib.import_module(f"{ROLES}checker")
    job = {
        "form": "code",
        "test": TESTS,
        "preamble": PREAMBLE,
        "entry_point": "solve",
        "keep_going": False,
    }
    connection = checker.Connection(connection_fd)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        reporter = checker.Reporter(nowhere, NONCE)
        reason, facts = checker.run(job, checker.RemoteCandidate(connection), reporter)
    finally:
        os.close(nowhere)
        connection.close()
    if reason != "tests-passed":
        raise RuntimeError(f"The rehearsal ended with {reason}: {facts}")


def rehearse(own: Callable[[int], None], other: Callable[[int], None]) -> None:
    """Plays one role in this process and the other one in a child.

    Raises:
        RuntimeError: One of them did not play its part.
    """
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        code = 1
        try:
            other(theirs.detach())
            code = 0
        finally:
            os._exit(code)
    theirs.close()
    own(ours.detach())
    for name in MODULES:
        sys.modules.pop(name, None)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise RuntimeError(f"The other side of the rehearsal ended with status {status}.")
