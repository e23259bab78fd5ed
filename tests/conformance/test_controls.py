"""The suite finds out a sandbox that does not do what it claims, and looks at nothing unclaimed."""

from __future__ import annotations

import os

import pytest

from sandboxes.conformance import ATTEMPTS, State, Subject, self_test
from sandboxes.conformance.behaviours import BEHAVIOURS
from sandboxes.conformance.chaos import EachRole
from sandboxes.conformance.host import host
from sandboxes.conformance.programs import opened, run
from sandboxes.conformance.reach import Attempt, program_of
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.pool import JailPool
from sandboxes.python_tests import PythonTestsExecutor
from tests.conformance.conftest import found
from tests.conformance.unjailed import UnjailedBackend, liar, modest

HARMLESS = {attempt.name: attempt for attempt in ATTEMPTS if attempt.harmless}


def subject_on(backend: UnjailedBackend) -> Subject:
    jails = JailPool(backend)
    executor = PythonTestsExecutor([(Interpreter.running(), jails)])
    return Subject(backend=backend, jails=jails, executor=executor)


@pytest.mark.parametrize("attempt", HARMLESS.values(), ids=HARMLESS.keys())
async def test_an_attempt_gets_through_where_nothing_stops_it(attempt: Attempt) -> None:
    async with opened(liar()) as no_jail:
        with host() as canaries:
            said = (await run(no_jail, program_of(attempt, canaries))).said

    if os.geteuid() != 0 and said == "EPERM":
        pytest.skip("this machine denies it to ordinary users")
    assert said not in attempt.allowed


async def test_what_gets_through_is_a_failure() -> None:
    finding = await found(HARMLESS["reach/file-of-the-host"], subject_on(liar()))

    assert finding.state is State.FAILED


async def test_what_a_candidate_leaves_is_found() -> None:
    (behaviour,) = (one for one in BEHAVIOURS if one.short == "threads-that-go-on")

    finding = await found(behaviour, subject_on(liar()))

    assert finding.state is State.FAILED
    assert "left" in finding.got


async def test_what_is_not_claimed_is_skipped_not_passed() -> None:
    (attempt,) = (one for one in ATTEMPTS if one.short == "capabilities")

    finding = await found(attempt, subject_on(modest()))

    assert finding.state is State.SKIPPED
    assert "no-capabilities" in finding.got


async def test_the_self_test_finds_out_a_liar() -> None:
    findings = await self_test(liar())

    failed = {finding.name for finding in findings if finding.state is State.FAILED}
    assert {"reach/file-of-the-host", "reach/sockets-of-every-family"} <= failed


async def test_the_self_test_says_what_it_did_not_look_at() -> None:
    findings = await self_test(modest())

    assert {finding.state for finding in findings} == {State.SKIPPED}


async def test_where_no_process_can_be_seen_killing_them_proves_nothing() -> None:
    finding = await found(EachRole(), subject_on(liar()))

    assert finding.state is State.SKIPPED
