"""What a check is, what it is put to, and what is found."""

from __future__ import annotations

import asyncio
import enum
import fnmatch
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sandboxes.isolation.host_processes import descendants
from sandboxes.isolation.jail import Backend
from sandboxes.isolation.pool import JailPool
from verifier_service.model import Executor

__all__ = ["JUDGING", "Check", "Finding", "State", "Subject", "Unseen", "find", "is_selected"]

JUDGING: Final = {
    "separated-tests": "the tests, expected values and report are in another jail",
    "supervisor": "the service itself, from outside of the jail",
    "canaries": "runs that no honest candidate passes, where tests share its interpreter",
    "policy": "nothing stops it: what the tests can't tell apart is accepted",
}
"""Layers that no backend enforces, but what is built on it. The others are those of
docs/threat-model.md, by their names there."""

PATIENCE_SECONDS: Final = 300.0
"""For one check, far more than it takes: a check that never ends is a failure, not a hang."""


class State(enum.Enum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It says nothing: the backend does not claim to enforce what the check is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check."""

    name: str
    """"reach/kernel-keyring": group and name."""
    layers: tuple[str, ...]
    """What is to stop it; any of these."""
    expected: str
    got: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is put to the test: a backend, and the executor for Python tests on it."""

    backend: Backend
    jails: JailPool
    """Of the backend, kept warm between runs."""
    executor: Executor
    others: frozenset[int] = field(default_factory=lambda: frozenset(descendants(os.getpid())))
    """Processes below this one that were there before it, and are none of its own."""


class Unseen(Exception):
    """A check can't look here; the message says why. It is skipped, not passed."""


class Check(Protocol):
    """One thing to look at."""

    @property
    def name(self) -> str:
        """Group and name; unique."""
        ...

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of which each by itself is enough; see `JUDGING` and docs/threat-model.md."""
        ...

    @property
    def expected(self) -> str:
        """What must be seen, in words."""
        ...

    async def look(self, subject: Subject) -> tuple[bool, str]:
        """Looks; returns whether it is as expected, and what was seen.

        Raises:
            Unseen: It can't be looked at here.
        """
        ...


def is_selected(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name matches one of the patterns, which are as a shell's; any, without patterns."""
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


async def find(checks: Iterable[Check], subject: Subject) -> AsyncIterator[Finding]:
    """Puts a subject to checks, one after another.

    A check about layers that the backend does not claim is skipped, and says which ones: what
    nobody enforces is not passed because nothing happened.
    """
    claimed = {*subject.backend.isolation.enforced, *JUDGING}
    for check in checks:
        if claimed.isdisjoint(check.layers):
            got = f"the backend does not enforce {' or '.join(check.layers)}"
            yield _finding(check, State.SKIPPED, got)
            continue
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                as_expected, got = await check.look(subject)
        except Unseen as reason:
            yield _finding(check, State.SKIPPED, str(reason))
            continue
        except TimeoutError:
            as_expected, got = False, f"nothing for {PATIENCE_SECONDS:.0f} s"
        except Exception as error:  # noqa: BLE001 - whatever a backend does is what is found
            as_expected, got = False, f"{type(error).__name__}: {error}"
        yield _finding(check, State.PASSED if as_expected else State.FAILED, got)


def _finding(check: Check, state: State, got: str) -> Finding:
    return Finding(
        name=check.name, layers=check.layers, expected=check.expected, got=got, state=state
    )
