"""A few attacks on a backend at the start of a service: one cell, a fraction of a second."""

from __future__ import annotations

import json
from typing import Final

from sandboxes.conformance.checks import JUDGING, Finding, State
from sandboxes.conformance.host import host
from sandboxes.conformance.programs import opened, run
from sandboxes.conformance.reach import ATTEMPTS, Attempt, program_of_all
from sandboxes.isolation.jail import Backend

__all__ = ["SELF_TEST", "self_test"]

_NAMES: Final = (
    "file-of-the-host",
    "folder-of-the-host",
    "memory-of-process-1",
    "the-services-sources",
    "the-standard-library",
    "the-root",
    "sockets-of-every-family",
    "process-of-the-service",
    "ptrace",
    "user-namespace",
    "mount",
    "bpf",
    "io-uring",
    "userfaultfd",
    "kernel-keyring",
    "root",
    "capabilities",
    "new-privileges",
    "environment-of-the-service",
    "a-limit-raised",
)
SELF_TEST: Final = tuple(
    attempt for attempt in ATTEMPTS if attempt.name.removeprefix("reach/") in _NAMES
)
"""The attempts that are made, all of them in one process."""


async def self_test(backend: Backend) -> list[Finding]:
    """Makes the attempts in one cell of a new jail of this backend.

    Returns:
        What came of each. One about a layer that the backend does not claim is skipped.

    Raises:
        SandboxLost: The backend can't make a jail, or it does not hold.
        OSError: What the attempts are to reach could not be made: a temporary file, a socket.
    """
    claimed = {*backend.isolation.enforced, *JUDGING}
    tried = [attempt for attempt in SELF_TEST if not claimed.isdisjoint(attempt.layers)]
    with host() as canaries:
        async with opened(backend) as jail:
            ran = await run(jail, program_of_all(tried, canaries))
    try:
        told = dict(zip(tried, json.loads(ran.output), strict=True))
    except ValueError:
        told = dict.fromkeys(tried, f"the attempts could not be made: {ran.said[-300:]}")
    return [_finding(attempt, told.get(attempt)) for attempt in SELF_TEST]


def _finding(attempt: Attempt, said: str | None) -> Finding:
    if said is None:
        state = State.SKIPPED
        said = f"the backend does not enforce {' or '.join(attempt.layers)}"
    else:
        state = State.PASSED if said in attempt.allowed else State.FAILED
    return Finding(
        name=attempt.name,
        layers=attempt.layers,
        expected=attempt.expected,
        got=said,
        state=state,
    )
