"""When to try a call again, and after how long. Pure, but for the clock."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from verifier_service.model import Code, QueueFull, ServiceError

__all__ = ["Attempts", "RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How calls that met trouble of the server's, or found none, are repeated.

    Repeating is safe: equal requests share one run and one verdict. A server that says when to
    come back (`RetryInfo`) is obeyed for as long as the caller's deadline allows; where it does
    not, waits double from `initial_seconds` up to `maximum_seconds`, and the number of tries ends
    it: soon for a server that was never there, later for one that was, and may be starting again.
    Errors other than UNAVAILABLE and a full queue are never retried.
    """

    maximum_attempts: int = 5
    """Tries to reach a server that has not answered yet; 1 never retries at all."""
    reconnect_attempts: int = 12
    """Tries to reach one that has: with the waits below, for about half a minute."""
    initial_seconds: float = 0.1
    maximum_seconds: float = 5.0

    def attempts(self, timeout_seconds: float | None, *, answered: bool = False) -> Attempts:
        """Starts to count, for one call with this much time.

        Args:
            timeout_seconds: Time for all tries together; None is for ever.
            answered: Whether the server has answered before.
        """
        return Attempts(self, timeout_seconds, answered=answered)


class Attempts:
    """The tries of one call, and the time that is left for them."""

    def __init__(
        self, policy: RetryPolicy, timeout_seconds: float | None, *, answered: bool = False
    ) -> None:
        self._policy = policy
        self._answered = answered
        self._failures = 0
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds

    def remaining_seconds(self) -> float | None:
        """Time left for the call; None where it has no deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def succeeded(self) -> None:
        """Forgets the failures: something came through."""
        self._failures = 0
        self._answered = True

    def delay_after(self, error: ServiceError) -> float | None:
        """Seconds to wait before the next try, or None where the error is the caller's to see."""
        delay = self._wished_delay(error)
        remaining = self.remaining_seconds()
        if delay is None or (remaining is not None and delay >= remaining):
            return None
        return delay

    def _wished_delay(self, error: ServiceError) -> float | None:
        if not _may_pass(error) or self._policy.maximum_attempts <= 1:
            return None
        if isinstance(error, QueueFull) and error.retry_after_seconds is not None:
            # Never sooner than asked; spread, so that a crowd does not come back at once.
            return max(error.retry_after_seconds, 0.001) * random.uniform(1.0, 1.25)  # noqa: S311
        self._failures += 1
        if self._failures >= self._most_failures:
            return None
        return self._backoff(error)

    @property
    def _most_failures(self) -> int:
        policy = self._policy
        if self._answered:
            return max(policy.maximum_attempts, policy.reconnect_attempts)
        return policy.maximum_attempts

    def _backoff(self, error: ServiceError) -> float:
        doubled = self._policy.initial_seconds * 2.0 ** (self._failures - 1)
        wait = min(doubled, self._policy.maximum_seconds) * random.uniform(0.5, 1.0)  # noqa: S311
        return max(wait, error.retry_after_seconds or 0.0)


def _may_pass(error: ServiceError) -> bool:
    return error.code is Code.UNAVAILABLE or isinstance(error, QueueFull)
