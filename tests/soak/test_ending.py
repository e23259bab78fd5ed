"""However a run comes to be unwanted, no process of it is left: real jails, seen in `/proc`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from clients import AsyncVerifier, python_stdio, python_tests
from tests.soak.machine import Machine, Process, adopting_orphans, eventually, orphans
from tests.soak.service import Server, running
from verifier_service.model import (
    Cancelled,
    DeadlineExceeded,
    StopRule,
    Verdict,
    VerificationSpec,
)

NAME: Final = "endless"
NAMED: Final = f"import ctypes, os, signal, time\nctypes.CDLL(None).prctl(15, b'{NAME}')\n"
"""Gives the process a name (PR_SET_NAME) that shows in `/proc`: the candidate itself runs."""
TESTS: Final = "assert f(1) == 2"
BEGINNING_SECONDS: Final = 30.0
DEADLINE_SECONDS: Final = 1.0


def endless(source: str) -> VerificationSpec:
    return python_tests(NAMED + source, tests=TESTS)


def right() -> VerificationSpec:
    """One that was not judged before."""
    return python_tests(f"# {uuid.uuid4()}\ndef f(x): return x + 1", tests=TESTS)


SPECS: Final = {
    "sleeps": endless("def f(x): time.sleep(1000)"),
    "burns": endless("while True: pass"),
    "forks": endless(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    os.fork()\n"
        "    while True: pass\n"
        "def f(x): time.sleep(1000)"
    ),
    "program": python_stdio(f"{NAMED}time.sleep(1000)", [("1\n", "2\n")]),
}


def candidates(server: Server) -> set[Process]:
    """Candidates that run at this moment."""
    return {one for one in server.jailed() if _name(one) == NAME}


def _name(process: Process) -> str:
    with suppress(OSError):  # it is gone
        return Path(f"/proc/{process.pid}/comm").read_text().strip()
    return ""


async def begun(server: Server, count: int = 1) -> None:
    """Returns once so many processes of candidates run."""
    async with asyncio.timeout(BEGINNING_SECONDS):
        while len(candidates(server)) < count:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("ending"), slots=2) as server:
        yield server


@pytest.fixture
async def verifier(server: Server) -> AsyncIterator[AsyncVerifier]:
    async with AsyncVerifier(server.address) as verifier:
        yield verifier


# Ways to be rid of a run ------------------------------------------------------------------------

End = Callable[[AsyncVerifier, Server, VerificationSpec], Awaitable[None]]


async def call_cancelled(verifier: AsyncVerifier, server: Server, spec: VerificationSpec) -> None:
    call = asyncio.create_task(verifier.verify(spec))
    await begun(server)
    call.cancel()
    await asyncio.wait([call])


async def deadline_passed(verifier: AsyncVerifier, server: Server, spec: VerificationSpec) -> None:
    with pytest.raises(DeadlineExceeded):
        await verifier.verify(spec, timeout_seconds=DEADLINE_SECONDS)


async def client_gone(verifier: AsyncVerifier, server: Server, spec: VerificationSpec) -> None:
    call = asyncio.create_task(verifier.verify(spec))
    await begun(server)
    await verifier.close()
    await asyncio.wait([call])


async def ticket_cancelled(verifier: AsyncVerifier, server: Server, spec: VerificationSpec) -> None:
    async with verifier.stream() as session:
        await session.submit(spec, ticket="node-1/1")
        await begun(server)
        await session.cancel("node-1/*")
        item = await session.next()
        assert item is not None
        assert isinstance(item.error, Cancelled)
        assert await eventually(server.jailed) == set()  # with the stream still open


async def stream_closed(verifier: AsyncVerifier, server: Server, spec: VerificationSpec) -> None:
    async with verifier.stream() as session:
        await session.submit(spec)
        await begun(server)


async def batch_satisfied(verifier: AsyncVerifier, server: Server, spec: VerificationSpec) -> None:
    enough = StopRule(accepted_count=1)
    items = [item async for item in verifier.batch([spec, right(), spec], stop_rule=enough)]
    ends = {item.index: item.error or item.verdict for item in items}
    accepted = ends.pop(1)

    assert isinstance(accepted, Verdict), accepted
    assert accepted.reason == "tests-passed"
    assert {type(end) for end in ends.values()} == {Cancelled}


async def batch_left(verifier: AsyncVerifier, server: Server, spec: VerificationSpec) -> None:
    items = verifier.batch([right(), spec])
    await anext(items)
    await begun(server)
    await items.aclose()


async def verification_cancelled(
    verifier: AsyncVerifier, server: Server, spec: VerificationSpec
) -> None:
    started = await verifier.start(spec)
    await begun(server)
    await verifier.cancel(started.verification_id)
    assert server.jailed() == set()  # cancelling returns when nothing of it runs any more


WAYS: Final[tuple[End, ...]] = (
    call_cancelled,
    deadline_passed,
    client_gone,
    ticket_cancelled,
    stream_closed,
    batch_satisfied,
    batch_left,
    verification_cancelled,
)


@pytest.mark.parametrize("end", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("candidate", SPECS)
async def test_no_process_of_it_is_left(
    verifier: AsyncVerifier, server: Server, end: End, candidate: str
) -> None:
    await end(verifier, server, SPECS[candidate])

    assert await eventually(server.jailed) == set()


# Ways to be rid of the server -------------------------------------------------------------------


@pytest.fixture
def before() -> Iterator[Machine]:
    """The machine before the test; what the test leaves becomes its own."""
    with adopting_orphans():
        yield Machine.look()


@asynccontextmanager
async def submitted(server: Server) -> AsyncIterator[None]:
    """All kinds of candidates at once, in a stream."""
    async with AsyncVerifier(server.address) as verifier, verifier.stream() as session:
        for spec in SPECS.values():
            await session.submit(spec)
        yield


async def test_sigterm_ends_what_outlasts_the_drain(tmp_path: Path, before: Machine) -> None:
    with running(tmp_path, slots=len(SPECS), drain_seconds=0.3) as server:
        async with submitted(server):
            await begun(server, len(SPECS))
            assert await server.terminate() == 0
        assert await eventually(lambda: orphans(before)) == set()
        assert Machine.look().left_since(before) == []


async def test_sigterm_lets_what_is_nearly_done_end(tmp_path: Path, before: Machine) -> None:
    spec = endless("time.sleep(1)\ndef f(x): return x + 1")
    with running(tmp_path, slots=1, drain_seconds=60) as server:
        async with AsyncVerifier(server.address) as verifier:
            call = asyncio.create_task(verifier.verify(spec))
            await begun(server)
            exit_code = await server.terminate()
            assert (await call).reward == 1.0
        assert exit_code == 0
        assert await eventually(lambda: orphans(before)) == set()


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.1], ids="{} s".format)
async def test_jails_die_with_a_killed_server_at_any_moment(
    tmp_path: Path, before: Machine, seconds: float
) -> None:
    with running(tmp_path, slots=len(SPECS)) as server:
        async with submitted(server):
            while not server.jailed():  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.001)
            await asyncio.sleep(seconds)
            server.kill()
            assert await eventually(lambda: orphans(before)) == set()
        assert Machine.look().left_since(before) == []


async def test_jails_die_with_a_killed_server_in_full_swing(
    tmp_path: Path, before: Machine
) -> None:
    with running(tmp_path, slots=len(SPECS)) as server:
        async with submitted(server):
            await begun(server, len(SPECS))
            server.kill()
            assert await eventually(lambda: orphans(before)) == set()
        assert Machine.look().left_since(before) == []
