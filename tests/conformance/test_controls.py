"""The suite finds out a sandbox that does not do what it claims, and looks at nothing unclaimed."""

from __future__ import annotations

import os

import pytest

from sandboxes.conformance import ATTEMPTS, State, Subject, self_test
from sandboxes.conformance.behaviours import BEHAVIOURS
from sandboxes.conformance.chaos import EachRole
from sandboxes.conformance.reach import Attempt
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.pool import JailPool
from sandboxes.python_tests import PythonTestsExecutor
from tests.conformance.conftest import found
from tests.conformance.unjailed import UnjailedBackend, liar, modest

HARMLESS = {attempt.name: attempt for attempt in ATTEMPTS if attempt.harmless}


def subject_on(backend: UnjailedBackend) -> Subject:
    executor = PythonTestsExecutor([(Interpreter.running(), JailPool(backend))])
    return Subject(backend=backend, executor=executor)


@pytest.mark.parametrize("attempt", HARMLESS.values(), ids=HARMLESS.keys())
async def test_an_attempt_gets_through_where_nothing_stops_it(attempt: Attempt) -> None:
    finding = await found(attempt, subject_on(liar()))

    if os.geteuid() != 0 and finding.got.startswith("EPERM"):
        pytest.skip("this machine denies it to ordinary users")
    assert finding.state is State.FAILED, finding.got


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

    assert finding.state is State.FAILED
