"""A reward function for training: a batch of completions in, rewards in the same order out.

Trainers such as TRL and verl call a function of this shape, from a thread of their own. A reward is
1.0, 0.0, or None: skip a sample about which nobody could tell, and never score it 0.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from clients import Verifier, python_tests

__all__ = ["RewardFunction"]


class RewardFunction:
    """Judges completions by the tests of their problems, all of a batch at a time."""

    def __init__(self, target: str) -> None:
        """Connects on the first call.

        Args:
            target: Address of a server.
        """
        self._verifier = Verifier(target)

    def __call__(self, completions: Sequence[str], tests: Sequence[str]) -> list[float | None]:
        """The rewards.

        Args:
            completions: Programs, one a sample.
            tests: Test code of each sample's problem.
        """
        rewards: list[float | None] = [None] * len(completions)
        with self._verifier.stream() as session:
            for number, (source, code) in enumerate(zip(completions, tests, strict=True)):
                session.submit(python_tests(source, tests=code), ticket=str(number))
            session.finish()
            for item in session:
                if item.verdict is not None:
                    rewards[int(item.ticket)] = item.verdict.reward
        return rewards

    def close(self) -> None:
        """Closes the connection."""
        self._verifier.close()


def _main(target: str) -> None:
    reward = RewardFunction(target)
    completions = ["def add(a, b): return a + b", "def add(a, b): return a - b"]
    sys.stdout.write(f"{reward(completions, ['assert add(1, 2) == 3'] * 2)}\n")
    reward.close()


if __name__ == "__main__":
    _main(sys.argv[1])
