"""The forgery corpus against verifiers that are not ours, and against our own server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sandboxes.conformance import (
    FORGERIES,
    CommandJudge,
    Finding,
    Forgery,
    Judge,
    ServerJudge,
    State,
    put,
)
from tests.soak.service import running

PYTHON = sys.executable
BY_EXIT_CODE = f"{PYTHON} {Path(__file__).with_name('by_exit_code.py')}"
REFUSES_ALL = f'{PYTHON} -uc \'for line in open(0): print("{{\\"accepted\\": false}}")\''
SILENT = f"{PYTHON} -c 'import time; time.sleep(1000)'"
GONE = f"{PYTHON} -c 'pass'"
ODD = f"{PYTHON} -uc 'for line in open(0): print([])'"


async def findings(judge: Judge, *names: str) -> list[Finding]:
    return [finding async for finding in put([FORGERIES[name] for name in names], judge)]


async def state_of(command: str, name: str, seconds: float = 60.0) -> tuple[State, str]:
    judge = CommandJudge(command, seconds=seconds)
    (finding,) = await findings(judge, name)
    await judge.aclose()
    return finding.state, finding.got


@pytest.mark.parametrize(
    "name",
    [
        "check/sys-exit-0-at-import",
        "check/os-exit-0-in-call",
        "check/always-equal-object",
        "unittest/skip-test",
        "builtin/entry-point",
        "preamble/redefines-a-class",
        "nothing-tested/no-assertion-reached",
    ],
)
async def test_a_verifier_that_believes_exit_codes_is_forged(name: str) -> None:
    assert await state_of(BY_EXIT_CODE, name) == (State.FAILED, "accepted")


@pytest.mark.parametrize("name", ["honest/check", "honest/unittest", "check/wrong-type"])
async def test_it_is_right_about_candidates_that_do_not_cheat(name: str) -> None:
    state, _ = await state_of(BY_EXIT_CODE, name)

    assert state is State.PASSED


async def test_a_form_that_a_verifier_does_not_know_is_skipped() -> None:
    state, _ = await state_of(BY_EXIT_CODE, "program/exits-0")

    assert state is State.SKIPPED


async def test_a_verifier_that_accepts_nothing_does_not_look_unforgeable() -> None:
    assert await state_of(REFUSES_ALL, "honest/check") == (State.FAILED, "not accepted")
    assert await state_of(REFUSES_ALL, "check/not-defined") == (State.PASSED, "not accepted")


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        pytest.param(SILENT, 0.2, id="silent"),
        pytest.param(GONE, 60.0, id="gone"),
        pytest.param(ODD, 60.0, id="odd"),
        pytest.param("/no/such/command", 60.0, id="not-there"),
    ],
)
async def test_no_answer_is_a_failure(command: str, seconds: float) -> None:
    state, got = await state_of(command, "check/not-defined", seconds)

    assert state is State.FAILED
    assert got.startswith("no answer")


async def test_a_command_that_has_ended_is_started_anew() -> None:
    judge = CommandJudge(f'{PYTHON} -uc \'input(); print("{{\\"accepted\\": false}}")\'')

    states = [one.state for one in await findings(judge, *["check/not-defined"] * 4)]
    await judge.aclose()

    assert states.count(State.PASSED) >= 2


def some_of_each_kind() -> list[Forgery]:
    """A few of the corpus, of every kind."""
    kinds: dict[str, list[Forgery]] = {}
    for name, forgery in FORGERIES.items():
        kinds.setdefault(name.partition("/")[0], []).append(forgery)
    return [one for forgeries in kinds.values() for one in (forgeries[0], forgeries[-1])]


async def test_a_server_of_ours_is_not_forged(tmp_path: Path) -> None:
    with running(tmp_path, slots=1) as server:
        judge = ServerJudge(server.address)
        found = [finding async for finding in put(some_of_each_kind(), judge)]
        await judge.aclose()

    assert [one for one in found if one.state is not State.PASSED] == []


async def test_a_server_that_is_not_there_gives_no_verdict() -> None:
    judge = ServerJudge("127.0.0.1:1")
    (finding,) = await findings(judge, "check/not-defined")
    await judge.aclose()

    assert (finding.state, finding.got.partition(":")[0]) == (State.FAILED, "UNAVAILABLE")
