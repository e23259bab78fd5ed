"""Jails by themselves: what they say, and what becomes of those that say nothing sensible."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from sandboxes.isolation.bubblewrap import BubblewrapBackend
from sandboxes.isolation.interpreter import Interpreter
from sandboxes.isolation.jail import Exit, ProcessLimits
from verifier_service.model import SandboxLost

NOTHING = "sandboxes.isolation.jailed.nothing"
LIMITS = ProcessLimits(cpu_seconds=2, memory_bytes=1 << 29, processes=8)


@pytest.fixture
async def backend() -> AsyncIterator[BubblewrapBackend]:
    backend = await BubblewrapBackend.create(Interpreter.running())
    yield backend
    backend.close()


async def test_runs_follow_each_other(backend: BubblewrapBackend) -> None:
    jail = backend.open(NOTHING)
    for _ in range(3):
        ended = await jail.start(NOTHING, fds={}, limits=LIMITS).ended
        assert (ended.code, ended.begun) == (0, True)
    await jail.close()


async def test_what_makes_no_sense_loses_the_jail(backend: BubblewrapBackend) -> None:
    jail = backend.open(NOTHING)
    run = jail.start(NOTHING, fds={}, limits=LIMITS)
    await jail.ready

    with pytest.raises(TypeError):
        jail._take({"event": "exit", "id": next(iter(jail._runs)), "mood": "good"})
    jail._lose("it said what makes no sense")

    with pytest.raises(SandboxLost, match="no sense"):
        await run.ended
    await jail.close()


async def test_a_jail_without_its_module_fails_its_run(backend: BubblewrapBackend) -> None:
    jail = backend.open("no.such.module")
    with pytest.raises(SandboxLost, match=r"no\.such|No module"):
        await jail.start("no.such.module", fds={}, limits=LIMITS).ended
    await jail.close()


async def test_closing_at_any_moment_leaves_no_file_descriptor(backend: BubblewrapBackend) -> None:
    await backend.self_test()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        jail = backend.open(NOTHING)
        run = jail.start(NOTHING, fds={}, limits=LIMITS)
        await jail.close()
        await jail.close()
        with pytest.raises(SandboxLost):
            await run.ended
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("ended", "kills", "by_the_machine"),
    [
        pytest.param(Exit(signal=9), 1, True, id="killed-while-memory-ran-out"),
        pytest.param(Exit(signal=9), 0, False, id="killed-itself"),
        pytest.param(Exit(signal=9, limit="cpu-time"), 1, False, id="at-its-limit"),
        pytest.param(Exit(signal=11), 1, False, id="crashed"),
        pytest.param(Exit(code=0), 1, False, id="ended"),
    ],
)
async def test_a_machine_out_of_memory_is_told_from_a_candidate_that_kills_itself(
    ended: Exit, kills: int, by_the_machine: bool, backend: BubblewrapBackend
) -> None:
    jail = backend.open(NOTHING)
    run = jail.start(NOTHING, fds={}, limits=LIMITS)
    run._kills_before -= kills  # type: ignore[attr-defined]

    assert run.ended_by_want_of_memory(ended) is by_the_machine  # type: ignore[attr-defined]
    await jail.close()
